/*
 * run: doing what was planned. Nothing here allocates, but for reading values whose layout on the device
 * is not canonical.
 */
#include <math.h>

#include "graph/plan.h"

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

static tn_status find_value(const tn_plan *p, tn_value v, tn_plan_value **out)
{
    tn_shape shape;
    TN_TRY(check_runnable(p));
    TN_TRY(tn_value_shape(p->graph, v, &shape));
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
    return tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data,
                            p->memory + p->buffer[v->gradient].offset);
}

static tn_status run_step(const tn_plan *p, const tn_step *s)
{
    const tn_backend *b = tn_plan_backend(p);
    switch (s->kind) {
    case TN_STEP_FORWARD:
        return s->node->kernel->forward(&s->call);
    case TN_STEP_BACKWARD:
        return s->node->kernel->backward(&s->call);
    case TN_STEP_ADD:
        return b->accumulate(p->device->impl, s->to_data, s->from_data, s->floats);
    }
    return TN_OK;
}

static tn_status run_steps(tn_plan *p, size_t count, bool training)
{
    p->run.training = training;
    for (size_t i = 0; i < count; i++)
        TN_TRY(run_step(p, &p->step[i]));
    return TN_OK;
}

tn_status tn_plan_run(tn_plan *p)
{
    TN_TRY(check_runnable(p));
    if (!p->opts.loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it has no loss; tn_plan_evaluate() runs it forward");
    if (p->runs_since_update == p->opts.accumulate && p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs are summed already; tn_plan_update() is due",
                       p->runs_since_update);
    TN_TRY(run_steps(p, p->num_steps, true));
    p->run.step++;
    if (p->opts.accumulate > 1)
        TN_TRY(tn_plan_backend(p)->accumulate(p->device->impl, p->gradient_sum, p->gradients,
                                              p->trained_count));
    p->runs_since_update++;
    return TN_OK;
}

tn_status tn_plan_evaluate(tn_plan *p)
{
    TN_TRY(check_runnable(p));
    return run_steps(p, p->num_forward, false);
}

/* As PyTorch's clip_grad_norm_: scale by max_norm / (norm + 1e-6) if that is below 1. */
static tn_status clip(tn_plan *p, const float *g, float *scale)
{
    double squares;
    if (p->opts.clip_norm <= 0)
        return TN_OK;
    TN_TRY(tn_plan_backend(p)->sum_squares(p->device->impl, g, p->trained_count, &squares));
    p->gradient_norm = (float)sqrt(squares) * *scale;
    const float shrink = p->opts.clip_norm / (p->gradient_norm + 1e-6f);
    if (shrink < 1)
        *scale *= shrink;
    return TN_OK;
}

tn_status tn_plan_update(tn_plan *p, float rate)
{
    TN_TRY(check_runnable(p));
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it was made without an optimizer");
    if (!(rate >= 0) || isinf(rate))
        return tn_fail(TN_ERR_ARGUMENT, "plan: the rate is %g", (double)rate);
    if (p->runs_since_update < p->opts.accumulate)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs since the last update, not %d",
                       p->runs_since_update, p->opts.accumulate);
    const bool summed = p->opts.accumulate > 1;
    const float *g = summed ? p->gradient_sum : p->gradients;
    float scale = 1 / (float)p->opts.accumulate;
    TN_TRY(clip(p, g, &scale));
    tn_optim_call c = {
        .device = p->device->impl,
        .optim = &p->opts.optim,
        .step = p->updates + 1,
        .rate = rate,
        .scale = scale,
        .w = p->weights,
        .g = g,
        .range = p->range,
        .num_ranges = p->num_ranges,
    };
    for (int i = 0; i < p->num_slots; i++)
        c.slot[i] = p->slot[i];
    TN_TRY(p->optim_kernel->update(&c));
    p->updates++;
    p->runs_since_update = 0;
    if (!summed)
        return TN_OK;
    return tn_plan_backend(p)->fill(p->device->impl, p->gradient_sum, 0,
                                    p->trained_count * sizeof(float));
}

tn_status tn_plan_gradient_norm(tn_plan *p, float *norm)
{
    if (p->opts.clip_norm <= 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "plan: the gradient's norm is only computed with clip_norm");
    *norm = p->gradient_norm;
    return TN_OK;
}

int64_t tn_plan_updates(const tn_plan *p)
{
    return p->updates;
}
