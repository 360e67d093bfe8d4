#include "plan/plan.h"

#include <math.h>
#include <string.h>

#include "plan/plan_io.h"
#include "plan/plan_test.h"

tn_status tn_plan_check_opts(const tn_plan_opts *o)
{
    if (o->accumulate < 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: accumulate is %d", o->accumulate);
    if (!(o->clip_norm >= 0))
        return tn_fail(TN_ERR_ARGUMENT, "plan: clip_norm is %g", (double)o->clip_norm);
    if (!(o->loss_scale == 0 || o->loss_scale >= 1) || isinf(o->loss_scale))
        return tn_fail(TN_ERR_ARGUMENT, "plan: loss_scale is %g", (double)o->loss_scale);
    if (!(o->stall >= 0) || isinf(o->stall))
        return tn_fail(TN_ERR_ARGUMENT, "plan: stall is %g", (double)o->stall);
    if (o->input_gradients && !o->loss.id)
        return tn_fail(TN_ERR_ARGUMENT, "plan: input_gradients need a loss");
    return TN_OK;
}

static tn_status make(tn_plan *p)
{
    TN_TRY(tn_graph_status(p->graph));
    TN_TRY(tn_plan_check_opts(&p->opts));
    p->opts.accumulate += p->opts.accumulate == 0;
    p->run.first_scale =
        p->opts.loss_scale == 0 ? 65536 : p->opts.loss_scale; /* as PyTorch's GradScaler */
    TN_TRY(tn_plan_backend(p)->precision(p->device->impl, p->opts.precision, &p->run.precision));
    if (!p->opts.dry && tn_plan_backend(p)->runnable)
        TN_TRY(tn_plan_backend(p)->runnable(p->device->impl));
    TN_TRY(tn_plan_order(p));
    TN_TRY(tn_plan_fuse(p));
    tn_plan_needs(p);
    TN_TRY(tn_plan_select(p));
    TN_TRY(tn_plan_gradient(p));
    TN_TRY(tn_plan_params(p));
    TN_TRY(tn_plan_buckets(p));
    TN_TRY(tn_plan_lay_out(p));
    if (p->opts.dry)
        return TN_OK;
    return tn_plan_allocate(p);
}

static tn_status create(tn_plan **out, const tn_graph *g, tn_device *device,
                        const tn_plan_opts *opts, const tn_share *share)
{
    tn_plan *p = tn_alloc(1, sizeof *p);
    if (!p)
        return tn_no_memory("plan", sizeof *p);
    p->graph = g;
    p->device = device;
    p->opts = *opts;
    p->run.seed = opts->seed;
    if (share) {
        p->share = *share;
        p->run.share = share->rank;
        p->run.shares = share->ranks;
        p->run.collectives = share->collectives;
    }
    const tn_status status = device->members ? tn_group_create(&p->group, p) : make(p);
    if (status != TN_OK) {
        tn_plan_destroy(p);
        return status;
    }
    *out = p;
    return TN_OK;
}

tn_status tn_plan_create_share(tn_plan **out, const tn_graph *g, tn_device *device,
                               const tn_plan_opts *opts, const tn_share *share)
{
    return create(out, g, device, opts, share);
}

tn_status tn_plan_create(tn_plan **out, const tn_graph *g, tn_device *device,
                         const tn_plan_opts *opts)
{
    if (!g || !device || !opts)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %s is NULL",
                       !g        ? "the graph"
                       : !device ? "the device"
                                 : "opts");
    return create(out, g, device, opts, NULL);
}

const tn_plan *tn_plan_first(const tn_plan *p)
{
    return p->group ? tn_group_replica(p->group, 0) : p;
}

void tn_plan_destroy(tn_plan *p)
{
    if (!p)
        return;
    tn_group_destroy(p->group);
    tn_plan_drop_recordings(p);
    tn_plan_release(p);
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->bind.state)
            p->node[i]->kernel->release(p->node[i]->bind.state);
    tn_free(p->value);
    tn_free(p->node);
    tn_free(p->buffer);
    tn_free(p->step);
    tn_arena_free(&p->arena);
    tn_free(p);
}

/* ---- parameters --------------------------------------------------------------------------- */

int tn_plan_num_params(const tn_plan *p)
{
    return tn_plan_first(p)->num_params;
}

tn_status tn_plan_param(const tn_plan *p, int index, tn_param_info *out)
{
    p = tn_plan_first(p);
    if (index < 0 || index >= p->num_params)
        return tn_fail(TN_ERR_ARGUMENT, "plan: parameter %d of %d", index, p->num_params);
    const tn_plan_parameter *w = &p->param[index];
    *out = (tn_param_info){
        .node = w->node->name,
        .name = w->spec->name,
        .shape = w->spec->shape,
        .trained = w->trained,
    };
    return TN_OK;
}

int tn_plan_find_param(const tn_plan *p, const char *full_name)
{
    p = tn_plan_first(p);
    for (int i = 0; i < p->num_params; i++) {
        const tn_plan_parameter *w = &p->param[i];
        const size_t length = strlen(w->node->name);
        if (strncmp(full_name, w->node->name, length) == 0 && full_name[length] == '.' &&
            strcmp(full_name + length + 1, w->spec->name) == 0)
            return i;
    }
    return -1;
}

