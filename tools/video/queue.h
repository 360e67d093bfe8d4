/*
 * A bounded queue of pictures between two threads, and what happens when it is full: who fills it waits (of files, nothing is
 * lost), or the oldest goes (of live sources, and it is counted). A bell is what several queues ring whenever anything about
 * them changes, so that one thread can wait for all of them.
 */
#ifndef VIDEO_QUEUE_H
#define VIDEO_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    uint64_t count; /* how often */
} bell;

void bell_make(bell *b);
void bell_free(bell *b);
void bell_ring(bell *b);
uint64_t bell_count(bell *b);
/* Until it was rung since `seen`, or the clock (seconds(), ../common/progress.h) says `until`. */
void bell_wait(bell *b, uint64_t seen, double until);

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bell *bell; /* may be NULL */
    void **item;
    int room, first, count;
    bool drops; /* the oldest, rather than to wait */
    bool closed;
} queue;

/* `item` is room for that many. */
void queue_make(queue *q, void **item, int room, bool drops, bell *rings);
void queue_free(queue *q); /* what is in it is its owner's affair: queue_take() until NULL */

/* Puts one in at the end; NULL, or one that had to go: the oldest, or the one given itself once the queue is closed. */
void *queue_put(queue *q, void *item);
/* The oldest; NULL: there is none now. */
void *queue_take(queue *q);
/* The oldest, waited for; NULL: none will come any more. */
void *queue_wait(queue *q);

/* How many it can take without waiting or dropping. */
int queue_left(queue *q);
/* Nothing is put in any more: what is in it can still be taken. */
void queue_close(queue *q);
/* Is it closed and empty? */
bool queue_ended(queue *q);

#endif
