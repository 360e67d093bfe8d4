/*
 * take: the batches that a loader's threads have filled, judged and put in order.
 */
#include <string.h>

#include "base/base.h"
#include "base/trace.h"
#include "data/loader.h"
#include "data/mixup.h"
#include "data/share.h"

/* ---- bad items ------------------------------------------------------------------------------ */

/* A packed set is one file: without it there is no going on. */
static bool is_of_the_item(const tn_loader *l, tn_status status)
{
    return !l->origin.one_file && (status == TN_ERR_IO || status == TN_ERR_FORMAT);
}

/* Goes over the rows in order: all bad items of a batch are named before it is said that there are too
 * many. Those that were named before are no samples here either, whatever this crop looked like. */
static tn_status judge(tn_loader *l, tn_slot *s)
{
    tn_status worst = TN_OK;
    for (int i = 0; i < l->queue.rows; i++) {
        tn_row *row = &s->row[i];
        if (row->status != TN_OK) {
            if (!row->problem)
                return tn_no_memory("loader", 1);
            if (!is_of_the_item(l, row->status) || l->on_bad == TN_BAD_STOP)
                return tn_fail(row->status, "%s", row->problem);
            worst = row->status;
            TN_TRY(tn_bad_name(&l->bad, s->item[i], row->problem));
        }
        if (s->item[i] >= 0 && tn_bad_is_named(&l->bad, s->item[i]))
            row->holds = false;
    }
    return worst == TN_OK ? TN_OK : tn_bad_check(&l->bad, l->max_bad, worst);
}

int64_t tn_loader_num_bad(const tn_loader *loader)
{
    return loader ? (int64_t)loader->bad.count : 0;
}

const char *tn_loader_bad_path(const tn_loader *loader, int64_t index)
{
    return index >= 0 && index < tn_loader_num_bad(loader) ? loader->bad.item[index].name : NULL;
}

const char *tn_loader_bad_reason(const tn_loader *loader, int64_t index)
{
    return index >= 0 && index < tn_loader_num_bad(loader) ? loader->bad.item[index].reason : NULL;
}

/* ---- taking --------------------------------------------------------------------------------- */

int64_t tn_loader_batches(const tn_loader *loader)
{
    return loader ? loader->queue.sampler.batches : 0;
}

/* Is this array here, in rows that other ranks fill? */
static bool is_known(const tn_origin *o, int array)
{
    return tn_origin_is_set(o) && o->source.array[array].labels;
}

/* What rows without a sample have. */
static void blank(const tn_loader *l, tn_slot *s, int array, int first, int end)
{
    const bool labels = l->origin.source.array[array].labels;
    memset(tn_queue_row(&l->queue, s, array, first), labels ? 0xFF : 0, /* all bits set are -1 */
           (size_t)(end - first) * l->queue.row_bytes[array]);
}

/* Moves an array's rows with a sample, of [first, end), before those without, in their order. */
static void gather_array(const tn_loader *l, tn_slot *s, int array, int first, int end)
{
    int to = first;
    for (int from = first; from < end; from++) {
        if (!s->row[from].holds)
            continue;
        if (from > to)
            memcpy(tn_queue_row(&l->queue, s, array, to), tn_queue_row(&l->queue, s, array, from),
                   l->queue.row_bytes[array]);
        to++;
    }
    blank(l, s, array, to, end);
}

/* Which item each of the rows has, and where in the epoch it stands. */
static void gather_items(tn_slot *s, int first, int end)
{
    int to = first;
    for (int from = first; from < end; from++) {
        if (!s->row[from].holds)
            continue;
        s->item[to] = s->item[from];
        s->place[to++] = s->place[from];
    }
    for (; to < end; to++)
        s->item[to] = s->place[to] = -1;
}

/* Of each rank's rows those with a sample come first. Arrays of other ranks' are not here, but for labels of images. */
static void put_samples_first(const tn_loader *l, tn_slot *s)
{
    const int rows = l->queue.rows, each = rows / (l->device ? tn_device_ranks(l->device) : 1);
    for (int first = 0; first < rows; first += each) {
        const bool here = !l->device || tn_share_fills(l->device, rows, first);
        for (int i = 0; i < l->origin.arrays; i++)
            if (here || is_known(&l->origin, i))
                gather_array(l, s, i, first, first + each);
        gather_items(s, first, first + each);
    }
}

static void describe(const tn_loader *l, const tn_slot *s, tn_batch *out)
{
    const tn_origin *o = &l->origin;
    *out = (tn_batch){.epoch = s->epoch,
                      .index = s->index,
                      .num_arrays = o->arrays,
                      .item = s->item,
                      .place = s->place,
                      .seed = l->seed};
    for (int i = 0; i < o->arrays; i++)
        out->array[i] = (tn_tensor){o->source.array[i].dtype, tn_origin_shape(o, i, l->queue.rows),
                                    s->array[i]};
    if (tn_origin_is_set(o)) {
        out->images = out->array[TN_SET_IMAGES];
        out->labels = out->array[TN_SET_LABELS];
    }
    if (o->mixup > 0) {
        out->partners = out->array[TN_SET_PARTNERS];
        out->shares = out->array[TN_SET_SHARES];
    }
    for (int i = 0; i < l->queue.rows; i++) {
        out->count += s->row[i].holds;
        out->own += s->row[i].holds && (!l->device || tn_share_fills(l->device, l->queue.rows, i));
    }
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
    if (l->origin.mixup > 0)
        tn_mixup(l, s);
    put_samples_first(l, s);
    describe(l, s, out);
    return TN_OK;
}

tn_status tn_loader_next(tn_loader *loader, tn_batch *out)
{
    TN_NEED(loader, "loader");
    TN_NEED(out, "out");
    if (loader->first_call == 0)
        loader->first_call = tn_now();
    const double begin = tn_trace_begin();
    const tn_status status = take(loader, out);
    tn_trace_since(begin, "wait", "wait for batch", -1, 0);
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

const char *tn_loader_item_name(tn_loader *loader, int64_t item)
{
    if (!loader || item < 0 || item >= loader->origin.source.items)
        return NULL;
    tn_free(loader->item_name);
    loader->item_name = tn_origin_name(&loader->origin, item);
    return loader->item_name;
}

tn_loader_times tn_loader_time(const tn_loader *loader)
{
    return loader ? loader->times : (tn_loader_times){0};
}
