/*
 * run: doing what was planned. Nothing here allocates, but for reading values whose layout on the device
 * is not canonical.
 */
#include <math.h>

#include "base/thread.h"
#include "plan/plan.h"

tn_status tn_plan_check_runnable(const tn_plan *p)
{
    if (p->opts.dry)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it is dry (made with opts.dry) and has no memory");
    return TN_OK;
}

tn_status tn_plan_check_tensor(const char *name, const tn_shape *shape, tn_dtype dtype,
                               const tn_tensor *host)
{
    if (host->dtype != dtype || !tn_shape_equal(&host->shape, shape))
        return tn_fail(TN_ERR_SHAPE, "%s is %s %s, but the tensor given is %s %s", name,
                       tn_shape_format(shape).text, tn_dtype_name(dtype),
                       tn_shape_format(&host->shape).text, tn_dtype_name(host->dtype));
    if (!host->data)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the tensor given has no data", name);
    return TN_OK;
}

tn_status tn_plan_find_value(tn_plan *p, tn_value v, tn_plan_value **out)
{
    tn_shape shape;
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_value_shape(p->graph, v, &shape));
    TN_TRY(tn_plan_settle(p));
    *out = tn_plan_value_of(p, v.id);
    return TN_OK;
}

tn_status tn_plan_find_input(tn_plan *p, tn_value input, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, input, out));
    if ((*out)->producer < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: this plan computes nothing from it", (*out)->name);
    if (!(*out)->input)
        return tn_fail(TN_ERR_ARGUMENT, "%s is computed; only inputs can be set", (*out)->name);
    return TN_OK;
}

tn_status tn_plan_set(tn_plan *p, tn_value input, tn_tensor host)
{
    tn_plan_value *v;
    if (p->group)
        return tn_group_set(p->group, input, host);
    TN_TRY(tn_plan_find_input(p, input, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    if (v->inlet)
        return tn_plan_backend(p)->inlet_push(v->inlet, host.data);
    return tn_plan_upload(p, &v->shape, v->dtype, NULL, p->memory + p->buffer[v->buffer].offset,
                          host.data);
}

tn_status tn_plan_find_kept(tn_plan *p, tn_value value, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, value, out));
    if ((*out)->producer >= 0 && ((*out)->kept || (*out)->input))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "the output of %s is not kept: name it in tn_plan_opts.keep",
                   (*out)->name);
}

tn_status tn_plan_get(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    if (p->group)
        return tn_group_get(p->group, value, host);
    TN_TRY(tn_plan_find_kept(p, value, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    return tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data,
                            p->memory + p->buffer[v->buffer].offset);
}

tn_status tn_plan_find_gradient(tn_plan *p, tn_value value, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, value, out));
    if ((*out)->input && (*out)->gradient != TN_NO_BUFFER)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s has no gradient to read: it must be an f32 input that the loss depends on, "
                   "in a plan with input_gradients",
                   (*out)->name);
}

tn_status tn_plan_get_gradient(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    if (p->group)
        return tn_group_get_gradient(p->group, value, host);
    TN_TRY(tn_plan_find_gradient(p, value, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    TN_TRY(tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data,
                            p->memory + p->buffer[v->gradient].offset));
    return tn_plan_unscale(p, &v->shape, host.data);
}

/* ---- bodies: what may be recorded and replayed ---------------------------------------------- */

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
    case TN_STEP_ADD:
        TN_TRY(b->accumulate(d, s->value->layout, s->to_data, s->from_data, s->value->bytes));
        break;
    case TN_STEP_TALLY:
        TN_TRY(b->tally(d, s->to_data, s->from_data, s->value->dtype));
        break;
    }
    if (!b->after_step)
        return TN_OK;
    return b->after_step(d, s->kind == TN_STEP_BACKWARD ? "backward" : "forward",
                         s->node ? &s->node->node : NULL);
}

