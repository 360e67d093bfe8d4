/*
 * from: which parameters begin as the numbers of a model, by name, and which the model lacks.
 */
#include <string.h>

#include "plan/passes.h"

const tn_numbers *tn_plan_numbers(const tn_plan *p)
{
    return (const tn_numbers *)p->opts.from; /* its first member */
}

static tn_status match(const tn_plan *p, const tn_numbers *n, tn_plan_parameter *w)
{
    tn_shape shape;
    w->number = n->find(n, w->name, &shape);
    w->from = TN_FROM_NEW;
    if (w->number < 0)
        return TN_OK;
    if (tn_shape_equal(&shape, &w->spec->shape)) {
        w->from = TN_FROM_TAKEN;
        return TN_OK;
    }
    w->from = TN_FROM_OTHER_SHAPE;
    if (p->opts.from_any_shape)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "plan: %s is %s in %s, but the plan's is %s", w->name,
                   tn_shape_format(&shape).text, n->where, tn_shape_format(&w->spec->shape).text);
}

static bool is_param(const tn_plan *p, const char *name)
{
    for (int i = 0; i < p->num_params; i++)
        if (strcmp(p->param[i].name, name) == 0)
            return true;
    return false;
}

static tn_status list_left(tn_plan *p, const tn_numbers *n)
{
    size_t count = 0;
    while (n->name(n, count))
        count++;
    p->left = tn_arena_alloc(&p->arena, count, sizeof *p->left);
    if (!p->left)
        return tn_no_memory("plan", count * sizeof *p->left);
    for (size_t i = 0; i < count; i++) {
        const char *name = n->name(n, i);
        if (is_param(p, name))
            continue;
        char *copy = tn_arena_alloc(&p->arena, strlen(name) + 1, 1);
        if (!copy)
            return tn_no_memory("plan", strlen(name) + 1);
        p->left[p->num_left++] = strcpy(copy, name);
    }
    if (p->num_params == 0 || count == 0 || (size_t)p->num_left < count)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "plan: none of the %zu tensors of %s, such as %s, is one of its %d parameters, "
                   "such as %s",
                   count, n->where, p->left[0], p->num_params, p->param[0].name);
}

tn_status tn_plan_match(tn_plan *p)
{
    const tn_numbers *n = tn_plan_numbers(p);
    if (!n)
        return TN_OK;
    for (int i = 0; i < p->num_params; i++)
        TN_TRY(match(p, n, &p->param[i]));
    return list_left(p, n);
}

const char *tn_plan_from(const tn_plan *p, tn_from which, int index)
{
    if (!p || index < 0)
        return NULL;
    p = tn_plan_first(p);
    if (which == TN_FROM_LEFT)
        return index < p->num_left ? p->left[index] : NULL;
    for (int i = 0; i < p->num_params; i++)
        if (p->param[i].from == which && index-- == 0)
            return p->param[i].name;
    return NULL;
}
