/*
 * A ring of batches between the threads that fill them and the one that takes them.
 *
 * Work is handed out strictly in order, some rows of a batch at a time, so that all threads help with
 * the batch that is wanted next; a batch is given out when all its rows are done. The ring runs on
 * over the end of an epoch: no epoch begins with an empty ring. Which thread fills a row makes no
 * difference to what is in it.
 */
#ifndef TN_QUEUE_H
#define TN_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <tenon/data.h>

#include "data/sampler.h"

/* What came of a row; `problem` says why it failed and belongs to the slot. */
typedef struct tn_row {
    bool holds; /* a sample */
    tn_status status;
    char *problem;
} tn_row;

/* Memory of one batch. */
typedef struct tn_slot {
    int64_t epoch, index;
    int done;       /* rows */
    int64_t *item;  /* a row: the item of the source that belongs there, or -1 */
    int64_t *place; /* a row: its place in the epoch */
    tn_row *row;
    uint8_t *memory;               /* of all arrays */
    uint8_t *array[TN_MAX_ARRAYS]; /* a stretch of it each */
} tn_slot;

typedef struct tn_queue {
    tn_device *device; /* whose memory the arrays lie in, or NULL */
    pthread_mutex_t lock;
    pthread_cond_t work;  /* there may be rows to claim, or it is time to stop */
    pthread_cond_t ready; /* a batch is done, or no thread is busy */
    bool made;            /* lock and conditions exist */
    tn_slot *slot;
    int slots, rows, chunk, arrays;
    size_t row_bytes[TN_MAX_ARRAYS];
    tn_sampler sampler;
    int64_t epoch, index;     /* of the batch to open next */
    int64_t opened, returned; /* batches: all rows claimed, given back by the taker */
    int claimed;              /* rows of the batch that is being claimed */
    int busy;                 /* claims that are not finished */
    bool paused, stopped;
} tn_queue;

/* Some rows of a batch, to be filled by the thread that claimed them. */
typedef struct tn_claim {
    tn_slot *slot;
    int first, end;
} tn_claim;

/* `slots` batches of sampler->batch rows, each with so many arrays of so many bytes a row, in memory for `device` if
 * that is not NULL; `chunk` rows a claim. The sampler becomes the queue's, even if this fails. */
tn_status tn_queue_create(tn_queue *q, tn_sampler *sampler, tn_device *device, int slots, int chunk,
                          const size_t *row_bytes, int arrays);
void tn_queue_destroy(tn_queue *q); /* when no thread uses it any more; a zeroed one is fine */

static inline void *tn_queue_row(const tn_queue *q, const tn_slot *s, int array, int row)
{
    return s->array[array] + (size_t)row * q->row_bytes[array];
}

/* For the threads that fill. claim() waits for work; false: stop. */
bool tn_queue_claim(tn_queue *q, tn_claim *claim);
void tn_queue_finish(tn_queue *q, const tn_claim *claim);

/* For the thread that takes. The batch in front, when it is done; it stays in front. */
tn_slot *tn_queue_front(tn_queue *q);
/* Gives the batch in front back to be filled anew. */
void tn_queue_return(tn_queue *q);
/* Forgets what is there and begins again with this batch. Waits for rows that are being filled. */
void tn_queue_seek(tn_queue *q, int64_t epoch, int64_t index);
/* Ends the threads: every claim() returns false from now on. */
void tn_queue_stop(tn_queue *q);

#endif
