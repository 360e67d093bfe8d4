/*
 * results: what runs and updates leave behind, beside values.
 */
#include "plan/plan_io.h"
#include "run/run.h"

static tn_status report_of_one(tn_plan *p, void *to)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_control_report *out = to;
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_settle(p));
    *out = (tn_control_report){
        .norm = p->gradient_norm, .loss_scale = 1, .next_scale = 1, .skipped = p->skipped};
    TN_TRY(b->control_get ? b->control_get(p->device->impl, p->run.control, out) : TN_OK);
    return tn_plan_found(p);
}

/* The same in all replicas: what it is made of is summed up over them first. */
static tn_status report(tn_plan *p, tn_control_report *out)
{
    return p->kind->do_first(p, report_of_one, out, sizeof *out);
}

tn_status tn_plan_gradient_norm(tn_plan *p, float *norm)
{
    TN_NEED(p, "plan");
    TN_NEED(norm, "norm");
    tn_control_report r;
    if (!tn_plan_measures(tn_plan_first(p)))
        return tn_fail(TN_ERR_ARGUMENT,
                       "plan: the gradient's norm is only computed with clip_norm, gradient_norm "
                       "or guard");
    TN_TRY(report(p, &r));
    *norm = r.norm;
    return TN_OK;
}

bool tn_plan_guards(const tn_plan *p)
{
    return p && p->opts.guard;
}

tn_status tn_plan_skipped(tn_plan *p, int64_t *updates)
{
    TN_NEED(p, "plan");
    TN_NEED(updates, "updates");
    tn_control_report r;
    TN_TRY(report(p, &r));
    *updates = r.skipped;
    return TN_OK;
}

tn_status tn_plan_loss_scale(tn_plan *p, float *scale)
{
    TN_NEED(p, "plan");
    TN_NEED(scale, "scale");
    tn_control_report r;
    TN_TRY(report(p, &r));
    *scale = r.loss_scale;
    return TN_OK;
}

tn_status tn_plan_count_averages(tn_plan *p, int64_t *count)
{
    tn_control_report r;
    TN_TRY(report_of_one(p, &r));
    *count = p->updates - r.skipped;
    return TN_OK;
}

tn_status tn_plan_scaling_get(tn_plan *p, tn_plan_scaling *out)
{
    tn_control_report r;
    const tn_run_state *run = &tn_plan_first(p)->run;
    *out = (tn_plan_scaling){.scales = run->precision == TN_PRECISION_F16};
    if (!out->scales && !tn_plan_first(p)->opts.guard)
        return TN_OK;
    TN_TRY(report(p, &r));
    out->skipped = r.skipped;
    if (!out->scales)
        return TN_OK;
    out->scale = r.next_scale == 0 ? run->first_scale : r.next_scale;
    out->growth = r.growth;
    return TN_OK;
}

static tn_status set_scaling(tn_plan *p, void *from)
{
    const tn_plan_scaling *in = from;
    const tn_backend *b = tn_plan_backend(p);
    tn_control_report r;
    TN_TRY(report_of_one(p, &r));
    r.skipped = p->skipped = in->skipped;
    if (p->run.precision == TN_PRECISION_F16 && in->scales) {
        r.loss_scale = r.next_scale = in->scale;
        r.growth = (int32_t)in->growth;
    }
    if (!b->control_set)
        return TN_OK;
    p->skipped = 0;
    return b->control_set(p->device->impl, p->run.control, &r);
}

tn_status tn_plan_scaling_set(tn_plan *p, const tn_plan_scaling *in)
{
    tn_plan_scaling scaling = *in;
    return p->kind->do_each(p, set_scaling, &scaling, sizeof scaling);
}

tn_status tn_plan_find_summed(tn_plan *p, tn_value value, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, value, out));
    if ((*out)->tally)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s is no scalar that the plan keeps: nothing is summed",
                   (*out)->name);
}

tn_status tn_single_take_sum(tn_plan *p, tn_value value, double *sum, int64_t *runs,
                             bool only_looks)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_plan_value *v;
    TN_TRY(tn_plan_find_summed(p, value, &v));
    TN_TRY(tn_plan_trace_tell(p));
    double *of = p->tallies + (v->tally - 1) * TN_TALLY, got[TN_TALLY];
    TN_TRY(b->download(p->device->impl, got, of, sizeof got));
    TN_TRY(tn_plan_found(p));
    if (!only_looks)
        TN_TRY(b->fill(p->device->impl, of, 0, sizeof got));
    if (!only_looks && p->kept_tallies) /* what was taken does not come back */
        TN_TRY(
            b->fill(p->device->impl, p->kept_tallies + (v->tally - 1) * TN_TALLY, 0, sizeof got));
    *sum = got[0];
    *runs = (int64_t)got[1];
    return TN_OK;
}

/* In f16 gradients are computed so many times too large; replicas' add up to as many times their mean; and those of
 * an accumulated run are as much of it as it weighs. */
tn_status tn_plan_unscale(tn_plan *p, const tn_shape *shape, float *gradient)
{
    tn_control_report r;
    float factor = p->share.ranks ? (float)p->share.ranks : 1;
    if (p->run.loss_weight > 0)
        factor *= p->run.loss_weight;
    if (p->run.precision == TN_PRECISION_F16) {
        TN_TRY(report(p, &r));
        factor *= r.loss_scale;
    }
    const int64_t count = tn_elements(shape);
    for (int64_t i = 0; factor != 1 && i < count; i++)
        gradient[i] /= factor;
    return TN_OK;
}

tn_status tn_plan_sum_factor(tn_plan *p, float *factor)
{
    tn_control_report r;
    *factor = p->share.ranks ? (float)p->share.ranks : 1;
    if (p->run.precision != TN_PRECISION_F16)
        return TN_OK;
    TN_TRY(report_of_one(p, &r));
    *factor *= r.next_scale == 0 ? p->run.first_scale : r.next_scale;
    return TN_OK;
}

tn_precision tn_plan_precision(const tn_plan *p)
{
    return p ? tn_plan_first(p)->run.precision : TN_PRECISION_DEFAULT;
}

int64_t tn_plan_batch(const tn_plan *p)
{
    int64_t batch = 0;
    tn_error_kept kept;
    tn_error_keep(&kept);
    if (p && tn_graph_batch(p->graph, &batch) != TN_OK)
        batch = 0;
    tn_error_put_back(&kept);
    return batch;
}

int64_t tn_plan_updates(const tn_plan *p)
{
    return p ? tn_plan_first(p)->updates : 0;
}
