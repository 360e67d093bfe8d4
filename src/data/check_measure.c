/*
 * All pictures of both sides, in threads, and what a side comes to. A picture's numbers are its own, and whole numbers are
 * added up, so that nothing depends on who was first.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"
#include "data/check.h"

/* ---- threads ------------------------------------------------------------------------------------ */

typedef struct crew {
    tn_check *check;
    const int64_t *items; /* or NULL */
    int64_t count;
    tn_status (*look)(tn_looker *l, tn_check *c, int64_t item);
    atomic_llong next;
    pthread_mutex_t lock; /* of what follows */
    int64_t done;
    tn_status status;
    tn_error_kept error; /* errors are a thread's own */
} crew;

static void fail(crew *all, tn_status status)
{
    pthread_mutex_lock(&all->lock);
    if (all->status == TN_OK) {
        all->status = status;
        tn_error_keep(&all->error);
    }
    pthread_mutex_unlock(&all->lock);
    atomic_store(&all->next, all->count);
}

static void tell(crew *all)
{
    const tn_check_opts *o = &all->check->opts;
    if (!o->progress || all->items)
        return;
    pthread_mutex_lock(&all->lock);
    o->progress(o->arg, ++all->done, all->count);
    pthread_mutex_unlock(&all->lock);
}

static void *body(void *arg)
{
    crew *all = arg;
    tn_looker looker;
    tn_status status = tn_looker_create(&looker, all->check);
    for (int64_t i; status == TN_OK && (i = atomic_fetch_add(&all->next, 1)) < all->count;) {
        status = all->look(&looker, all->check, all->items ? all->items[i] : i);
        if (status == TN_OK)
            tell(all);
    }
    if (status != TN_OK)
        fail(all, status);
    tn_looker_destroy(&looker);
    return NULL;
}

static void stop(void *arg)
{
    crew *all = arg;
    atomic_store(&all->next, all->count);
}

tn_status tn_check_each(tn_check *c, const int64_t *items, int64_t count,
                        tn_status (*look)(tn_looker *l, tn_check *c, int64_t item))
{
    crew all = {.check = c, .items = items, .count = count, .look = look, .status = TN_OK};
    tn_threads threads;
    const int most = count < c->opts.threads ? (int)count : c->opts.threads;
    if (count == 0)
        return TN_OK;
    pthread_mutex_init(&all.lock, NULL);
    tn_status status = tn_threads_start(&threads, most, body, stop, &all);
    if (status == TN_OK) {
        tn_threads_join(&threads);
        status = all.status;
        if (status != TN_OK)
            tn_error_put_back(&all.error);
    }
    pthread_mutex_destroy(&all.lock);
    return status;
}

/* ---- a side ------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts. */
static tn_spread spread(double *value, int64_t count)
{
    qsort(value, (size_t)count, sizeof *value, by_value);
    return (tn_spread){value[0], value[(count - 1) / 20], value[(count - 1) / 2],
                       value[(count - 1) - (count - 1) / 20], value[count - 1]};
}

/* Mean and deviation: that of the pictures' means, and that within a picture, larger by what 64 x 64 pixels lack. */
static void colour(tn_check *c, int side)
{
    enum { AREA = TN_HASH_SIDE * TN_HASH_SIDE };
    tn_check_side *s = &c->side[side];
    for (int k = 0; k < 3; k++) {
        double mean = 0, square = 0, within = 0, whole = 0, small = 0;
        for (int64_t i = c->first[side]; i < c->first[side + 1]; i++) {
            const double m = (double)c->look[i].sum[k] / AREA;
            if (!tn_check_reads(c, i))
                continue;
            mean += m / (double)s->read;
            square += m * m / (double)s->read;
            within += ((double)c->look[i].square[k] / AREA - m * m) / (double)s->read;
        }
        for (int i = 0; i < TN_SAMPLED; i++) {
            whole += c->sampled[side][i].whole[k];
            small += c->sampled[side][i].small[k];
        }
        s->mean[k] = mean;
        s->deviation[k] =
            sqrt(fmax(0, square - mean * mean) + fmax(0, within) * (small > 0 ? whole / small : 1));
    }
}

static tn_status add_side(tn_check *c, int side)
{
    tn_check_side *s = &c->side[side];
    const int64_t first = c->first[side], end = c->first[side + 1];
    s->items = end - first;
    for (int64_t i = first; i < end; i++)
        if (tn_check_reads(c, i)) {
            s->read++;
            s->bytes += c->look[i].size;
            c->class_count[side][tn_check_source(c, i)->label]++;
        }
    if (s->read == 0)
        return TN_OK;
    const struct {
        double (*of)(const tn_look *l);
        tn_spread *to;
    } spreads[] = {{tn_look_width, &s->width},
                   {tn_look_height, &s->height},
                   {tn_look_aspect, &s->aspect},
                   {tn_look_bytes, &s->file}};
    double *value = tn_alloc((size_t)s->read, sizeof *value);
    if (!value)
        return tn_check_no_memory();
    for (size_t k = 0; k < TN_COUNT(spreads); k++) {
        int64_t count = 0;
        for (int64_t i = first; i < end; i++)
            if (tn_check_reads(c, i))
                value[count++] = spreads[k].of(&c->look[i]);
        *spreads[k].to = spread(value, count);
    }
    tn_free(value);
    colour(c, side);
    return TN_OK;
}

tn_status tn_check_sides(tn_check *c)
{
    for (int s = 0; s < TN_SIDES && c->set[s]; s++)
        TN_TRY(add_side(c, s));
    return TN_OK;
}
