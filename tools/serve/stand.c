#define _GNU_SOURCE /* pipe2, strerrordesc_np */

#include "stand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "web/reply.h"

enum { STANDS = 6, WAITING = 256, IDLE_SECONDS = 60, WHY = 1024, FIRST_BYTES = 65536 };

typedef struct question {
    struct question *next;
    struct http_call *call;
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
    /* Of its thread alone: */
    pid_t pid; /* 0: it does not run */
    int to, from, error;
    char *bytes;
    size_t size, capacity;
    char why[WHY]; /* the last that it said of what went wrong */
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

/* ---- its process ------------------------------------------------------------------------------------ */

static void stop(stand *s)
{
    if (s->pid == 0)
        return;
    close(s->to);
    close(s->from);
    close(s->error);
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
}

/* Returns 0, or errno. */
static int start(stand *s, size_t memory)
{
    int pipes[3][2];
    int made = 0, status = 0;
    while (made < 3 && pipe2(pipes[made], O_CLOEXEC) == 0)
        made++;
    status = made < 3 ? errno
                      : child_spawn(&s->pid, s->words, pipes[0][0], pipes[1][1], pipes[2][1],
                                    CHILD_SHORT);
    for (int i = 0; i < made; i++)
        close(pipes[i][i == 0 ? 0 : 1]);
    if (status == 0) {
        s->to = pipes[0][1];
        s->from = pipes[1][0];
        s->error = pipes[2][0];
        if (memory)
            child_limit(s->pid, RLIMIT_AS, memory);
        return 0;
    }
    for (int i = 0; i < made; i++)
        close(pipes[i][i == 0 ? 1 : 0]);
    s->pid = 0;
    return status;
}

static bool take(stand *s)
{
    if (s->capacity - s->size < FIRST_BYTES) {
        const size_t capacity = 2 * s->capacity + 2 * FIRST_BYTES;
        char *bytes = capacity <= 2 * STAND_BYTES ? realloc(s->bytes, capacity) : NULL;
        if (!bytes)
            return false;
        s->bytes = bytes;
        s->capacity = capacity;
    }
    const ssize_t got = read(s->from, s->bytes + s->size, s->capacity - s->size - 1);
    s->size += got > 0 ? (size_t)got : 0;
    s->bytes[s->size] = '\0';
    return got > 0 || (got < 0 && errno == EINTR);
}

/* A sentence comes in pieces; of too many sentences the first ones are kept. */
static void take_why(stand *s)
{
    char rest[WHY];
    const size_t has = strlen(s->why), room = sizeof s->why - 1 - has;
    const ssize_t got = read(s->error, room ? s->why + has : rest, room ? room : sizeof rest);
    if (got > 0 && room)
        s->why[has + (size_t)got] = '\0';
}

static const char *why_ended(stand *s)
{
    struct pollfd p = {.fd = s->error, .events = POLLIN};
    while (poll(&p, 1, 0) > 0 && p.revents & POLLIN)
        take_why(s);
    s->why[strcspn(s->why, "\n")] = '\0';
    const char *colon = strstr(s->why, ": ");
    return colon ? colon + 2 : s->why[0] ? s->why : "it was ended by what it was asked";
}

/* NULL, or why there is no answer; then the process is another one next time. */
static const char *converse(stand *s, const question *q)
{
    const double until = now() + q->way.seconds;
    size_t put = 0;
    s->size = 0;
    s->why[0] = '\0';
    for (;;) {
        struct pollfd p[3] = {{.fd = s->from, .events = POLLIN},
                              {.fd = s->error, .events = POLLIN},
                              {.fd = put < q->size ? s->to : -1, .events = POLLOUT}};
        if (child_ends())
            return "the server ends";
        if (now() > until) {
            snprintf(s->why, sizeof s->why, "no answer after %.0f s", q->way.seconds);
            return s->why;
        }
        if (poll(p, 3, 200) <= 0)
            continue;
        if (p[1].revents & POLLIN)
            take_why(s);
        if (p[2].revents) {
            /* A pipe takes this many without waiting, once it says that it takes any. */
            const size_t most = q->size - put < 4096 ? q->size - put : 4096;
            const ssize_t done = write(s->to, q->text + put, most);
            if (done < 0 && errno != EINTR)
                return why_ended(s);
            put += done > 0 ? (size_t)done : 0;
        }
        if (p[0].revents && !take(s))
            return s->size > STAND_BYTES ? "it says too much" : why_ended(s);
        if (put == q->size && s->size > 0) {
            const size_t length = q->way.whole(s->bytes, s->size);
            if (length > s->size || s->size > STAND_BYTES)
                return "its answer is none";
            if (length > 0) {
                s->size = length;
                return NULL;
            }
        }
    }
}

/* It has ended, or says what nobody asked for: then the next answer would be another's. */
static bool is_odd(const stand *s)
{
    struct pollfd p = {.fd = s->from, .events = POLLIN};
    return s->pid && poll(&p, 1, 0) != 0;
}

static void answer_one(stand *s, question *q)
{
    answer a = {.status = 500};
    child_said said = {.status = -1, .out = "", .error = ""};
    if (is_odd(s))
        stop(s);
    const int status = s->pid ? 0 : start(s, q->way.memory);
    said.error = status ? strerrordesc_np(status) : converse(s, q);
    if (!said.error)
        said = (child_said){.out = s->bytes, .error = "", .size = s->size};
    else
        stop(s);
    q->tell(q->with, &said, &a);
    http_give(q->call, &a);
    free(q->with);
    free(q->text);
    free(q);
}

/* ---- its thread ------------------------------------------------------------------------------------- */

static void forget(stand *s)
{
    for (int i = 0; s->words[i]; i++)
        free((char *)(uintptr_t)s->words[i]);
    pthread_cond_destroy(&s->asked);
    free(s->bytes);
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
    stop(s);
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
