/*
 * create: the passes in their order, and a plan's end.
 */
#include <math.h>

#include "plan/passes.h"

tn_status tn_plan_check_opts(const tn_plan_opts *o)
{
    if (o->accumulate < 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: accumulate is %d", o->accumulate);
    if (!(o->clip_norm >= 0))
        return tn_fail(TN_ERR_ARGUMENT, "plan: clip_norm is %g", (double)o->clip_norm);
    if (!(o->loss_scale == 0 || o->loss_scale >= 1) || isinf(o->loss_scale))
        return tn_fail(TN_ERR_ARGUMENT, "plan: loss_scale is %g", (double)o->loss_scale);
    if (!(o->ema >= 0 && o->ema < 1))
        return tn_fail(TN_ERR_ARGUMENT, "plan: ema is %g, not from 0 to below 1", o->ema);
    if (o->ema_warmup && o->ema == 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: ema_warmup needs an ema");
    if ((o->ema > 0 || o->guard || o->gradient_norm) && (!o->optim.kind || !o->loss.id))
        return tn_fail(TN_ERR_ARGUMENT, "plan: %s needs a loss and an optimizer",
                       o->ema > 0 ? "ema"
                       : o->guard ? "guard"
                                  : "gradient_norm");
    if (!(o->stall >= 0) || isinf(o->stall))
        return tn_fail(TN_ERR_ARGUMENT, "plan: stall is %g", (double)o->stall);
    if (!(o->kept_weights >= 0 || o->kept_weights == TN_ZERO))
        return tn_fail(TN_ERR_ARGUMENT, "plan: kept_weights is %g", (double)o->kept_weights);
    for (int i = 0; i < o->num_kernels; i++)
        if (!o->kernels || !o->kernels[i].node || !o->kernels[i].kernel)
            return tn_fail(TN_ERR_ARGUMENT, "plan: kernels: choice %d has no name", i);
    if (!tn_precision_name(o->precision))
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d is no precision", (int)o->precision);
    if (o->input_gradients && !o->loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: input_gradients need a loss");
    if (o->keep_gradients && !o->loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: keep_gradients need a loss");
    return TN_OK;
}

/* What changes the store is done by one thread alone; while all else is made, others run. */
static tn_status alone(tn_plan *p, tn_status (*pass)(tn_plan *p))
{
    if (!p->beside)
        return pass(p);
    tn_store_unshare_making(p->store);
    tn_store_lock(p->store);
    const tn_status status = pass(p);
    tn_store_unlock(p->store);
    tn_store_share_making(p->store);
    return status;
}

static tn_status make(tn_plan *p)
{
    p->opts.accumulate += p->opts.accumulate == 0;
    p->run.first_scale =
        p->opts.loss_scale == 0 ? 65536 : p->opts.loss_scale; /* as PyTorch's GradScaler */
    TN_TRY(tn_plan_backend(p)->precision(p->device->impl, p->opts.precision, &p->run.precision));
    if (!p->opts.dry && tn_plan_backend(p)->runnable)
        TN_TRY(tn_plan_backend(p)->runnable(p->device->impl));
    TN_TRY(tn_plan_order(p));
    TN_TRY(tn_plan_freeze(p));
    TN_TRY(tn_plan_find_labels(p));
    TN_TRY(tn_plan_fuse(p));
    tn_plan_needs(p);
    TN_TRY(alone(p, tn_plan_borrow));
    TN_TRY(tn_plan_select(p));
    TN_TRY(tn_plan_params(p));
    TN_TRY(tn_plan_match(p));
    TN_TRY(alone(p, tn_plan_find_weights));
    TN_TRY(tn_plan_choose_kept(p));
    TN_TRY(tn_plan_gradient(p));
    TN_TRY(tn_plan_buckets(p));
    TN_TRY(tn_plan_lay_out(p));
    if (p->opts.dry)
        return TN_OK;
    TN_TRY(tn_plan_allocate(p));
    return alone(p, tn_plan_lend);
}

tn_status tn_plan_make(tn_plan *p)
{
    TN_TRY(tn_graph_status(p->graph));
    TN_TRY(tn_plan_check_opts(&p->opts));
    if (!p->opts.weights)
        return make(p);
    TN_TRY(tn_store_open(&p->store, p->opts.weights, p->device, p->opts.loss.id != 0));
    p->beside = !p->opts.loss.id && tn_plan_backend(p)->is_host;
    pthread_mutex_lock(&p->store->making);
    (p->beside ? tn_store_share_making : tn_store_lock)(p->store);
    const tn_status status = make(p);
    (p->beside ? tn_store_unshare_making : tn_store_unlock)(p->store);
    pthread_mutex_unlock(&p->store->making);
    return status;
}

tn_status tn_plan_new(tn_plan **out, const tn_plan_kind *kind, const tn_graph *g, tn_device *device,
                      const tn_plan_opts *opts)
{
    tn_plan *p = tn_alloc(1, sizeof *p);
    if (!p)
        return tn_no_memory("plan", sizeof *p);
    p->kind = kind;
    p->graph = g;
    p->device = device;
    p->opts = *opts;
    TN_COMPLETE(p->opts.clip_norm, 0);
    if (!opts->loss.id && !opts->keep && opts->num_keep == 0) {
        p->opts.keep = g->output;
        p->opts.num_keep = (int)g->num_outputs;
    }
    p->run.seed = opts->seed;
    *out = p;
    return TN_OK;
}

void tn_plan_free(tn_plan *p)
{
    if (p->store)
        tn_store_lock(p->store);
    tn_plan_drop_kept(p);
    tn_plan_release(p);
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->bind.state)
            p->node[i]->kernel->release(p->node[i]->bind.state);
    if (p->store)
        tn_store_unlock(p->store);
    if (p->trains)
        tn_store_end_training(p->store);
    tn_store_close(p->store, p->device, p->opts.loss.id != 0);
    tn_free(p->value);
    tn_free(p->node);
    tn_free(p->buffer);
    tn_free(p->step);
    tn_graph_destroy(p->resized);
    tn_arena_free(&p->arena);
    tn_free(p);
}
