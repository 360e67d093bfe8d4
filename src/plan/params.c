/*
 * params: the flat arenas. Parameters, gradients and what the optimizer keeps lie in the same order,
 * trained ones first, so that an update is one pass over all of them.
 */
#include <string.h>

#include "plan/passes.h"

enum { ALIGN_ELEMENTS = 128 }; /* 256 bytes of a half-precision copy, 512 of f32 */

static tn_status collect(tn_plan *p)
{
    /* Beside each lie a gradient or two, what an optimizer keeps and a copy: 22 bytes at most. */
    const size_t most = SIZE_MAX / 64;
    size_t all = 0;
    int count = 0;
    for (size_t i = 0; i < p->num_nodes; i++)
        count += p->node[i]->node.num_params;
    p->param = tn_arena_alloc(&p->arena, (size_t)count, sizeof *p->param);
    p->range = tn_arena_alloc(&p->arena, (size_t)count, sizeof *p->range);
    if (!p->param || !p->range)
        return tn_no_memory("plan", (size_t)count * sizeof *p->param);
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_plan_node *pn = p->node[i];
        for (int j = 0; j < pn->node.num_params; j++) {
            tn_plan_parameter *w = &p->param[p->num_params];
            size_t bytes;
            *w = (tn_plan_parameter){
                .node = &pn->node,
                .spec = &pn->node.param[j],
                .layout = pn->bind.w[j],
                .trained = pn->bind.dw[j],
            };
            TN_TRY(tn_layout_bytes(w->layout, &w->spec->shape, TN_F32, &bytes));
            w->count = bytes / sizeof(float);
            if (w->count > most - all)
                return tn_fail(
                    TN_ERR_SHAPE,
                    "plan: with %s.%s the parameters have more bytes than can be counted",
                    pn->node.name, w->spec->name);
            all += w->count;
            pn->param[j] = p->num_params++;
        }
    }
    return TN_OK;
}

/* Neighbours with the same multipliers are one range. */
static void add_range(tn_plan *p, const tn_plan_parameter *w, size_t end)
{
    const tn_param_opts *o = &w->spec->opts;
    const tn_param_range r = {w->begin, end, o->rate, o->decay};
    tn_param_range *before = p->num_ranges ? &p->range[p->num_ranges - 1] : NULL;
    if (before && before->rate == r.rate && before->decay == r.decay)
        before->end = end;
    else
        p->range[p->num_ranges++] = r;
}

static void place(tn_plan *p, bool trained)
{
    for (int i = 0; i < p->num_params; i++) {
        tn_plan_parameter *w = &p->param[i];
        if (w->trained != trained)
            continue;
        w->begin = p->param_count;
        p->param_count += (w->count + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
        if (trained)
            add_range(p, w, p->param_count);
    }
}

static tn_status find_optimizer(tn_plan *p)
{
    const tn_optim_kind *kind = p->opts.optim.kind;
    if (!kind || !p->opts.loss.id)
        return TN_OK;
    TN_TRY(kind->check(&p->opts.optim));
    for (const char *const *name = kind->slots(&p->opts.optim); *name; name++)
        p->num_slots++;
    for (const tn_optim_kernel *const *k = tn_plan_backend(p)->optims; *k; k++)
        if (strcmp((*k)->optim, kind->name) == 0)
            p->optim_kernel = *k;
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_UNSUPPORTED, "plan: %s has no kernel for the optimizer %s",
                       p->device->name, kind->name);
    return TN_OK;
}

tn_status tn_plan_params(tn_plan *p)
{
    TN_TRY(collect(p));
    place(p, true);
    p->trained_count = p->param_count;
    place(p, false);
    return find_optimizer(p);
}
