/*
 * check: whether a call may be made now. A group asks before its replicas do it.
 */
#include <math.h>

#include "plan/plan_io.h"
#include "run/run.h"

tn_status tn_plan_check_runnable(const tn_plan *p)
{
    if (p->opts.dry)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it is dry (made with opts.dry) and has no memory");
    return TN_OK;
}

tn_status tn_plan_check_inputs(const tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_value *v = &p->value[i];
        if (v->input && v->producer >= 0 && !v->set)
            return tn_fail(TN_ERR_ARGUMENT,
                           "plan: input %s has never been set; tn_plan_set() comes first", v->name);
    }
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

tn_status tn_plan_check_run(const tn_plan *p)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_check_trains(p));
    if (!p->opts.loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it has no loss; tn_plan_evaluate() runs it forward");
    if (p->runs_since_update == p->opts.accumulate && p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs are summed already; tn_plan_update() is due",
                       p->runs_since_update);
    return TN_OK;
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
    TN_TRY(tn_plan_check_trains(p));
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it was made without an optimizer");
    TN_TRY(check_rate(rate));
    if (p->runs_since_update < p->opts.accumulate)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d runs since the last update, not %d",
                       p->runs_since_update, p->opts.accumulate);
    return TN_OK;
}

tn_status tn_plan_check_profile(const tn_plan *p, float rate)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_check_trains(p));
    if (p->opts.accumulate > 1)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it accumulates %d runs: a profile is of one",
                       p->opts.accumulate);
    return p->optim_kernel ? check_rate(rate) : TN_OK;
}
