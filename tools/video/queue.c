#define _POSIX_C_SOURCE 200809L /* CLOCK_MONOTONIC for conditions */

#include "queue.h"

#include <math.h>
#include <time.h>

/* ---- bells ------------------------------------------------------------------------------------ */

/* Its waits end by the clock that only goes forward. */
static void make_condition(pthread_cond_t *c)
{
    pthread_condattr_t how;
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(c, &how);
    pthread_condattr_destroy(&how);
}

void bell_make(bell *b)
{
    *b = (bell){0};
    pthread_mutex_init(&b->lock, NULL);
    make_condition(&b->rung);
}

void bell_free(bell *b)
{
    pthread_cond_destroy(&b->rung);
    pthread_mutex_destroy(&b->lock);
}

void bell_ring(bell *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->count++;
    pthread_cond_broadcast(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

uint64_t bell_count(bell *b)
{
    pthread_mutex_lock(&b->lock);
    const uint64_t count = b->count;
    pthread_mutex_unlock(&b->lock);
    return count;
}

void bell_wait(bell *b, uint64_t seen, double until)
{
    const double whole = floor(until);
    const struct timespec t = {.tv_sec = (time_t)whole, .tv_nsec = (long)(1e9 * (until - whole))};
    pthread_mutex_lock(&b->lock);
    while (b->count == seen && pthread_cond_timedwait(&b->rung, &b->lock, &t) == 0)
        continue;
    pthread_mutex_unlock(&b->lock);
}

/* ---- queues ----------------------------------------------------------------------------------- */

void queue_make(queue *q, void **item, int room, bool drops, bell *rings)
{
    *q = (queue){.item = item, .room = room, .drops = drops, .bell = rings};
    pthread_mutex_init(&q->lock, NULL);
    make_condition(&q->changed);
}

void queue_free(queue *q)
{
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
}

static void *first(queue *q)
{
    if (q->count == 0)
        return NULL;
    void *item = q->item[q->first];
    q->first = (q->first + 1) % q->room;
    q->count--;
    return item;
}

/* Somebody may wait for it on either side. */
static void tell(queue *q)
{
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    bell_ring(q->bell);
}

void *queue_put(queue *q, void *item)
{
    void *gone = NULL;
    pthread_mutex_lock(&q->lock);
    while (q->count == q->room && !q->drops && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    if (q->closed) {
        pthread_mutex_unlock(&q->lock);
        return item;
    }
    if (q->count == q->room)
        gone = first(q);
    q->item[(q->first + q->count++) % q->room] = item;
    tell(q);
    return gone;
}

void *queue_take(queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = first(q);
    if (item)
        tell(q);
    else
        pthread_mutex_unlock(&q->lock);
    return item;
}

void *queue_wait(queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    void *item = first(q);
    tell(q);
    return item;
}

int queue_left(queue *q)
{
    pthread_mutex_lock(&q->lock);
    const int left = q->room - q->count;
    pthread_mutex_unlock(&q->lock);
    return left;
}

void queue_close(queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    tell(q);
}

bool queue_ended(queue *q)
{
    pthread_mutex_lock(&q->lock);
    const bool ended = q->closed && q->count == 0;
    pthread_mutex_unlock(&q->lock);
    return ended;
}
