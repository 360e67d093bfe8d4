/*
 * settings: what of the optimizer may change between two updates. Kernels are given it with each update, and
 * recordings read it from the device's control.
 */
#include <math.h>

#include "run/run.h"

static tn_status check_has_optimizer(const tn_plan *p)
{
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it was made without an optimizer");
    return TN_OK;
}

tn_status tn_plan_optim(const tn_plan *p, tn_optim_settings *out)
{
    TN_NEED(p, "plan");
    TN_NEED(out, "out");
    const tn_plan *first = tn_plan_first(p);
    TN_TRY(check_has_optimizer(first));
    tn_optim optim = first->opts.optim;
    *out = (tn_optim_settings){
        .momentum = *optim.kind->momentum(&optim),
        .weight_decay = *optim.kind->weight_decay(&optim),
        .clip_norm = first->opts.clip_norm,
    };
    return TN_OK;
}

static tn_status check(const tn_plan *p, const tn_optim_settings *s)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(check_has_optimizer(p));
    const char *name = p->opts.optim.kind->name;
    TN_TRY(tn_optim_check_field(name, "momentum", s->momentum, 1));
    TN_TRY(tn_optim_check_field(name, "weight_decay", s->weight_decay, INFINITY));
    TN_TRY(tn_optim_check_field("plan", "clip_norm", s->clip_norm, INFINITY));
    if (s->momentum > 0 && p->num_slots == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: the plan was made without momentum and keeps none: it cannot be %g now",
                       name, (double)s->momentum);
    return TN_OK;
}

static tn_status set(tn_plan *p, void *from)
{
    const tn_optim_settings *s = from;
    const bool measured = tn_plan_measures(p);
    tn_optim *optim = &p->opts.optim;
    *optim->kind->momentum(optim) = s->momentum;
    *optim->kind->weight_decay(optim) = s->weight_decay;
    p->opts.clip_norm = s->clip_norm;
    return tn_plan_measures(p) == measured ? TN_OK : tn_plan_forget_updates(p);
}

tn_status tn_plan_set_optim(tn_plan *p, const tn_optim_settings *settings)
{
    TN_NEED(p, "plan");
    TN_NEED(settings, "settings");
    TN_TRY(check(tn_plan_first(p), settings));
    tn_optim_settings s = *settings;
    return p->kind->do_each(p, set, &s, sizeof s);
}
