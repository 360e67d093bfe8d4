#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../common/workspace.h"
#include "child.h"

enum { THREADS = 2 };

typedef struct task {
    struct task *next;
    server *s;
    request r;
    api_answers *answers;
    char name[API_STARS][RUN_NAME + 1];
    const char *id[API_STARS];
} task;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    task *first, **last;
    int threads;
    bool ends;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .last = &all.first};

/* One after the other until there is none; with the lock held. */
static void *work(void *with)
{
    (void)with;
    pthread_mutex_lock(&all.lock);
    for (task *t; (t = all.first);) {
        answer a = {.status = 200};
        all.first = t->next;
        all.last = all.first ? all.last : &all.first;
        pthread_mutex_unlock(&all.lock);
        t->answers(t->s, &t->r, t->id, &a);
        http_give(t->r.call, &a);
        free(t);
        pthread_mutex_lock(&all.lock);
    }
    all.threads--;
    pthread_cond_signal(&all.ended);
    pthread_mutex_unlock(&all.lock);
    return NULL;
}

bool work_later(server *s, const request *r, api_answers *answers, const char *const id[],
                int count, answer *a)
{
    task *t = calloc(1, sizeof *t);
    if (!t)
        return false;
    *t = (task){.s = s, .r = *r, .answers = answers};
    for (int i = 0; i < count; i++)
        t->id[i] = strcpy(t->name[i], id[i]); /* names, as routes.c has seen */
    pthread_mutex_lock(&all.lock);
    if (!all.ends && all.threads < THREADS && child_thread(work, NULL))
        all.threads++;
    const bool done = !all.ends && all.threads > 0;
    if (done) {
        (void)http_later(r, a);
        *all.last = t;
        all.last = &t->next;
    }
    pthread_mutex_unlock(&all.lock);
    if (!done)
        free(t);
    return done;
}

void work_end(void)
{
    pthread_mutex_lock(&all.lock);
    all.ends = true;
    while (all.threads > 0)
        pthread_cond_wait(&all.ended, &all.lock);
    pthread_mutex_unlock(&all.lock);
}