/* And what is due after it. */
static tn_status run_next(tn_plan *p, size_t i, int *bucket)
{
    TN_TRY(run_step(p, &p->step[i]));
    while (*bucket < p->num_buckets && p->bucket[*bucket].step == i)
        TN_TRY(tn_plan_bucket_done(p, (*bucket)++));
    atomic_fetch_add_explicit(&p->done, 1, memory_order_relaxed);
    return TN_OK;
}

tn_status tn_plan_run_steps(tn_plan *p, size_t count)
{
    int bucket = 0;
    for (size_t i = 0; i < count; i++)
        TN_TRY(run_next(p, i, &bucket));
    return TN_OK;
}

/* The part of the update that is about a bucket. */
static tn_status update_bucket(tn_plan *p, const tn_optim_call *c, const tn_bucket *b)
{
    enum { HALF_BYTES = 2 };
    tn_optim_call part = *c;
    part.w += b->begin;
    if (part.half)
        part.half = (char *)part.half + b->begin * HALF_BYTES;
    part.g += b->begin;
    for (int i = 0; i < p->num_slots; i++)
        part.slot[i] += b->begin;
    part.count = b->end - b->begin;
    part.range = b->range;
    part.num_ranges = b->num_ranges;
    atomic_fetch_add_explicit(&p->done, 1, memory_order_relaxed);
    return p->optim_kernel->update(&part);
}

tn_status tn_plan_update_body(tn_plan *p, tn_optim_call *c)
{
    const tn_backend *b = tn_plan_backend(p);
    const bool measures = c->clip_norm > 0 || p->run.precision == TN_PRECISION_F16;
    for (int i = 0; measures && i < p->num_buckets; i++)
        TN_TRY(tn_plan_bucket_await(p, i));
    if (measures)
        TN_TRY(b->measure(c));
    for (int i = 0; i < p->num_buckets; i++) {
        if (!measures)
            TN_TRY(tn_plan_bucket_await(p, i));
        TN_TRY(update_bucket(p, c, &p->bucket[i]));
    }
    if (p->opts.accumulate == 1)
        return TN_OK;
    return b->fill(p->device->impl, p->gradient_sum, 0, p->trained_count * sizeof(float));
}

/* ---- runs and updates ------------------------------------------------------------------------ */

/* What every run begins with and no recording holds. */
static tn_status begin(tn_plan *p, bool training)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(tn_plan_settle(p));
    TN_TRY(tn_plan_spread(p, training));
    p->run.training = training;
    if (p->half && p->weights_changed)
        TN_TRY(b->halve(p->device->impl, p->run.precision, p->half, p->weights, p->param_count));
    p->run.weights_version += p->weights_changed;
    p->weights_changed = false;
    p->tally_runs++;
    return b->begin_run ? b->begin_run(p->device->impl, &p->run) : TN_OK;
}

tn_status tn_plan_check_run(const tn_plan *p)
{
    TN_TRY(tn_plan_check_runnable(p));
    if (!p->opts.loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it has no loss; tn_plan_evaluate() runs it forward");
    if (p->runs_since_update == p->opts.accumulate && p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs are summed already; tn_plan_update() is due",
                       p->runs_since_update);
    return TN_OK;
}

/* May a run wait for its update, to be replayed in one? Between those of replicas sums are taken. */
static bool may_wait(const tn_plan *p)
{
    return p->optim_kernel && p->opts.accumulate == 1 && p->share.ranks == 0 &&
           p->recording[TN_RECORD_STEP].warm;
}

tn_status tn_plan_run(tn_plan *p)
{
    if (p->group)
        return tn_group_run(p->group);
    TN_TRY(tn_plan_check_run(p));
    TN_TRY(begin(p, true));
    if (may_wait(p))
        p->pending = true;
    else
        TN_TRY(tn_plan_do(p, TN_RECORD_RUN, NULL));
    TN_TRY(tn_plan_reduce(p));
    p->run.step++;
    p->runs_since_update++;
    return TN_OK;
}

tn_status tn_plan_evaluate(tn_plan *p)
{
    if (p->group)
        return tn_group_evaluate(p->group);
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(begin(p, false));
    return tn_plan_do(p, TN_RECORD_EVALUATE, NULL);
}

static tn_status check_rate(float rate)
{
    if (!(rate >= 0) || isinf(rate))
        return tn_fail(TN_ERR_ARGUMENT, "plan: the rate is %g", (double)rate);
    return TN_OK;
}

tn_status tn_plan_check_update(const tn_plan *p, float rate)
{
    TN_TRY(tn_plan_check_runnable(p));
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it was made without an optimizer");
    TN_TRY(check_rate(rate));
    if (p->runs_since_update < p->opts.accumulate)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs since the last update, not %d",
                       p->runs_since_update, p->opts.accumulate);
    return TN_OK;
}