/* Where a part of a parameter lies on the device. */
static tn_status find_part(const tn_plan *p, int index, int part, const tn_tensor *host,
                           float **out)
{
    tn_param_info info;
    TN_TRY(tn_plan_param(p, index, &info));
    const tn_plan_parameter *w = &p->param[index];
    float *arena = NULL;
    if (part == TN_PARAM_VALUE)
        arena = p->weights;
    else if (part == TN_PARAM_GRADIENT && w->trained)
        arena = p->gradients;
    else if (part >= TN_PARAM_SLOT && part - TN_PARAM_SLOT < p->num_slots && w->trained)
        arena = p->slot[part - TN_PARAM_SLOT];
    if (!arena)
        return tn_fail(TN_ERR_ARGUMENT, "%s.%s: the plan keeps no part %d of it", info.node,
                       info.name, part);
    if (host->dtype != TN_F32 || !tn_shape_equal(&host->shape, &info.shape) || !host->data)
        return tn_fail(TN_ERR_SHAPE, "%s.%s is %s f32, but the tensor given is %s %s%s", info.node,
                       info.name, tn_shape_format(&info.shape).text,
                       tn_shape_format(&host->shape).text, tn_dtype_name(host->dtype),
                       host->data ? "" : " without data");
    *out = arena + w->begin;
    return TN_OK;
}

tn_status tn_plan_check_part(const tn_plan *p, int index, int part, const tn_tensor *host)
{
    float *unused;
    return find_part(p, index, part, host, &unused);
}

tn_status tn_plan_param_get(tn_plan *p, int index, int part, tn_tensor host)
{
    float *from;
    if (p->group)
        return tn_group_param_get(p->group, index, part, host);
    TN_TRY(find_part(p, index, part, &host, &from));
    TN_TRY(tn_plan_settle(p));
    TN_TRY(tn_plan_download(p, &host.shape, TN_F32, p->param[index].layout, host.data, from));
    return part == TN_PARAM_GRADIENT ? tn_plan_unscale(p, &host.shape, host.data) : TN_OK;
}

tn_status tn_plan_param_set(tn_plan *p, int index, int part, tn_tensor host)
{
    float *to;
    if (p->group)
        return tn_group_param_set(p->group, index, part, host);
    TN_TRY(find_part(p, index, part, &host, &to));
    TN_TRY(tn_plan_settle(p));
    p->weights_changed = true;
    return tn_plan_upload(p, &host.shape, TN_F32, p->param[index].layout, to, host.data);
}

/* ---- for checkpoints and tests -------------------------------------------------------------- */

typedef struct counts {
    int64_t updates, runs;
} counts;

static tn_status restore(tn_plan *p, void *from)
{
    const counts *c = from;
    p->updates = c->updates;
    p->run.step = (uint64_t)c->runs;
    p->runs_since_update = 0;
    return TN_OK;
}

tn_status tn_plan_restore(tn_plan *p, int64_t updates, int64_t runs)
{
    counts c = {updates, runs};
    return p->group ? tn_group_each(p->group, restore, &c) : restore(p, &c);
}

int64_t tn_plan_runs(const tn_plan *p)
{
    return (int64_t)tn_plan_first(p)->run.step;
}

const char *tn_plan_optim_name(const tn_plan *p)
{
    return tn_plan_first(p)->optim_kernel ? p->opts.optim.kind->name : "";
}

const char *tn_plan_slot_name(const tn_plan *p, int slot)
{
    return slot < tn_plan_first(p)->num_slots ? p->opts.optim.kind->slots(&p->opts.optim)[slot]
                                              : NULL;
}

bool tn_plan_writes(const tn_plan *p)
{
    return tn_device_rank(p->device) == 0;
}

tn_status tn_plan_agree(tn_plan *p, tn_status status)
{
    return p->group ? tn_group_agree(p->group, status) : status;
}

/* Is it written by the program, or once for all: an input, or the gradient of the loss by itself? */
static bool is_given(const tn_plan *p, int buffer)
{
    if (p->opts.loss.id && buffer == tn_plan_value_of(p, p->opts.loss.id)->gradient)
        return true;
    for (size_t i = 0; i < p->num_values; i++)
        if (p->value[i].input && p->value[i].buffer == buffer)
            return true;
    return false;
}

static tn_status poison(tn_plan *p, void *unused)
{
    (void)unused;
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(tn_plan_settle(p));
    for (size_t i = 0; i < p->num_buffers; i++) {
        const tn_buffer *buffer = &p->buffer[i];
        const bool used = buffer->always || buffer->last >= 0;
        if (used && buffer->same_as == TN_NO_BUFFER && !is_given(p, (int)i))
            TN_TRY(b->fill(p->device->impl, p->memory + buffer->offset, 0xff, buffer->bytes));
    }
    p->weights_changed = true; /* what kernels have kept of them is gone */
    for (int i = 0; i < p->num_params; i++)
        if (p->param[i].trained)
            TN_TRY(b->fill(p->device->impl, p->gradients + p->param[i].begin, 0xff,
                           p->param[i].count * sizeof(float)));
    return TN_OK;
}

tn_status tn_plan_poison(tn_plan *p)
{
    return p->group ? tn_group_each(p->group, poison, NULL) : poison(p, NULL);
}
