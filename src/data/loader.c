/*
 * A loader: threads that fill a ring of batches (queue.h), and the one that takes them.
 *
 * All that could depend on which thread was faster is decided by the taker, batch by batch and row by
 * row: which files count as bad, in what order, and when there are too many.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/thread.h"
#include "data/bad.h"
#include "data/filler.h"
#include "data/queue.h"
#include "data/share.h"

struct tn_loader {
    tn_device *device; /* if several ranks share its batches, else NULL */
    tn_dataset *set;   /* held */
    tn_recipe recipe;
    tn_queue queue;
    tn_threads threads;
    tn_filler *filler; /* one a thread */
    int fillers;
    atomic_int started;
    size_t row_bytes;
    tn_bad_files bad;
    /* The taker's own, from here on. */
    bool holds;   /* a batch that must be given back */
    bool end_due; /* the next call says TN_END */
    tn_on_bad on_bad;
    double max_bad;
    tn_status failed; /* what next() says until a seek, */
    char *failure;    /* and how */
    double first_call;
    tn_loader_times times;
};

/* ---- the threads ---------------------------------------------------------------------------- */

/* -1: a row that is to hold no image, or the item that it holds. */
static int64_t fill_item(tn_loader *l, tn_filler *f, tn_slot *s, int i, int64_t item)
{
    if (item < 0 || tn_bad_is_named(&l->bad, item))
        return -1;
    if (l->device && !tn_share_fills(l->device, l->queue.rows, i))
        return item;
    tn_row *row = &s->row[i];
    const bool judged = tn_bad_is_judged(&l->bad, item);
    row->status =
        tn_filler_fill(f, &l->recipe, item, !judged, s->epoch, s->index * l->queue.rows + i,
                       s->images + (size_t)i * l->row_bytes);
    if (row->status != TN_OK) {
        row->problem = tn_copy_text(tn_error());
        return -1;
    }
    if (!judged)
        tn_bad_pass(&l->bad, item);
    return item;
}

/* The taker makes a row without an image zeros. */
static void fill_row(tn_loader *l, tn_filler *f, tn_slot *s, int i)
{
    const int64_t item = fill_item(l, f, s, i, s->item[i]);
    s->labels[i] = item < 0 ? -1 : l->recipe.set->item[item].label;
}

static void *fill_batches(void *arg)
{
    tn_loader *l = arg;
    tn_filler *f = &l->filler[atomic_fetch_add(&l->started, 1)];
    tn_claim claim;
    while (tn_queue_claim(&l->queue, &claim)) {
        for (int i = claim.first; i < claim.end; i++)
            fill_row(l, f, claim.slot, i);
        tn_queue_finish(&l->queue, &claim);
    }
    return NULL;
}

static void stop(void *arg)
{
    tn_loader *l = arg;
    tn_queue_stop(&l->queue);
}

/* ---- opening and closing -------------------------------------------------------------------- */

static tn_status check_count(const char *name, int given, int limit)
{
    if (given >= 0 && given <= limit)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "loader: %s %d is not from 0 to %d", name, given, limit);
}

static tn_status check(const tn_dataset *set, const tn_loader_opts *opts, double max_bad)
{
    if (opts->batch < 1)
        return tn_fail(TN_ERR_ARGUMENT, "loader: batch %d is not above 0", opts->batch);
    TN_TRY(check_count("threads", opts->threads, 1024));
    TN_TRY(check_count("queue", opts->queue, 1024));
    if (opts->on_bad != TN_BAD_SKIP && opts->on_bad != TN_BAD_STOP)
        return tn_fail(TN_ERR_ARGUMENT, "loader: on_bad %d is no tn_on_bad", (int)opts->on_bad);
    if (!(max_bad >= 0 && max_bad <= 100))
        return tn_fail(TN_ERR_ARGUMENT, "loader: max_bad %g is not from 0 to 100 per cent",
                       max_bad);
    const int ranks = opts->device ? tn_device_ranks(opts->device) : 1;
    if (opts->batch % ranks != 0)
        return tn_fail(TN_ERR_ARGUMENT, "loader: %d ranks cannot share a batch of %d equally",
                       ranks, opts->batch);
    /* The stream of an image's random numbers holds its place in 32 bits. */
    if (tn_dataset_count(set) > UINT32_MAX)
        return tn_fail(TN_ERR_ARGUMENT, "loader: more than 2^32 images");
    return TN_OK;
}

