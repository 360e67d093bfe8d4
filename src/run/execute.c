/*
 * execute: the bodies of runs and updates, which may be recorded and replayed.
 */
#include "run/run.h"

static tn_status run_step(const tn_plan *p, const tn_step *s)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_backend_device *d = p->device->impl;
    switch (s->kind) {
    case TN_STEP_FORWARD:
        TN_TRY(s->node->kernel->forward(&s->call));
        break;
    case TN_STEP_BACKWARD:
        TN_TRY(s->node->kernel->backward(&s->call));
        break;
    case TN_STEP_HALVE:
        TN_TRY(b->halve(d, p->run.precision, s->to_data, s->from_data,
                        s->value->bytes / sizeof(float)));
        break;
    case TN_STEP_ADD:
        TN_TRY(b->accumulate(d, s->value->layout, s->to_data, s->from_data, s->value->bytes));
        break;
    case TN_STEP_TALLY:
        TN_TRY(b->tally(d, &p->run, s->to_data, s->from_data, s->value->dtype));
        break;
    }
    if (!b->after_step)
        return TN_OK;
    return b->after_step(d, s->kind == TN_STEP_BACKWARD ? "backward" : "forward",
                         s->node ? &s->node->node : NULL);
}

tn_status tn_plan_run_step(tn_plan *p, size_t i)
{
    int span;
    TN_TRY(tn_plan_trace_step(p, (int)i, &span));
    TN_TRY(run_step(p, &p->step[i]));
    TN_TRY(tn_plan_trace_end(p, span));
    atomic_fetch_add_explicit(&p->done, 1, memory_order_relaxed);
    return TN_OK;
}

tn_status tn_plan_run_next(tn_plan *p, size_t i, int *bucket)
{
    TN_TRY(tn_plan_run_step(p, i));
    while (*bucket < p->num_buckets && p->bucket[*bucket].step == i)
        TN_TRY(tn_plan_bucket_done(p, (*bucket)++));
    return TN_OK;
}

tn_status tn_plan_run_steps(tn_plan *p, size_t count)
{
    int bucket = 0;
    for (size_t i = 0; i < count; i++)
        TN_TRY(tn_plan_run_next(p, i, &bucket));
    return TN_OK;
}

/* The elements [begin, end) of the arenas, which lie behind each other; ranges are counted from the first. */
static tn_status update_part(tn_plan *p, const tn_optim_call *c, size_t begin, size_t end,
                             const tn_param_range *range, int num_ranges)
{
    enum { HALF_BYTES = 2 };
    tn_optim_call part = *c;
    part.w = tn_plan_weight(p, begin);
    if (part.half)
        part.half = (char *)part.half + begin * HALF_BYTES;
    part.g += begin;
    for (int i = 0; i < p->num_slots; i++)
        part.slot[i] += begin;
    part.count = end - begin;
    part.range = range;
    part.num_ranges = num_ranges;
    return p->optim_kernel->update(&part);
}

/* Where parameters lie apart, each range of each stretch by itself. */
static tn_status update_stretch(tn_plan *p, const tn_optim_call *c, const tn_bucket *b,
                                const tn_stretch *s)
{
    for (int i = 0; i < b->num_ranges; i++) {
        tn_param_range r = b->range[i];
        const size_t first = b->begin + r.begin, last = b->begin + r.end;
        const size_t begin = first > s->begin ? first : s->begin;
        const size_t end = last < s->end ? last : s->end;
        if (begin >= end)
            continue;
        r.begin = 0;
        r.end = end - begin;
        TN_TRY(update_part(p, c, begin, end, &r, 1));
    }
    return TN_OK;
}

/* The part of the update that is about a bucket. */
static tn_status update_bucket(tn_plan *p, const tn_optim_call *c, const tn_bucket *b)
{
    atomic_fetch_add_explicit(&p->done, 1, memory_order_relaxed);
    if (p->num_stretches == 1)
        return update_part(p, c, b->begin, b->end, b->range, b->num_ranges);
    for (int i = 0; i < p->num_stretches; i++)
        TN_TRY(update_stretch(p, c, b, &p->stretch[i]));
    return TN_OK;
}

static tn_status update_all(tn_plan *p, tn_optim_call *c)
{
    const tn_backend *b = tn_plan_backend(p);
    const bool measures = tn_plan_measures(p);
    for (int i = 0; measures && i < p->num_buckets; i++)
        TN_TRY(tn_plan_bucket_await(p, i));
    if (measures)
        TN_TRY(b->measure(c));
    for (int i = 0; i < p->num_buckets; i++) {
        if (!measures)
            TN_TRY(tn_plan_bucket_await(p, i));
        if (!c->left_out)
            TN_TRY(update_bucket(p, c, &p->bucket[i]));
    }
    TN_TRY(tn_plan_after_update(p, c));
    if (p->opts.accumulate == 1)
        return TN_OK;
    return b->fill(p->device->impl, p->gradient_sum, 0, p->trained_count * sizeof(float));
}

tn_status tn_plan_update_body(tn_plan *p, tn_optim_call *c)
{
    int span;
    TN_TRY(tn_plan_trace_step(p, (int)p->num_steps, &span));
    TN_TRY(update_all(p, c));
    return tn_plan_trace_end(p, span);
}
