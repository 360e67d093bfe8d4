/*
 * adam, adamw: steps scaled by running means of the gradient and of its square.
 *
 *     adam:  g += d w            adamw:  w -= r d w
 *     m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *     w -= r (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * Keeps m and v.   Sources: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
 */
#include <math.h>

#include "base/base.h"
#include "optim/optim.h"

static tn_status check(tn_optim *optim)
{
    const char *name = optim->kind->name;
    tn_adam_opts *o = &optim->opts.adam;
    TN_COMPLETE(o->beta1, 0.9f);
    TN_COMPLETE(o->beta2, 0.999f);
    TN_COMPLETE(o->epsilon, 1e-8f);
    TN_COMPLETE(o->weight_decay, 0);
    TN_TRY(tn_optim_check_field(name, "beta1", o->beta1, 1));
    TN_TRY(tn_optim_check_field(name, "beta2", o->beta2, 1));
    TN_TRY(tn_optim_check_field(name, "epsilon", o->epsilon, INFINITY));
    return tn_optim_check_field(name, "weight_decay", o->weight_decay, INFINITY);
}

static const char *const *slots(const tn_optim *optim)
{
    static const char *const kept[] = {"m", "v", NULL};
    (void)optim;
    return kept;
}

static float *momentum(tn_optim *optim)
{
    return &optim->opts.adam.beta1;
}

static float *weight_decay(tn_optim *optim)
{
    return &optim->opts.adam.weight_decay;
}

const tn_optim_kind tn_optim_kind_adam = {.name = "adam",
                                          .check = check,
                                          .slots = slots,
                                          .momentum = momentum,
                                          .weight_decay = weight_decay};
const tn_optim_kind tn_optim_kind_adamw = {.name = "adamw",
                                           .check = check,
                                           .slots = slots,
                                           .momentum = momentum,
                                           .weight_decay = weight_decay};

static tn_optim make(const tn_optim_kind *kind, const tn_adam_opts *opts)
{
    tn_optim optim = {.kind = kind};
    if (opts)
        optim.opts.adam = *opts;
    return optim;
}

tn_optim tn_adam(const tn_adam_opts *opts)
{
    return make(&tn_optim_kind_adam, opts);
}

tn_optim tn_adamw(const tn_adam_opts *opts)
{
    return make(&tn_optim_kind_adamw, opts);
}