tn_status tn_plan_update(tn_plan *p, float rate)
{
    if (p->group)
        return tn_group_update(p->group, rate);
    TN_TRY(tn_plan_check_update(p, rate));
    TN_TRY(tn_plan_spread(p, true));
    tn_optim_call c = {
        .device = p->device->impl,
        .run = &p->run,
        .optim = &p->opts.optim,
        .step = p->updates + 1,
        .rate = rate,
        .scale = 1 / (float)(p->opts.accumulate * (p->share.ranks ? p->share.ranks : 1)),
        .clip_norm = p->opts.clip_norm,
        .w = p->weights,
        .half = p->half,
        .g = p->opts.accumulate > 1 ? p->gradient_sum : p->gradients,
        .count = p->trained_count,
        .range = p->range,
        .num_ranges = p->num_ranges,
    };
    for (int i = 0; i < p->num_slots; i++)
        c.slot[i] = p->slot[i];
    if (tn_plan_backend(p)->begin_update)
        TN_TRY(tn_plan_backend(p)->begin_update(&c));
    if (p->pending) {
        p->pending = false;
        TN_TRY(tn_plan_do(p, TN_RECORD_STEP, &c));
    } else if (p->share.ranks > 0) {
        TN_TRY(tn_plan_do(p, TN_RECORD_UPDATE, &c));
    } else {
        TN_TRY(tn_plan_update_body(p, &c));
        p->recording[TN_RECORD_STEP].warm = tn_plan_backend(p)->capture_begin != NULL;
    }
    p->gradient_norm = c.norm;
    p->updates++;
    p->runs_since_update = 0;
    return TN_OK;
}

/* ---- step by step --------------------------------------------------------------------------- */

/* Until it is done, in seconds since `start`. */
static tn_status lap(tn_plan *p, double start, double *seconds)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(b->wait ? b->wait(p->device->impl) : TN_OK);
    *seconds = tn_now() - start;
    return TN_OK;
}

tn_status tn_plan_check_profile(const tn_plan *p, float rate)
{
    TN_TRY(tn_plan_check_runnable(p));
    if (p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it accumulates %d runs: a profile is of one",
                       p->opts.accumulate);
    return p->optim_kernel ? check_rate(rate) : TN_OK;
}

tn_status tn_plan_profile(tn_plan *p, float rate, double *seconds)
{
    const bool training = p->opts.loss.id != 0;
    int bucket = 0;
    double start;
    if (p->group)
        return tn_group_profile(p->group, rate, seconds);
    TN_TRY(tn_plan_check_profile(p, rate));
    TN_TRY(begin(p, training));
    TN_TRY(lap(p, 0, &start));
    for (size_t i = 0; i < p->num_steps; i++) {
        start = tn_now();
        TN_TRY(run_next(p, i, &bucket));
        TN_TRY(lap(p, start, &seconds[i]));
    }
    start = tn_now();
    if (training)
        TN_TRY(tn_plan_reduce(p));
    p->run.step += training;
    p->runs_since_update += training;
    if (!p->optim_kernel)
        return TN_OK;
    TN_TRY(tn_plan_update(p, rate));
    return lap(p, start, &seconds[p->num_steps]);
}
