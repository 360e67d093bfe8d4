/*
 * buckets: the arenas cut into stretches whose gradients devices sum up together; one device has one.
 *
 * Parameters lie in the order of their nodes, and backward goes through nodes in reverse, so the end of the
 * arena is done first; what several nodes read lies where the first of them reads it, whose gradient is the last to come. A bucket is closed when it has the bytes asked for. A parameter is never cut: all of its
 * gradient is there at once.
 */
#include "plan/passes.h"

/*
 * 8 MiB: AlexNet's fc8, fc7 and fc6 (16, 67 and 151 MB of its 244) are then sent each by itself as soon as it
 * is there, and what is left when backward ends is conv1 and conv2, 1.3 MB. A smaller bucket would wait more
 * for the start of a transfer than for its bytes.
 */
enum { DEFAULT_BUCKET = 8 << 20 };

/* The last step that writes to the gradient of a parameter: its first reader's, or what adds that up. */
static size_t writer(const tn_plan *p, const tn_plan_parameter *w)
{
    const int gradient = tn_plan_value_of(p, w->value)->gradient;
    size_t last = p->num_forward;
    for (size_t i = p->num_forward; i < p->num_steps; i++) {
        const tn_step *s = &p->step[i];
        bool writes = s->to == gradient;
        for (int j = 0; j < TN_MAX_IN; j++)
            writes |= s->dx[j] == gradient;
        for (int j = 0; j < TN_MAX_PARAMS; j++)
            writes |= s->dw[j] == gradient;
        last = writes ? i : last;
    }
    return last;
}

static tn_status room_for_ranges(tn_plan *p, tn_bucket *b)
{
    b->range = tn_arena_alloc(&p->arena, (size_t)p->num_ranges + 1, sizeof *b->range);
    return b->range ? TN_OK : tn_no_memory("plan", (size_t)p->num_ranges * sizeof *b->range);
}

void tn_plan_cut_ranges(const tn_plan *p, tn_bucket *b)
{
    b->num_ranges = 0;
    for (int i = 0; i < p->num_ranges; i++) {
        tn_param_range r = p->range[i];
        r.begin = r.begin > b->begin ? r.begin : b->begin;
        r.end = r.end < b->end ? r.end : b->end;
        if (r.begin >= r.end || tn_plan_is_still(p, i))
            continue;
        r.begin -= b->begin;
        r.end -= b->begin;
        b->range[b->num_ranges++] = r;
    }
}

/* Elements after which a bucket is closed. */
static size_t bucket_size(const tn_plan *p)
{
    if (p->share.ranks == 0)
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
        const size_t own = writer(p, w);
        step = own > step ? own : step; /* of this bucket, and none before the bucket before it */
        if (end - w->begin < size && w->begin > 0)
            continue;
        tn_bucket *b = &p->bucket[p->num_buckets++];
        *b = (tn_bucket){
            .begin = w->begin, .end = end, .step = step, .name = tn_plan_param_maker(w)};
        TN_TRY(room_for_ranges(p, b));
        tn_plan_cut_ranges(p, b);
        end = w->begin;
    }
    return TN_OK;
}
