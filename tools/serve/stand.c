#define _GNU_SOURCE /* pipe2, strerrordesc_np */

#include "stand.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stand_process.h"
#include "web/reply.h"

enum { STANDS = 6, WAITING = 256, IDLE_SECONDS = 60, SAYS = 128 };

typedef struct question {
    struct question *next;
    struct http_call *call; /* NULL: it was told that it goes on */
    double asked;
    stand_way way;
    char *text;
    size_t size;
    child_tell *tell;
    void *with;
} question;

typedef struct stand {
    struct stand *next;
    const char *words[CHILD_WORDS + 1];
    char *stamp;
    question *first;
    int waiting;
    bool busy, ends;
    pthread_cond_t asked;
    process p;       /* of its thread alone, and so is: */
    char says[SAYS]; /* how far it is */
} stand;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    stand *first;
    int count;
    bool ends;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a conversation --------------------------------------------------------------------------------- */

/* Lines "wait TEXT" before its answer. Are there any? */
static bool take_waits(stand *s)
{
    static const char word[] = "wait ";
    const size_t length = sizeof word - 1;
    char *end;
    bool any = false;
    while (s->p.size > length && strncmp(s->p.bytes, word, length) == 0 &&
           (end = memchr(s->p.bytes, '\n', s->p.size))) {
        *end++ = '\0';
        snprintf(s->says, sizeof s->says, "%s", s->p.bytes + length);
        s->p.size -= (size_t)(end - s->p.bytes);
        memmove(s->p.bytes, end, s->p.size + 1);
        any = true;
    }
    return any;
}

static void tell_waits(const stand *s, question *q)
{
    answer a = {.status = 500};
    const child_said said = {STAND_WAITS, s->says, "", strlen(s->says)};
    q->tell(q->with, &said, &a);
    http_give(q->call, &a);
    q->call = NULL;
}

static void forget_question(question *q)
{
    free(q->with);
    free(q->text);
    free(q);
}

/* Whoever has waited long enough, for this answer or behind it, is told that it goes on. */
static void tell_patient(stand *s, question *first)
{
    const double time = now();
    if (first->call && first->way.patience > 0 && time > first->asked + first->way.patience)
        tell_waits(s, first);
    pthread_mutex_lock(&all.lock);
    for (question **at = &s->first; *at;) {
        question *q = *at;
        if (q->call && q->way.patience > 0 && time > q->asked + q->way.patience)
            tell_waits(s, q);
        if (!q->call) {
            *at = q->next;
            s->waiting--;
            forget_question(q);
        } else {
            at = &q->next;
        }
    }
    pthread_mutex_unlock(&all.lock);
}

/* NULL, or why there is no answer; then the process is another one next time. */
static const char *converse(stand *s, question *q)
{
    double until = now() + q->way.seconds;
    size_t put = 0;
    s->p.size = 0;
    s->p.why[0] = s->says[0] = '\0';
    for (;;) {
        tell_patient(s, q);
        struct pollfd p[3] = {{.fd = s->p.from, .events = POLLIN},
                              {.fd = s->p.error, .events = POLLIN},
                              {.fd = put < q->size ? s->p.to : -1, .events = POLLOUT}};
        if (child_ends())
            return "the server ends";
        if (now() > until) {
            snprintf(s->p.why, sizeof s->p.why, "no answer after %.0f s", q->way.seconds);
            return s->p.why;
        }
        if (poll(p, 3, 200) <= 0)
            continue;
        if (p[1].revents & POLLIN)
            process_take_why(&s->p);
        if (p[2].revents) {
            /* A pipe takes this many without waiting, once it says that it takes any. */
            const size_t most = q->size - put < 4096 ? q->size - put : 4096;
            const ssize_t done = write(s->p.to, q->text + put, most);
            if (done < 0 && errno != EINTR)
                return process_why_ended(&s->p);
            put += done > 0 ? (size_t)done : 0;
        }
        if (p[0].revents && !process_take(&s->p))
            return s->p.size > STAND_BYTES ? "it says too much" : process_why_ended(&s->p);
        if (q->way.waits && take_waits(s))
            until = now() + q->way.seconds;
        if (put == q->size && s->p.size > 0) {
            const size_t length = q->way.whole(s->p.bytes, s->p.size);
            if (length > s->p.size || s->p.size > STAND_BYTES)
                return "its answer is none";
            if (length > 0) {
                s->p.size = length;
                return NULL;
            }
        }
    }
}

/* It has ended, or says what nobody asked for: then the next answer would be another's. */
static bool is_odd(const stand *s)
{
    struct pollfd p = {.fd = s->p.from, .events = POLLIN};
    return s->p.pid && poll(&p, 1, 0) != 0;
}

