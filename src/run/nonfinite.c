/*
 * nonfinite: the last run done again, step by step, to find the first numbers that are not finite.
 *
 * Values share memory by when they are needed, so each is looked at right after the step that made it. The run is the
 * same to the last bit: dropout counts by the run's number, which is set back for it, and in f16 the loss is scaled as it
 * was. What it would change a second time, running statistics and sums, is left as it is.
 *
 * Several devices all go through all steps, whoever has found something: kernels may sum up over them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/run.h"

typedef struct looking {
    tn_plan *p;
    float *host; /* room for the largest of what is looked at */
    float *kept; /* the arenas of gradients and of what is not trained, as they were */
    tn_found_nonfinite *found;
} looking;

/* ---- what the run was and left ---------------------------------------------------------------- */

static size_t largest(const tn_plan *p)
{
    size_t most = 1;
    for (size_t i = 0; i < p->num_values; i++) {
        const size_t count = (size_t)tn_elements(&p->value[i].shape);
        if (p->value[i].dtype == TN_F32 && count > most)
            most = count;
    }
    return most;
}

static tn_status open_looking(looking *l, tn_plan *p, tn_found_nonfinite *found)
{
    const size_t most = largest(p), rest = p->param_count + 1;
    *l = (looking){.p = p, .found = found};
    l->host = tn_alloc_aligned(most * sizeof *l->host);
    l->kept = tn_alloc_aligned(rest * sizeof *l->kept);
    return l->host && l->kept ? TN_OK : tn_no_memory("plan", (most + rest) * sizeof(float));
}

static void close_looking(looking *l)
{
    tn_free(l->host);
    tn_free(l->kept);
}

static tn_status move(looking *l, bool back, float *at, size_t begin, size_t count)
{
    const tn_backend *b = tn_plan_backend(l->p);
    tn_backend_device *d = l->p->device->impl;
    const size_t bytes = count * sizeof *at;
    if (count == 0)
        return TN_OK;
    return back ? b->upload(d, at, l->kept + begin, bytes)
                : b->download(d, l->kept + begin, at, bytes);
}

/* What a run in training mode writes for good: gradients, which may be sums over all devices by now, and running
 * statistics. */
