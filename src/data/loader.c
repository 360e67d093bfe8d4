/*
 * loader: its threads, opening and closing it.
 */
#include "data/loader.h"

#include "base/base.h"
#include "base/trace.h"
#include "data/share.h"

/* ---- the threads ---------------------------------------------------------------------------- */

static bool is_elsewhere(const tn_loader *l, int row)
{
    return l->device && !tn_share_fills(l->device, l->queue.rows, row);
}

/* Does row i hold a sample? */
static bool fill_row(tn_loader *l, void *worker, tn_slot *s, int i)
{
    const tn_origin *o = &l->origin;
    const int64_t item = s->item[i];
    if (item < 0 || tn_bad_is_named(&l->bad, item))
        return false;
    void *row[TN_MAX_ARRAYS];
    for (int k = 0; k < o->arrays; k++)
        row[k] = tn_queue_row(&l->queue, s, k, i);
    const tn_fill at = {.item = item,
                        .epoch = s->epoch,
                        .place = s->place[i],
                        .seed = l->seed,
                        .judge = !tn_bad_is_judged(&l->bad, item),
                        .worker = worker,
                        .row = row};
    if (is_elsewhere(l, i)) {
        if (tn_origin_is_set(o))
            o->label(o->source.arg, &at);
        return true;
    }
    s->row[i].status = tn_origin_fill(o, &at);
    if (s->row[i].status != TN_OK) {
        s->row[i].problem = tn_copy_text(tn_error());
        return false;
    }
    if (at.judge)
        tn_bad_pass(&l->bad, item);
    return true;
}

static void *fill_batches(void *arg)
{
    tn_loader *l = arg;
    const int own = atomic_fetch_add(&l->started, 1);
    void *worker = l->worker[own];
    tn_claim claim;
    tn_trace_call_thread("loader", own);
    while (tn_queue_claim(&l->queue, &claim)) {
        const double begin = tn_trace_begin();
        for (int i = claim.first; i < claim.end; i++)
            claim.slot->row[i].holds = fill_row(l, worker, claim.slot, i);
        tn_trace_since(begin, "loader", "batch", claim.slot->index, 0);
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

static tn_status check(const tn_loader_opts *opts, double max_bad)
{
    if (opts->batch < 1)
        return tn_fail(TN_ERR_ARGUMENT, "loader: batch %d is not above 0", opts->batch);
    TN_TRY(check_count("threads", opts->threads, 1024));
    TN_TRY(check_count("queue", opts->queue, 1024));
    TN_TRY(check_count("jpeg_maps", opts->jpeg_maps == TN_ZERO ? 0 : opts->jpeg_maps, 1 << 20));
    if (opts->on_bad != TN_BAD_SKIP && opts->on_bad != TN_BAD_STOP)
        return tn_fail(TN_ERR_ARGUMENT, "loader: on_bad %d is no tn_on_bad", (int)opts->on_bad);
    if (!(max_bad >= 0 && max_bad <= 100))
        return tn_fail(TN_ERR_ARGUMENT, "loader: max_bad %g is not from 0 to 100 per cent",
                       max_bad);
    const int ranks = opts->device ? tn_device_ranks(opts->device) : 1;
    if (opts->batch % ranks != 0)
        return tn_fail(TN_ERR_ARGUMENT, "loader: %d ranks cannot share a batch of %d equally",
                       ranks, opts->batch);
    if (opts->mixup > 0 && ranks > 1 && opts->batch / ranks % 2 != 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "loader: mixup pairs rows: a batch of %d is an odd number for each of %d "
                       "ranks",
                       opts->batch, ranks);
    return TN_OK;
}

static tn_status create_queue(tn_loader *l, const tn_loader_opts *opts)
{
    tn_origin *o = &l->origin;
    TN_TRY(tn_origin_measure(o, opts->batch));
    tn_sampler sampler;
    TN_TRY(tn_sampler_create(&sampler, o->source.items, o->what, opts->batch, opts->shuffle,
                             opts->drop_last, opts->seed));
    /* One more than are made ahead: the one that the program is looking at. */
    const int slots = (opts->queue ? opts->queue : 4) + 1;
    return tn_queue_create(&l->queue, &sampler, opts->device, slots, o->chunk, o->row_bytes,
                           o->arrays);
}

static tn_status create_workers(tn_loader *l, int threads)
{
    const tn_source *s = &l->origin.source;
    l->worker = tn_alloc((size_t)threads, sizeof *l->worker);
    if (!l->worker)
        return tn_no_memory("loader", (size_t)threads * sizeof *l->worker);
    for (; l->workers < threads; l->workers++)
        if (s->begin)
            TN_TRY(s->begin(s->arg, &l->worker[l->workers]));
    return TN_OK;
}

static tn_status set_up(tn_loader *l, const tn_loader_opts *opts)
{
    /* The stream of a row's random numbers holds its place in 32 bits. */
    if (l->origin.source.items > UINT32_MAX)
        return tn_fail(TN_ERR_ARGUMENT, "loader: more than 2^32 %s", l->origin.what);
    if (opts->device && tn_device_ranks(opts->device) > 1)
        l->device = opts->device;
    l->seed = opts->seed;
    l->on_bad = opts->on_bad;
    TN_TRY(tn_bad_create(&l->bad, &l->origin));
    TN_TRY(create_queue(l, opts));
    const int threads = opts->threads ? opts->threads : tn_cores();
    TN_TRY(create_workers(l, threads));
    return tn_threads_start(&l->threads, threads, fill_batches, stop, l);
}

/* Of a set of images or of a source, the other being NULL. */
static tn_status open_any(tn_loader **out, const tn_dataset *set, const tn_source *source,
                          const tn_loader_opts *opts)
{
    double max_bad = opts->max_bad;
    TN_COMPLETE(max_bad, 1);
    TN_TRY(check(opts, max_bad));
    tn_loader *l = tn_alloc(1, sizeof *l);
    if (!l)
        return tn_no_memory("loader", sizeof *l);
    atomic_init(&l->started, 0);
    l->max_bad = max_bad;
    tn_status status = set ? tn_origin_of_set(&l->origin, set, opts)
                           : tn_origin_of_source(&l->origin, source, opts);
    if (status == TN_OK)
        status = set_up(l, opts);
    if (status != TN_OK) {
        tn_loader_close(l);
        return status;
    }
    *out = l;
    return TN_OK;
}

tn_status tn_loader_open(tn_loader **out, const tn_dataset *set, const tn_loader_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(set, "set");
    TN_NEED(opts, "opts");
    return open_any(out, set, NULL, opts);
}

tn_status tn_loader_open_source(tn_loader **out, const tn_source *source,
                                const tn_loader_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(source, "source");
    TN_NEED(opts, "opts");
    return open_any(out, NULL, source, opts);
}

void tn_loader_close(tn_loader *loader)
{
    if (!loader)
        return;
    const tn_origin *o = &loader->origin;
    if (loader->queue.made)
        tn_queue_stop(&loader->queue);
    tn_threads_join(&loader->threads);
    for (int i = 0; i < loader->workers; i++)
        if (o->source.end)
            o->source.end(o->source.arg, loader->worker[i]);
    tn_free(loader->worker);
    tn_queue_destroy(&loader->queue);
    tn_bad_destroy(&loader->bad);
    if (o->close)
        o->close(o->source.arg);
    tn_free(loader->failure);
    tn_free(loader->item_name);
    tn_free(loader);
}
