/*
 * run: doing what was planned. Nothing here allocates, but for reading values whose layout on the device
 * is not canonical.
 */
#include <math.h>

#include "base/thread.h"
#include "graph/plan.h"
#include "graph/plan_io.h"

static tn_status check_runnable(const tn_plan *p)
{
    if (p->opts.dry)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it is dry (made with opts.dry) and has no memory");
    return TN_OK;
}

static tn_status check_tensor(const char *name, const tn_shape *shape, tn_dtype dtype,
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

static tn_status find_value(tn_plan *p, tn_value v, tn_plan_value **out)
{
    tn_shape shape;
    TN_TRY(check_runnable(p));
    TN_TRY(tn_value_shape(p->graph, v, &shape));
    TN_TRY(tn_plan_settle(p));
    *out = tn_plan_value_of(p, v.id);
    return TN_OK;
}

tn_status tn_plan_set(tn_plan *p, tn_value input, tn_tensor host)
{
    tn_plan_value *v;
    TN_TRY(find_value(p, input, &v));
    if (v->producer < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: this plan computes nothing from it", v->name);
    if (!v->input)
        return tn_fail(TN_ERR_ARGUMENT, "%s is computed; only inputs can be set", v->name);
    TN_TRY(check_tensor(v->name, &v->shape, v->dtype, &host));
    if (v->inlet)
        return tn_plan_backend(p)->inlet_push(v->inlet, host.data);
    return tn_plan_upload(p, &v->shape, v->dtype, NULL, p->memory + p->buffer[v->buffer].offset,
                          host.data);
}

tn_status tn_plan_get(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    TN_TRY(find_value(p, value, &v));
    if (v->producer < 0 || !(v->kept || v->input))
        return tn_fail(TN_ERR_ARGUMENT,
                       "the output of %s is not kept: name it in tn_plan_opts.keep", v->name);
    TN_TRY(check_tensor(v->name, &v->shape, v->dtype, &host));
    return tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data,
                            p->memory + p->buffer[v->buffer].offset);
}

tn_status tn_plan_get_gradient(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    TN_TRY(find_value(p, value, &v));
    if (!v->input || v->gradient == TN_NO_BUFFER)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "%s has no gradient to read: it must be an f32 input that the loss depends on, "
            "in a plan with input_gradients",
            v->name);
    TN_TRY(check_tensor(v->name, &v->shape, v->dtype, &host));
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

tn_status tn_plan_run_steps(tn_plan *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TN_TRY(run_step(p, &p->step[i]));
    if (count < p->num_steps || p->opts.accumulate == 1 || !p->opts.loss.id)
        return TN_OK;
    return tn_plan_backend(p)->accumulate(p->device->impl, NULL, p->gradient_sum, p->gradients,
                                          p->trained_count * sizeof(float));
}

tn_status tn_plan_update_body(tn_plan *p, tn_optim_call *c)
{
    const tn_backend *b = tn_plan_backend(p);
    if (c->clip_norm > 0 || p->run.precision == TN_PRECISION_F16)
        TN_TRY(b->measure(c));
    TN_TRY(p->optim_kernel->update(c));
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
    p->run.training = training;
    if (p->half && p->half_stale)
        TN_TRY(b->halve(p->device->impl, p->run.precision, p->half, p->weights, p->param_count));
    p->half_stale = false;
    p->tally_runs++;
    return b->begin_run ? b->begin_run(p->device->impl, &p->run) : TN_OK;
}

tn_status tn_plan_run(tn_plan *p)
{
    TN_TRY(check_runnable(p));
    if (!p->opts.loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it has no loss; tn_plan_evaluate() runs it forward");
    if (p->runs_since_update == p->opts.accumulate && p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs are summed already; tn_plan_update() is due",
                       p->runs_since_update);
    TN_TRY(begin(p, true));
    if (p->optim_kernel && p->opts.accumulate == 1 && p->recording[TN_RECORD_STEP].warm)
        p->pending = true;
    else
        TN_TRY(tn_plan_do(p, TN_RECORD_RUN, NULL));
    p->run.step++;
    p->runs_since_update++;
    return TN_OK;
}

tn_status tn_plan_evaluate(tn_plan *p)
{
    TN_TRY(check_runnable(p));
    TN_TRY(begin(p, false));
    return tn_plan_do(p, TN_RECORD_EVALUATE, NULL);
}

static tn_status check_rate(float rate)
{
    if (!(rate >= 0) || isinf(rate))
        return tn_fail(TN_ERR_ARGUMENT, "plan: the rate is %g", (double)rate);
    return TN_OK;
}

static tn_status check_update(const tn_plan *p, float rate)
{
    TN_TRY(check_runnable(p));
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
    TN_TRY(check_update(p, rate));
    tn_optim_call c = {
        .device = p->device->impl,
        .run = &p->run,
        .optim = &p->opts.optim,
        .step = p->updates + 1,
        .rate = rate,
        .scale = 1 / (float)p->opts.accumulate,
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

tn_status tn_plan_profile(tn_plan *p, float rate, double *seconds)
{
    const bool training = p->opts.loss.id != 0;
    double start;
    TN_TRY(check_runnable(p));
    if (p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it accumulates %d runs: a profile is of one",
                       p->opts.accumulate);
    if (p->optim_kernel)
        TN_TRY(check_rate(rate));
    TN_TRY(begin(p, training));
    TN_TRY(lap(p, 0, &start));
    for (size_t i = 0; i < p->num_steps; i++) {
        start = tn_now();
        TN_TRY(run_step(p, &p->step[i]));
        TN_TRY(lap(p, start, &seconds[i]));
    }
    p->run.step += training;
    p->runs_since_update += training;
    if (!p->optim_kernel)
        return TN_OK;
    start = tn_now();
    TN_TRY(tn_plan_update(p, rate));
    return lap(p, start, &seconds[p->num_steps]);
}

/* ---- what runs leave behind ------------------------------------------------------------------ */

static tn_status report(tn_plan *p, tn_control_report *out)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(check_runnable(p));
    TN_TRY(tn_plan_settle(p));
    *out = (tn_control_report){.norm = p->gradient_norm, .loss_scale = 1, .next_scale = 1};
    return b->control_get ? b->control_get(p->device->impl, p->run.control, out) : TN_OK;
}

tn_status tn_plan_gradient_norm(tn_plan *p, float *norm)
{
    tn_control_report r;
    if (p->opts.clip_norm <= 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "plan: the gradient's norm is only computed with clip_norm");
    TN_TRY(report(p, &r));
    *norm = r.norm;
    return TN_OK;
}

tn_status tn_plan_skipped(tn_plan *p, int64_t *updates)
{
    tn_control_report r;
    TN_TRY(report(p, &r));
    *updates = r.skipped;
    return TN_OK;
}

tn_status tn_plan_loss_scale(tn_plan *p, float *scale)
{
    tn_control_report r;
    TN_TRY(report(p, &r));
    *scale = r.loss_scale;
    return TN_OK;
}

tn_status tn_plan_scaling_get(tn_plan *p, tn_plan_scaling *out)
{
    tn_control_report r;
    *out = (tn_plan_scaling){.scales = p->run.precision == TN_PRECISION_F16};
    if (!out->scales)
        return TN_OK;
    TN_TRY(report(p, &r));
    const float next = r.next_scale == 0 ? p->run.first_scale : r.next_scale;
    *out = (tn_plan_scaling){true, next, r.growth, r.skipped};
    return TN_OK;
}

tn_status tn_plan_scaling_set(tn_plan *p, const tn_plan_scaling *in)
{
    if (p->run.precision != TN_PRECISION_F16 || !in->scales)
        return TN_OK;
    TN_TRY(tn_plan_settle(p));
    const tn_control_report r = {.loss_scale = in->scale,
                                 .next_scale = in->scale,
                                 .growth = (int32_t)in->growth,
                                 .skipped = in->skipped};
    return tn_plan_backend(p)->control_set(p->device->impl, p->run.control, &r);
}

tn_status tn_plan_take_sum(tn_plan *p, tn_value value, double *sum, int64_t *runs)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_plan_value *v;
    TN_TRY(find_value(p, value, &v));
    if (!v->tally)
        return tn_fail(TN_ERR_ARGUMENT, "%s is no scalar that the plan keeps: nothing is summed",
                       v->name);
    TN_TRY(b->download(p->device->impl, sum, p->tallies + v->tally - 1, sizeof *sum));
    TN_TRY(b->fill(p->device->impl, p->tallies + v->tally - 1, 0, sizeof *sum));
    *runs = p->tally_runs - v->tally_from;
    v->tally_from = p->tally_runs;
    return TN_OK;
}

/* In f16 gradients are computed so many times too large. */
tn_status tn_plan_unscale(tn_plan *p, const tn_shape *shape, float *gradient)
{
    tn_control_report r;
    if (p->run.precision != TN_PRECISION_F16)
        return TN_OK;
    TN_TRY(report(p, &r));
    const int64_t count = tn_elements(shape);
    for (int64_t i = 0; i < count; i++)
        gradient[i] /= r.loss_scale;
    return TN_OK;
}

tn_precision tn_plan_precision(const tn_plan *p)
{
    return p->run.precision;
}

int64_t tn_plan_updates(const tn_plan *p)
{
    return p->updates;
}