static void answer_one(stand *s, question *q)
{
    answer a = {.status = 500};
    child_said said = {.status = -1, .out = "", .error = ""};
    if (is_odd(s))
        process_stop(&s->p);
    const int status = s->p.pid ? 0 : process_start(&s->p, s->words, q->way.memory);
    said.error = status ? strerrordesc_np(status) : converse(s, q);
    if (!said.error)
        said = (child_said){.out = s->p.bytes, .error = "", .size = s->p.size};
    else
        process_stop(&s->p);
    if (q->call) {
        q->tell(q->with, &said, &a);
        http_give(q->call, &a);
    }
    forget_question(q);
}

/* ---- its thread ------------------------------------------------------------------------------------- */

static void forget(stand *s)
{
    for (int i = 0; s->words[i]; i++)
        free((char *)(uintptr_t)s->words[i]);
    pthread_cond_destroy(&s->asked);
    free(s->p.bytes);
    free(s->stamp);
    free(s);
}

/* The next question, with the lock held; NULL: it has stood idle, or is to end. */
static question *wait_for_one(stand *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    s->busy = false;
    while (!s->first && !s->ends && !all.ends)
        if (pthread_cond_timedwait(&s->asked, &all.lock, &until) == ETIMEDOUT)
            break;
    question *q = s->first;
    if (!q)
        return NULL;
    s->first = q->next;
    s->waiting--;
    s->busy = true;
    return q;
}

static void *attend(void *arg)
{
    stand *s = arg;
    question *q;
    pthread_mutex_lock(&all.lock);
    while ((q = wait_for_one(s))) {
        pthread_mutex_unlock(&all.lock);
        answer_one(s, q);
        pthread_mutex_lock(&all.lock);
    }
    stand **at = &all.first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pthread_mutex_unlock(&all.lock); /* nobody else knows of it any more */
    process_stop(&s->p);
    forget(s);
    pthread_mutex_lock(&all.lock);
    all.count--;
    pthread_cond_broadcast(&all.ended);
    pthread_mutex_unlock(&all.lock);
    return NULL;
}

/* ---- asking ----------------------------------------------------------------------------------------- */

static bool is_it(const stand *s, const char *const *words, const char *stamp)
{
    int i = 0;
    if (strcmp(s->stamp, stamp) != 0)
        return false;
    while (words[i] && s->words[i] && strcmp(words[i], s->words[i]) == 0)
        i++;
    return !words[i] && !s->words[i];
}

static stand *create(const char *const *words, const char *stamp)
{
    stand *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_cond_init(&s->asked, NULL);
    s->stamp = strdup(stamp);
    bool done = s->stamp != NULL;
    for (int i = 0; words[i] && done; i++) {
        s->words[i] = i < CHILD_WORDS ? strdup(words[i]) : NULL;
        done = s->words[i] != NULL;
    }
    s->next = all.first;
    all.first = s;
    all.count++;
    if (done && child_thread(attend, s))
        return s;
    all.first = s->next;
    all.count--;
    forget(s);
    return NULL;
}

/* The one with these words, with the lock held; for a new one an idle one has to go. NULL: there is no room. */
static stand *find(const char *const *words, const char *stamp)
{
    stand *idle = NULL;
    for (stand *s = all.first; s; s = s->next) {
        if (!s->ends && is_it(s, words, stamp))
            return s;
        idle = s->busy || s->waiting ? idle : s;
    }
    if (all.count >= STANDS && !idle)
        return NULL;
    if (all.count >= STANDS) {
        idle->ends = true;
        pthread_cond_signal(&idle->asked);
    }
    return all.ends || all.count > 2 * STANDS ? NULL : create(words, stamp);
}

void stand_ask(const request *r, answer *a, const stand_way *way, const char *question_,
               size_t size, child_tell *tell, void *with)
{
    question *q = calloc(1, sizeof *q);
    char *text = malloc(size + 1);
    pthread_mutex_lock(&all.lock);
    stand *s = q && text ? find(way->words, way->stamp ? way->stamp : "") : NULL;
    if (s && s->waiting < WAITING) {
        memcpy(text, question_, size);
        *q = (question){.way = *way, .text = text, .size = size, .tell = tell, .with = with};
        q->asked = now();
        if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
            q->way.patience = 0;
        q->way.words = NULL; /* the caller's */
        q->call = http_later(r, a);
        question **last = &s->first;
        while (*last)
            last = &(*last)->next;
        *last = q;
        s->waiting++;
        pthread_cond_signal(&s->asked);
        pthread_mutex_unlock(&all.lock);
        return;
    }
    pthread_mutex_unlock(&all.lock);
    free(q);
    free(text);
    free(with);
    reply_error(a, 503, NULL, "too much is being done: try again in a moment");
}

void stand_end_all(void)
{
    pthread_mutex_lock(&all.lock);
    all.ends = true;
    for (stand *s = all.first; s; s = s->next)
        pthread_cond_signal(&s->asked);
    while (all.count > 0)
        pthread_cond_wait(&all.ended, &all.lock);
    pthread_mutex_unlock(&all.lock);
}
