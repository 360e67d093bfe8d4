/*
 * sgd: stochastic gradient descent, with momentum and Nesterov's variant of it.
 *
 *     g += d w;  v = momentum v + g;  w -= r (nesterov ? g + momentum v : v)
 *
 * Keeps v ("momentum"), which begins at 0, so that the first v is the first g; without momentum
 * nothing.   Source: Sutskever, Martens, Dahl, Hinton 2013, "On the importance of initialization and
 * momentum in deep learning"; the form with the rate outside of v is PyTorch's.
 */
#include <math.h>

#include "base/base.h"
#include "optim/optim.h"

static tn_status check(tn_optim *optim)
{
    tn_sgd_opts *o = &optim->opts.sgd;
    TN_COMPLETE(o->momentum, 0);
    TN_COMPLETE(o->weight_decay, 0);
    TN_TRY(tn_optim_check_field("sgd", "momentum", o->momentum, 1));
    TN_TRY(tn_optim_check_field("sgd", "weight_decay", o->weight_decay, INFINITY));
    if (o->nesterov && o->momentum == 0)
        return tn_fail(TN_ERR_ARGUMENT, "sgd: nesterov needs a momentum above 0");
    return TN_OK;
}

static const char *const *slots(const tn_optim *optim)
{
    static const char *const kept[] = {"momentum", NULL};
    return optim->opts.sgd.momentum == 0 ? kept + 1 : kept;
}

static float *momentum(tn_optim *optim)
{
    return &optim->opts.sgd.momentum;
}

static float *weight_decay(tn_optim *optim)
{
    return &optim->opts.sgd.weight_decay;
}

const tn_optim_kind tn_optim_kind_sgd = {.name = "sgd",
                                         .check = check,
                                         .slots = slots,
                                         .momentum = momentum,
                                         .weight_decay = weight_decay};

tn_optim tn_sgd(const tn_sgd_opts *opts)
{
    tn_optim optim = {.kind = &tn_optim_kind_sgd};
    if (opts)
        optim.opts.sgd = *opts;
    return optim;
}
