/*
 * Each epoch begins from 0, 1, 2, ... and is shuffled (Fisher and Yates; TAOCP 2, 3.4.2, algorithm P)
 * with numbers of its own, so that any epoch can be had without those before it.
 */
#include "data/sampler.h"

#include "base/base.h"
#include "base/random.h"

tn_status tn_sampler_create(tn_sampler *s, int64_t count, const char *what, int batch, bool shuffle,
                            bool drop_last, uint64_t seed)
{
    *s = (tn_sampler){.count = count, .batch = batch, .shuffle = shuffle, .seed = seed};
    s->epoch = -1;
    s->batches = drop_last ? count / batch : (count + batch - 1) / batch;
    if (s->batches == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "loader: %lld %s do not fill one batch of %d, and short batches are left "
                       "out",
                       (long long)count, what, batch);
    s->order = tn_alloc((size_t)count, sizeof *s->order);
    return s->order ? TN_OK : tn_no_memory("loader", (size_t)count * sizeof *s->order);
}

void tn_sampler_destroy(tn_sampler *s)
{
    tn_free(s->order);
    s->order = NULL;
}

static void make_order(tn_sampler *s, int64_t epoch)
{
    for (int64_t i = 0; i < s->count; i++)
        s->order[i] = i;
    tn_random random = tn_random_begin(s->seed, TN_RANDOM_SHUFFLE, (uint64_t)epoch);
    for (int64_t i = s->count - 1; s->shuffle && i > 0; i--) {
        const int64_t j = (int64_t)tn_random_below(&random, (uint64_t)i + 1);
        const int64_t moved = s->order[i];
        s->order[i] = s->order[j];
        s->order[j] = moved;
    }
    s->epoch = epoch;
}

void tn_sampler_batch(tn_sampler *s, int64_t epoch, int64_t index, int64_t *item)
{
    if (s->epoch != epoch)
        make_order(s, epoch);
    for (int row = 0; row < s->batch; row++) {
        const int64_t place = index * s->batch + row;
        item[row] = place < s->count ? s->order[place] : -1;
    }
}
