/*
 * Which items make up a batch: a function of (seed, epoch, place in the epoch).
 */
#ifndef TN_SAMPLER_H
#define TN_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/status.h>

typedef struct tn_sampler {
    int64_t count;   /* items of the source */
    int64_t batches; /* of an epoch */
    int batch;
    bool shuffle;
    uint64_t seed;
    int64_t epoch; /* that `order` is of, -1 at first */
    int64_t *order;
} tn_sampler;

/* TN_ERR_ARGUMENT if all of them, called `what`, are fewer than the only batch that would be left. */
tn_status tn_sampler_create(tn_sampler *s, int64_t count, const char *what, int batch, bool shuffle,
                            bool drop_last, uint64_t seed);
void tn_sampler_destroy(tn_sampler *s); /* a zeroed one is fine */

/* The items of a batch: `batch` of them, -1 where an epoch's last batch has no more. */
void tn_sampler_batch(tn_sampler *s, int64_t epoch, int64_t index, int64_t *item);

#endif