static tn_status create_queue(tn_loader *l, const tn_loader_opts *opts)
{
    /* A file takes a millisecond, a packed image a hundredth of that: then locks would show. */
    const int chunk = l->recipe.set->packed ? 8 : 1;
    size_t bytes;
    TN_TRY(tn_shape_bytes(&TN_SHAPE(opts->batch, opts->height, opts->width, 3), TN_U8, &bytes));
    l->row_bytes = bytes / (size_t)opts->batch;
    tn_sampler sampler;
    TN_TRY(tn_sampler_create(&sampler, tn_dataset_count(l->recipe.set), opts->batch, opts->shuffle,
                             opts->drop_last, opts->seed));
    /* One more than are made ahead: the one that the program is looking at. */
    const int slots = (opts->queue ? opts->queue : 4) + 1;
    return tn_queue_create(&l->queue, &sampler, opts->device, slots, chunk, l->row_bytes);
}

static tn_status create_fillers(tn_loader *l, int threads)
{
    l->filler = tn_alloc((size_t)threads, sizeof *l->filler);
    if (!l->filler)
        return tn_no_memory("loader", (size_t)threads * sizeof *l->filler);
    for (; l->fillers < threads; l->fillers++)
        TN_TRY(tn_filler_create(&l->filler[l->fillers], &l->recipe));
    return TN_OK;
}

static tn_status set_up(tn_loader *l, const tn_dataset *set, const tn_loader_opts *opts)
{
    if (opts->device && tn_device_ranks(opts->device) > 1)
        l->device = opts->device;
    l->set = tn_dataset_hold(set);
    l->recipe.set = set;
    l->recipe.seed = opts->seed;
    l->on_bad = opts->on_bad;
    TN_TRY(tn_augment_complete(&l->recipe.augment, opts, tn_dataset_side(set)));
    TN_TRY(tn_bad_create(&l->bad, set));
    TN_TRY(create_queue(l, opts));
    const int threads = opts->threads ? opts->threads : tn_cores();
    TN_TRY(create_fillers(l, threads));
    return tn_threads_start(&l->threads, threads, fill_batches, stop, l);
}

tn_status tn_loader_open(tn_loader **out, const tn_dataset *set, const tn_loader_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(set, "set");
    TN_NEED(opts, "opts");
    double max_bad = opts->max_bad;
    TN_COMPLETE(max_bad, 1);
    TN_TRY(check(set, opts, max_bad));
    tn_loader *l = tn_alloc(1, sizeof *l);
    if (!l)
        return tn_no_memory("loader", sizeof *l);
    atomic_init(&l->started, 0);
    l->max_bad = max_bad;
    const tn_status status = set_up(l, set, opts);
    if (status != TN_OK) {
        tn_loader_close(l);
        return status;
    }
    *out = l;
    return TN_OK;
}

void tn_loader_close(tn_loader *loader)
{
    if (!loader)
        return;
    if (loader->queue.made)
        tn_queue_stop(&loader->queue);
    tn_threads_join(&loader->threads);
    for (int i = 0; i < loader->fillers; i++)
        tn_filler_destroy(&loader->filler[i]);
    tn_free(loader->filler);
    tn_queue_destroy(&loader->queue);
    tn_bad_destroy(&loader->bad);
    tn_dataset_close(loader->set);
    tn_free(loader->failure);
    tn_free(loader);
}

/* ---- bad files ------------------------------------------------------------------------------ */

/* A packed set is one file: without it there is no going on. */
static bool is_of_the_file(const tn_loader *l, tn_status status)
{
    return !l->recipe.set->packed && (status == TN_ERR_IO || status == TN_ERR_FORMAT);
}

/* Goes over the rows in order: all bad files of a batch are named before it is said that there are too
 * many. Files that were named before hold no image here either, whatever this crop looked like. */
static tn_status judge(tn_loader *l, tn_slot *s)
{
    tn_status worst = TN_OK;
    for (int i = 0; i < l->queue.rows; i++) {
        const tn_row *row = &s->row[i];
        if (row->status != TN_OK) {
            if (!row->problem)
                return tn_no_memory("loader", 1);
            if (!is_of_the_file(l, row->status) || l->on_bad == TN_BAD_STOP)
                return tn_fail(row->status, "%s", row->problem);
            worst = row->status;
            TN_TRY(tn_bad_name(&l->bad, s->item[i], row->problem));
        }
        if (s->item[i] >= 0 && tn_bad_is_named(&l->bad, s->item[i]))
            s->labels[i] = -1;
    }
    return worst == TN_OK ? TN_OK : tn_bad_check(&l->bad, l->max_bad, worst);
}

int64_t tn_loader_num_bad(const tn_loader *loader)
{
    return loader ? (int64_t)loader->bad.count : 0;
}

