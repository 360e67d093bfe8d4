/*
 * share: what a plan does that is one of several replicas, each with an equal share of the batch.
 *
 * A replica's loss, and so its gradient, is computed such that the mean over the replicas is that of the
 * whole batch (tn_run_state.share_rows). So gradients are summed up and divided by the number of replicas,
 * which the update does.
 *
 * Buckets: parameters lie in the order of their nodes, and backward goes through nodes in reverse, so the
 * end of the arena is done first. A bucket is closed when it has the bytes asked for. A parameter is never
 * cut: all of its gradient is there at once.
 */
#include "plan/plan.h"

/*
 * 8 MiB: AlexNet's fc8, fc7 and fc6 (16, 67 and 151 MB of its 244) are then sent each by itself as soon as it
 * is there, and what is left when backward ends is conv1 and conv2, 1.3 MB. A smaller bucket would wait more
 * for the start of a transfer than for its bytes.
 */
enum { DEFAULT_BUCKET = 8 << 20 };

static bool is_shared(const tn_plan *p)
{
    return p->share.ranks > 0;
}

/* ---- making buckets ------------------------------------------------------------------------- */

/* The step that writes the gradient of a parameter of this node. */
static size_t writer(const tn_plan *p, const tn_node *n)
{
    size_t i = p->num_forward;
    while (i < p->num_steps &&
           !(p->step[i].kind == TN_STEP_BACKWARD && &p->step[i].node->node == n))
        i++;
    return i;
}

/* The plan's ranges, as far as they are in the bucket. */
static tn_status cut_ranges(tn_plan *p, tn_bucket *b)
{
    b->range = tn_arena_alloc(&p->arena, (size_t)p->num_ranges + 1, sizeof *b->range);
    if (!b->range)
        return tn_no_memory("plan", (size_t)p->num_ranges * sizeof *b->range);
    for (int i = 0; i < p->num_ranges; i++) {
        tn_param_range r = p->range[i];
        r.begin = r.begin > b->begin ? r.begin : b->begin;
        r.end = r.end < b->end ? r.end : b->end;
        if (r.begin >= r.end)
            continue;
        r.begin -= b->begin;
        r.end -= b->begin;
        b->range[b->num_ranges++] = r;
    }
    return TN_OK;
}

/* Elements after which a bucket is closed. */
static size_t bucket_size(const tn_plan *p)
{
    if (!is_shared(p))
        return p->trained_count;
    const size_t bytes = p->opts.bucket_bytes ? p->opts.bucket_bytes : DEFAULT_BUCKET;
    const size_t least = p->trained_count / TN_MAX_MARKS + 1;
    return bytes / sizeof(float) > least ? bytes / sizeof(float) : least;
}

tn_status tn_plan_buckets(tn_plan *p)
{
    if (!p->opts.loss.id)
        return TN_OK;
    const size_t size = bucket_size(p);
    p->bucket = tn_arena_alloc(&p->arena, TN_MAX_MARKS, sizeof *p->bucket);
    if (!p->bucket)
        return tn_no_memory("plan", TN_MAX_MARKS * sizeof *p->bucket);
    size_t end = p->trained_count, step = p->num_forward;
    for (int i = p->num_params; i-- > 0;) {
        const tn_plan_parameter *w = &p->param[i];
        if (!w->trained)
            continue;
        const size_t own = writer(p, w->node);
        step = own > step ? own : step; /* of this bucket, and none before the bucket before it */
        if (end - w->begin < size && w->begin > 0)
            continue;
        tn_bucket *b = &p->bucket[p->num_buckets++];
        *b = (tn_bucket){.begin = w->begin, .end = end, .step = step, .name = w->node->name};
        TN_TRY(cut_ranges(p, b));
        end = w->begin;
    }
    return TN_OK;
}

/* ---- in a run ------------------------------------------------------------------------------- */

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
    return is_shared(p) && b->await ? b->await(p->device->impl, bucket) : TN_OK;
}

static tn_status reduce(tn_plan *p, float *gradients)
{
    const tn_dtype as = p->opts.reduce_bf16 ? TN_BF16 : TN_F32;
    for (int i = 0; i < p->num_buckets; i++) {
        const tn_bucket *b = &p->bucket[i];
        TN_TRY(p->share.collectives->all_reduce(p->share.comm, i, gradients + b->begin,
                                                b->end - b->begin, as));
    }
    return TN_OK;
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

tn_status tn_plan_sum_gradients(tn_plan *p)
{
    if (!is_shared(p) || p->share.summed)
        return TN_OK;
    p->share.summed = true;
    return p->share.collectives->all_reduce(p->share.comm, TN_MARK_NONE, p->gradients,
                                            p->trained_count, TN_F32);
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
        TN_TRY(spread(p, p->weights, 0, p->param_count));
        for (int i = 0; i < p->num_slots; i++)
            TN_TRY(spread(p, p->slot[i], 0, p->trained_count));
        p->weights_changed = true;
    } else if (p->share.uneven && !training) {
        TN_TRY(spread(p, p->weights, p->trained_count, p->param_count));
        p->weights_changed = true;
    } else {
        return TN_OK;
    }
    p->share.stale = p->share.uneven = false;
    return TN_OK;
}
