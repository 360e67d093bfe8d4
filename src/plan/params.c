/*
 * params: the flat arenas. Parameters, gradients and what the optimizer keeps lie in the same order,
 * trained ones first, so that an update is one pass over all of them. To the steps a parameter is a value like any other,
 * whose buffer lies in the first arena and whose gradient lies in the second.
 */
#include <string.h>

#include "plan/passes.h"

/* Beside each lie a gradient or two, what an optimizer keeps and a copy: 22 bytes at most. */
static tn_status count_bytes(const tn_plan_value *v, size_t *all)
{
    const size_t most = SIZE_MAX / 64, count = v->bytes / sizeof(float);
    if (count > most - *all)
        return tn_fail(TN_ERR_SHAPE,
                       "plan: with %s the parameters have more bytes than can be counted", v->name);
    *all += count;
    return TN_OK;
}

/* The value, which some node reads or the program does, if it is a parameter that is not there yet. */
static tn_status take(tn_plan *p, int32_t id, size_t *all)
{
    tn_plan_value *v = tn_plan_value_of(p, id);
    if (!v->source || !v->source->spec || v->param)
        return TN_OK;
    TN_TRY(tn_layout_bytes(v->layout, &v->shape, v->dtype, &v->bytes));
    TN_TRY(count_bytes(v, all));
    p->param[p->num_params++] = (tn_plan_parameter){
        .node = v->source,
        .name = v->source->name,
        .spec = v->source->spec,
        .value = id,
        .layout = v->layout,
        .trained = v->wants_gradient,
        .count = v->bytes / sizeof(float),
    };
    v->param = p->num_params;
    return TN_OK;
}

/* In the order of the first nodes that read them. */
static tn_status collect(tn_plan *p)
{
    size_t all = 0, count = 0;
    for (size_t i = 0; i < p->num_values; i++)
        count += p->value[i].source && p->value[i].source->spec;
    p->param = tn_arena_alloc(&p->arena, count, sizeof *p->param);
    p->range = tn_arena_alloc(&p->arena, count, sizeof *p->range);
    p->range_of = tn_arena_alloc(&p->arena, count, sizeof *p->range_of);
    if (!p->param || !p->range || !p->range_of)
        return tn_no_memory("plan", count * sizeof *p->param);
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        for (int j = 0; j < n->num_in; j++)
            TN_TRY(take(p, n->in[j], &all));
        for (int j = 0; j < n->num_params; j++)
            if (!p->node[i]->bind.reads_stored[j])
                TN_TRY(take(p, n->w[j], &all));
    }
    for (int i = 0; i < p->opts.num_keep; i++)
        TN_TRY(take(p, p->opts.keep[i].id, &all));
    return TN_OK;
}

/* Neighbours with the same multipliers are one range. */
static void add_range(tn_plan *p, const tn_plan_parameter *w, size_t end)
{
    const tn_param_opts *o = &w->spec->opts;
    const tn_param_group *g = w->group ? &p->param_group[w->group - 1] : NULL;
    const tn_param_range r = {w->begin, end, o->rate * (g ? g->rate : 1),
                              o->decay * (g ? g->decay : 1)};
    const tn_plan_range of = {o->rate, w->group};
    const int last = p->num_ranges - 1;
    if (last >= 0 && p->range[last].decay == r.decay && p->range_of[last].rate == of.rate &&
        p->range_of[last].group == of.group) {
        p->range[last].end = end;
        return;
    }
    p->range_of[p->num_ranges] = of;
    p->range[p->num_ranges++] = r;
}

static void place(tn_plan *p, tn_plan_part part)
{
    for (int i = 0; i < p->num_params; i++) {
        tn_plan_parameter *w = &p->param[i];
        if (tn_plan_part_of_arena(w) != part)
            continue;
        w->begin = p->param_count;
        p->param_count += tn_plan_padded(w->count);
        if (part == TN_TRAINED)
            add_range(p, w, p->param_count);
    }
}

static tn_status find_optimizer(tn_plan *p)
{
    const tn_optim_kind *kind = p->opts.optim.kind;
    if (!kind || !p->opts.loss.id)
        return TN_OK;
    TN_TRY(kind->check(&p->opts.optim));
    p->slot_name = kind->slots(&p->opts.optim);
    while (p->slot_name[p->num_slots])
        p->num_slots++;
    for (const tn_optim_kernel *const *k = tn_plan_backend(p)->optims; *k; k++)
        if (strcmp((*k)->optim, kind->name) == 0)
            p->optim_kernel = *k;
    if (!p->optim_kernel)
        return tn_fail(TN_ERR_UNSUPPORTED, "plan: %s has no kernel for the optimizer %s",
                       p->device->name, kind->name);
    return TN_OK;
}

/* A buffer that lies in an arena of parameters. */
static tn_status inside(tn_plan *p, const tn_plan_value *v, tn_place place, int *out)
{
    TN_TRY(tn_plan_new_buffer(p, 0, out));
    tn_buffer *b = &p->buffer[*out];
    b->place = place;
    b->bytes = v->bytes;
    b->offset = p->param[v->param - 1].begin * sizeof(float);
    return TN_OK;
}

tn_status tn_plan_param_gradient(tn_plan *p, const tn_plan_value *v, int *out)
{
    return inside(p, v, TN_IN_GRADIENTS, out);
}

/* Parameters lie in their arena, constants in memory of their own. */
static tn_status give_buffers(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        if (v->param)
            TN_TRY(inside(p, v, TN_IN_WEIGHTS, &v->buffer));
        if (!v->source || v->param || (v->readers == 0 && !v->kept))
            continue;
        TN_TRY(tn_layout_bytes(v->layout, &v->shape, v->dtype, &v->bytes));
        TN_TRY(tn_plan_new_buffer(p, v->bytes, &v->buffer));
        p->buffer[v->buffer].always = true;
        if (!v->halved)
            continue;
        TN_TRY(tn_plan_new_buffer(p, tn_plan_half_bytes(v), &v->half));
        p->buffer[v->half].always = true;
    }
    return TN_OK;
}

tn_status tn_plan_params(tn_plan *p)
{
    TN_TRY(collect(p));
    TN_TRY(tn_plan_find_groups(p));
    place(p, TN_TRAINED);
    p->trained_count = p->param_count;
    place(p, TN_FROZEN);
    p->statistics = p->param_count;
    place(p, TN_STATISTIC);
    TN_TRY(give_buffers(p));
    return find_optimizer(p);
}