const char *tn_loader_bad_path(const tn_loader *loader, int64_t index)
{
    return index >= 0 && index < tn_loader_num_bad(loader)
               ? loader->recipe.set->item[loader->bad.file[index].item].path
               : NULL;
}

const char *tn_loader_bad_reason(const tn_loader *loader, int64_t index)
{
    return index >= 0 && index < tn_loader_num_bad(loader) ? loader->bad.file[index].reason : NULL;
}

/* ---- taking --------------------------------------------------------------------------------- */

int64_t tn_loader_batches(const tn_loader *loader)
{
    return loader ? loader->queue.sampler.batches : 0;
}

/* Moves the rows of one part that hold an image before those that hold none, in their order. Images of
 * another rank's part are not here; its labels are. */
static void put_images_first(const tn_loader *l, tn_slot *s, int first, int end)
{
    const bool filled = !l->device || tn_share_fills(l->device, l->queue.rows, first);
    int to = first;
    for (int from = first; from < end; from++) {
        if (s->labels[from] < 0)
            continue;
        if (from > to && filled)
            memcpy(s->images + (size_t)to * l->row_bytes, s->images + (size_t)from * l->row_bytes,
                   l->row_bytes);
        s->labels[to++] = s->labels[from];
    }
    for (int i = to; i < end; i++)
        s->labels[i] = -1;
    if (filled)
        memset(s->images + (size_t)to * l->row_bytes, 0, (size_t)(end - to) * l->row_bytes);
}

static void describe(const tn_loader *l, const tn_slot *s, tn_batch *out)
{
    const int rows = l->queue.rows;
    const tn_augment *a = &l->recipe.augment;
    *out = (tn_batch){
        .images = {TN_U8, TN_SHAPE(rows, a->height, a->width, 3), s->images},
        .labels = {TN_I32, TN_SHAPE(rows), s->labels},
        .epoch = s->epoch,
        .index = s->index,
    };
    for (int i = 0; i < rows; i++)
        out->count += s->labels[i] >= 0;
}

static tn_status take(tn_loader *l, tn_batch *out)
{
    if (l->failed != TN_OK)
        return tn_fail(l->failed, "%s", l->failure ? l->failure : "loader: no memory");
    if (l->end_due) {
        l->end_due = false;
        return TN_END;
    }
    if (l->holds)
        tn_queue_return(&l->queue);
    const double before = tn_now();
    tn_slot *s = tn_queue_front(&l->queue);
    tn_status status = l->device ? tn_share_verdicts(l->device, s, l->queue.rows) : TN_OK;
    l->times.waited += tn_now() - before;
    l->holds = true;
    if (status == TN_OK)
        status = judge(l, s);
    if (status != TN_OK) {
        l->failed = status;
        l->failure = tn_copy_text(tn_error());
        return status;
    }
    l->end_due = s->index + 1 == tn_loader_batches(l);
    const int parts = l->device ? tn_device_ranks(l->device) : 1, part = l->queue.rows / parts;
    for (int i = 0; i < l->queue.rows; i += part)
        put_images_first(l, s, i, i + part);
    describe(l, s, out);
    return TN_OK;
}

tn_status tn_loader_next(tn_loader *loader, tn_batch *out)
{
    TN_NEED(loader, "loader");
    TN_NEED(out, "out");
    if (loader->first_call == 0)
        loader->first_call = tn_now();
    const tn_status status = take(loader, out);
    loader->times.elapsed = tn_now() - loader->first_call;
    return status;
}

tn_status tn_loader_seek(tn_loader *loader, int64_t epoch, int64_t index)
{
    TN_NEED(loader, "loader");
    const int64_t batches = tn_loader_batches(loader);
    if (epoch < 0 || index < 0 || index > batches)
        return tn_fail(TN_ERR_ARGUMENT, "loader: epoch %lld, batch %lld: an epoch has %lld batches",
                       (long long)epoch, (long long)index, (long long)batches);
    /* The stream of an image's random numbers holds the epoch in 32 bits. */
    if (epoch > INT32_MAX)
        return tn_fail(TN_ERR_ARGUMENT, "loader: epoch %lld is above %d", (long long)epoch,
                       INT32_MAX);
    /* After the last batch an epoch still has its end to say. */
    loader->end_due = index == batches;
    tn_queue_seek(&loader->queue, loader->end_due ? epoch + 1 : epoch, loader->end_due ? 0 : index);
    loader->holds = false;
    loader->failed = TN_OK;
    tn_free(loader->failure);
    loader->failure = NULL;
    return TN_OK;
}

tn_loader_times tn_loader_time(const tn_loader *loader)
{
    return loader ? loader->times : (tn_loader_times){0};
}