static tn_status keep(looking *l, bool back)
{
    const tn_plan *p = l->p;
    const tn_backend *b = tn_plan_backend(p);
    if (!p->run.training)
        return TN_OK;
    TN_TRY(b->wait ? b->wait(p->device->impl) : TN_OK);
    TN_TRY(move(l, back, p->gradients, 0, p->trained_count));
    for (int i = 0; i < p->num_params; i++) {
        const tn_plan_parameter *w = &p->param[i];
        if (w->spec->statistic)
            TN_TRY(move(l, back, w->at, w->begin, w->count));
    }
    return TN_OK;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* What steps make of rows that hold no sample is whatever it is; but in an input, NaN times a gradient of 0 is NaN. */
static int64_t elements_with_samples(const tn_plan *p, const tn_plan_value *v)
{
    const int64_t all = tn_elements(&v->shape);
    const bool counts =
        !v->input && v->batch == 0 && p->run.batch > 0 && v->shape.dim[0] == p->run.batch;
    return counts ? all / p->run.batch * p->run.rows : all;
}

static void count(looking *l, const tn_plan_value *v, int64_t of)
{
    tn_found_nonfinite *f = l->found;
    f->of = of;
    f->count = 0;
    for (int64_t i = 0; i < of; i++) {
        if (isfinite(l->host[i]))
            continue;
        if (f->count++ == 0) {
            f->first = i;
            f->number = l->host[i];
        }
    }
    if (v->batch == 0 && f->count > 0)
        f->row = f->first / (tn_elements(&v->shape) / v->shape.dim[0]) +
                 l->p->share.rank * v->shape.dim[0];
}

/* What step `step` made of a value, or reads as it: at `at`, on the device. */
static tn_status look(looking *l, size_t step, tn_nonfinite_part part, const tn_plan_value *v,
                      const void *at)
{
    tn_plan *p = l->p;
    if (l->found->part || !at || v->dtype != TN_F32)
        return TN_OK;
    const int64_t of = elements_with_samples(p, v);
    TN_TRY(tn_plan_download(p, &v->shape, TN_F32, v->layout, l->host, at));
    count(l, v, of);
    if (l->found->count == 0)
        return TN_OK;
    l->found->part = part;
    l->found->step = (int64_t)step;
    l->found->value = (int32_t)(v - p->value) + 1;
    return TN_OK;
}

/* Of what no step makes: inputs, constants and parameters. Statistics are not read in training, which has changed them. */
static tn_status look_at_given(looking *l, size_t step, int32_t id)
{
    const tn_plan *p = l->p;
    const tn_plan_value *v = tn_plan_value_of(p, id);
    if (!v->input && !v->source)
        return TN_OK;
    if (v->param && v->source->spec->statistic && p->run.training)
        return TN_OK;
    return look(l, step, v->param ? TN_NONFINITE_PARAMETER : TN_NONFINITE_OUTPUT, v,
                tn_plan_address(p, v->buffer));
}

static tn_status look_before(looking *l, size_t i)
{
    const tn_step *s = &l->p->step[i];
    if (s->kind != TN_STEP_FORWARD)
        return TN_OK;
    const tn_node *n = &s->node->node;
    for (int j = 0; j < n->num_in; j++)
        TN_TRY(look_at_given(l, i, n->in[j]));
    for (int j = 0; j < n->num_params; j++)
        TN_TRY(look_at_given(l, i, n->w[j]));
    return TN_OK;
}

static tn_status look_at_gradient(looking *l, size_t step, const tn_plan_value *v, const void *at)
{
    return look(l, step, v->param ? TN_NONFINITE_PARAMETER_GRADIENT : TN_NONFINITE_GRADIENT, v, at);
}

static tn_status look_after(looking *l, size_t i)
{
    const tn_plan *p = l->p;
    const tn_step *s = &p->step[i];
    if (s->kind == TN_STEP_ADD)
        return look_at_gradient(l, i, s->value, s->to_data);
    if (!s->node)
        return TN_OK;
    const tn_node *n = &s->node->node;
    if (s->kind == TN_STEP_FORWARD) {
        for (int j = 0; j < n->num_out; j++)
            TN_TRY(look(l, i, TN_NONFINITE_OUTPUT, tn_plan_value_of(p, n->out[j]), s->call.y[j]));
        return TN_OK;
    }
    for (int j = 0; j < n->num_in; j++)
        TN_TRY(look_at_gradient(l, i, tn_plan_value_of(p, n->in[j]), s->call.dx[j]));
    for (int j = 0; j < n->num_params; j++)
        TN_TRY(look_at_gradient(l, i, tn_plan_value_of(p, n->w[j]), s->call.dw[j]));
    return TN_OK;
}

/* ---- the run again -------------------------------------------------------------------------- */

static tn_status walk(looking *l, size_t steps)
{
    tn_plan *p = l->p;
    for (size_t i = 0; i < steps; i++) {
        TN_TRY(look_before(l, i));
        if (p->step[i].kind != TN_STEP_TALLY)
            TN_TRY(tn_plan_run_step(p, i));
        TN_TRY(look_after(l, i));
    }
    return TN_OK;
}

/* Its number and, in f16, its loss scale are those of the run that was; then all is as it was. */
static tn_status run_again(looking *l)
{
    tn_plan *p = l->p;
    const tn_backend *b = tn_plan_backend(p);
    const bool training = p->run.training, scales = p->run.precision == TN_PRECISION_F16;
    tn_control_report before;
    if (scales) {
        TN_TRY(b->control_get(p->device->impl, p->run.control, &before));
        tn_control_report then = before;
        then.next_scale = before.loss_scale;
        TN_TRY(b->control_set(p->device->impl, p->run.control, &then));
    }
    TN_TRY(keep(l, false));
    p->run.step -= training;
    tn_status status = tn_plan_begin(p, training);
    if (status == TN_OK)
        status = walk(l, training ? p->num_steps : p->num_forward);
    p->run.step += training;
    TN_TRY(status);
    TN_TRY(keep(l, true));
    return scales ? b->control_set(p->device->impl, p->run.control, &before) : TN_OK;
}

tn_status tn_plan_look_for_nonfinite(tn_plan *p, tn_found_nonfinite *out)
{
    looking l;
    *out = (tn_found_nonfinite){.rank = p->share.rank, .row = -1};
    snprintf(out->device, sizeof out->device, "%s", p->device->name);
    TN_TRY(tn_plan_settle(p));
    TN_TRY(tn_plan_carefully(p, true));
    tn_status status = open_looking(&l, p, out);
    if (status == TN_OK)
        status = run_again(&l);
    close_looking(&l);
    return status;
}

tn_status tn_plan_check_again(const tn_plan *p)
{
    TN_TRY(tn_plan_check_runnable(p));
    if (!p->begun)
        return tn_fail(TN_ERR_ARGUMENT, "plan: nothing has run yet that could be done again");
    return TN_OK;
}

/* ---- told ----------------------------------------------------------------------------------- */

void tn_plan_tell_nonfinite(const tn_plan *p, const tn_found_nonfinite *f, tn_nonfinite *out)
{
    *out = (tn_nonfinite){.part = f->part, .row = -1};
    if (!f->part)
        return;
    const tn_plan_value *v = tn_plan_value_of(p, f->value);
    const tn_plan_node *at = p->step[f->step].node;
    *out = (tn_nonfinite){.part = f->part,
                          .node = at ? at->node.name : v->name,
                          .name = v->name,
                          .shape = v->shape,
                          .count = f->count,
                          .of = f->of,
                          .first = f->first,
                          .row = f->row,
                          .number = f->number,
                          .rank = f->rank};
    memcpy(out->device, f->device, sizeof out->device);
}

tn_status tn_single_find_nonfinite(tn_plan *p, tn_nonfinite *out)
{
    tn_found_nonfinite found;
    TN_TRY(tn_plan_check_again(p));
    TN_TRY(tn_plan_look_for_nonfinite(p, &found));
    tn_plan_tell_nonfinite(p, &found, out);
    return TN_OK;
}

const char *tn_nonfinite_part_name(tn_nonfinite_part part)
{
    static const char *const names[] = {"nothing", "parameter", "output", "gradient of output",
                                        "gradient of parameter"};
    return (size_t)part < TN_COUNT(names) ? names[part] : NULL;
}
