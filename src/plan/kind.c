/*
 * kind: the functions of <tenon/plan.h> that each kind of plan has its own way to do, while no other thread uses the
 * device of its weights.
 */
#include <stdio.h>

#include "base/trace.h"
#include "plan/plan.h"

/* To a profile, of the plan that the program has: replicas tell their own. */
static tn_status told(const tn_plan *p, double begin, const char *what, tn_status status)
{
    if (begin > 0 && p->share.ranks == 0)
        tn_trace_since(begin, "call", what, -1, 0);
    return status;
}

/* From the end of one update to that of the next. */
static tn_status told_step(tn_plan *p, double begin, tn_status status)
{
    char name[TN_TRACE_NAME];
    const double now = tn_now();
    if (!(begin > 0) || p->share.ranks > 0)
        return status;
    snprintf(name, sizeof name, "step %lld", (long long)tn_plan_first(p)->updates);
    tn_trace(&(tn_trace_span){.kind = "step", .name = name, .begin = p->stepped, .end = now});
    p->stepped = now;
    return status;
}

void tn_plan_destroy(tn_plan *p)
{
    if (p)
        p->kind->destroy(p);
}

tn_status tn_plan_set(tn_plan *p, tn_value input, tn_tensor host)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_TRY(tn_plan_enter_reading(p, false));
    return told(p, begin, "set", tn_plan_leave(p, p->kind->set(p, input, host)));
}

tn_status tn_plan_set_rows(tn_plan *p, int64_t rows)
{
    TN_NEED(p, "plan");
    return p->kind->set_rows(p, rows);
}

tn_status tn_plan_run(tn_plan *p)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_TRY(tn_plan_enter(p, true));
    return told(p, begin, "run", tn_plan_leave(p, p->kind->run(p)));
}

tn_status tn_plan_evaluate(tn_plan *p)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_TRY(tn_plan_enter_reading(p, true));
    return told(p, begin, "evaluate", tn_plan_leave(p, p->kind->evaluate(p)));
}

tn_status tn_plan_update(tn_plan *p, float rate)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_TRY(tn_plan_enter(p, true));
    const tn_status status = told(p, begin, "update", tn_plan_leave(p, p->kind->update(p, rate)));
    return told_step(p, begin, status);
}

tn_status tn_plan_profile(tn_plan *p, float rate, double *seconds)
{
    TN_NEED(p, "plan");
    TN_NEED(seconds, "seconds");
    TN_TRY(tn_plan_enter(p, true));
    return tn_plan_leave(p, p->kind->profile(p, rate, seconds));
}

tn_status tn_plan_get(tn_plan *p, tn_value v, tn_tensor host)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_TRY(tn_plan_enter_reading(p, false));
    return told(p, begin, "get", tn_plan_leave(p, p->kind->get(p, v, host)));
}

tn_status tn_plan_get_gradient(tn_plan *p, tn_value v, tn_tensor host)
{
    TN_NEED(p, "plan");
    TN_TRY(tn_plan_enter(p, false));
    return tn_plan_leave(p, p->kind->get_gradient(p, v, host));
}

tn_status tn_plan_take_sum(tn_plan *p, tn_value v, double *sum, int64_t *runs)
{
    TN_NEED(p, "plan");
    const double begin = tn_trace_begin();
    TN_NEED(sum, "sum");
    TN_NEED(runs, "runs");
    TN_TRY(tn_plan_enter_reading(p, false));
    return told(p, begin, "take sum", tn_plan_leave(p, p->kind->take_sum(p, v, sum, runs, false)));
}

tn_status tn_plan_see_sum(tn_plan *p, tn_value v, double *sum, int64_t *runs)
{
    TN_NEED(p, "plan");
    TN_NEED(sum, "sum");
    TN_NEED(runs, "runs");
    TN_TRY(tn_plan_enter_reading(p, false));
    return tn_plan_leave(p, p->kind->take_sum(p, v, sum, runs, true));
}

tn_status tn_plan_find_nonfinite(tn_plan *p, tn_nonfinite *out)
{
    TN_NEED(p, "plan");
    TN_NEED(out, "out");
    TN_TRY(tn_plan_enter(p, true));
    return tn_plan_leave(p, p->kind->find_nonfinite(p, out));
}

tn_status tn_plan_param_get(tn_plan *p, int index, int part, tn_tensor host)
{
    TN_NEED(p, "plan");
    TN_TRY(tn_plan_enter(p, true));
    return tn_plan_leave(p, p->kind->param_get(p, index, part, host));
}

tn_status tn_plan_param_set(tn_plan *p, int index, int part, tn_tensor host)
{
    TN_NEED(p, "plan");
    TN_TRY(tn_plan_enter(p, false));
    return tn_plan_leave(p, p->kind->param_set(p, index, part, host));
}
