/*
 * share: what a plan does that is one of several replicas, each with an equal share of the batch.
 *
 * A replica's loss, and so its gradient, is computed such that the mean over the replicas is that of the
 * whole batch (tn_run_state.share_rows). So gradients are summed up and divided by the number of replicas,
 * which the update does.
 */
#include "run/run.h"

static bool is_shared(const tn_plan *p)
{
    return p->share.ranks > 0;
}

tn_status tn_plan_bucket_done(tn_plan *p, int bucket)
{
    const tn_bucket *k = &p->bucket[bucket];
    const tn_backend *b = tn_plan_backend(p);
    if (p->opts.accumulate > 1)
        TN_TRY(b->accumulate(p->device->impl, NULL, p->gradient_sum + k->begin,
                             p->gradients + k->begin, (k->end - k->begin) * sizeof(float)));
    return is_shared(p) && b->mark ? b->mark(p->device->impl, bucket) : TN_OK;
}

tn_status tn_plan_bucket_await(tn_plan *p, int bucket)
{
    const tn_backend *b = tn_plan_backend(p);
    return p->share.reduced && b->await ? b->await(p->device->impl, bucket) : TN_OK;
}

static tn_status reduce(tn_plan *p, float *gradients)
{
    const tn_dtype as = p->opts.reduce_bf16 ? TN_BF16 : TN_F32;
    p->share.reduced = true;
    for (int i = 0; i < p->num_buckets; i++) {
        const tn_bucket *b = &p->bucket[i];
        const size_t count = b->end - b->begin;
        int span;
        TN_TRY(
            tn_plan_trace_span(p, TN_LANE_SUMS, "sum", b->name, count * tn_dtype_bytes(as), &span));
        TN_TRY(p->share.collectives->all_reduce(p->share.comm, i, gradients + b->begin, count, as));
        TN_TRY(tn_plan_trace_end(p, span));
    }
    return TN_OK;
}

tn_status tn_plan_carefully(tn_plan *p, bool on)
{
    return is_shared(p) && p->share.collectives->carefully
               ? p->share.collectives->carefully(p->share.comm, on)
               : TN_OK;
}

tn_status tn_plan_reduce(tn_plan *p)
{
    const int runs = p->opts.accumulate;
    if (!is_shared(p))
        return TN_OK;
    p->share.uneven |= p->param_count > p->trained_count && !p->opts.sync_batchnorm;
    p->share.summed = runs == 1;
    if (runs > 1 && p->runs_since_update + 1 < runs)
        return TN_OK;
    return reduce(p, runs > 1 ? p->gradient_sum : p->gradients);
}

/* What reads gradients before the update does: their sums may still be under way. */
static tn_status await_all(tn_plan *p)
{
    for (int i = 0; i < p->num_buckets; i++)
        TN_TRY(tn_plan_bucket_await(p, i));
    return TN_OK;
}

tn_status tn_plan_sum_gradients(tn_plan *p)
{
    if (!is_shared(p))
        return TN_OK;
    if (p->share.summed)
        return await_all(p);
    p->share.summed = true;
    return p->share.collectives->all_reduce(p->share.comm, TN_MARK_NONE, p->gradients,
                                            p->trained_count, TN_F32);
}

tn_status tn_plan_collect(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    if (!is_shared(p))
        return TN_OK;
    if (p->runs_since_update == p->opts.accumulate) /* summed up already */
        return await_all(p);
    TN_TRY(p->share.collectives->all_reduce(p->share.comm, TN_MARK_NONE, p->gradient_sum,
                                            p->trained_count, TN_F32));
    if (p->share.rank == 0)
        return TN_OK;
    return b->fill(p->device->impl, p->gradient_sum, 0, p->trained_count * sizeof(float));
}

/* ---- what rank 0 has ------------------------------------------------------------------------ */

static tn_status spread(tn_plan *p, float *arena, size_t begin, size_t end)
{
    if (begin == end)
        return TN_OK;
    return p->share.collectives->broadcast(p->share.comm, arena + begin,
                                           (end - begin) * sizeof *arena, 0);
}

tn_status tn_plan_spread(tn_plan *p, bool training)
{
    if (p->share.stale) {
        TN_TRY(spread(p, tn_plan_weight(p, 0), 0, p->param_count));
        for (int i = 0; i < p->num_slots; i++)
            TN_TRY(spread(p, p->slot[i], 0, p->trained_count));
        if (p->average)
            TN_TRY(spread(p, p->average, 0, p->param_count));
        if (p->opts.accumulate > 1 && p->runs_since_update == p->opts.accumulate)
            TN_TRY(spread(p, p->gradient_sum, 0, p->trained_count));
        p->weights_changed = true;
    } else if (p->share.uneven && !training) {
        TN_TRY(spread(p, tn_plan_weight(p, 0), p->trained_count, p->param_count));
        p->weights_changed = true;
    } else {
        return TN_OK;
    }
    p->share.stale = p->share.uneven = false;
    return TN_OK;
}
