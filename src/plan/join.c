/*
 * join: values that lie where a node that joins them (concat) would copy them to.
 *
 * Where only such a node reads a value, the value's kernel is offered to write it as a part of what it will
 * become (tn_binding.part). If it does, the two share memory, and so do their gradients: for this input
 * nothing is left to be done, and a node all of whose inputs are such is no step of the plan.
 */
#include "plan/passes.h"

/* Which input of the only node that reads value `id` it is; NULL if there are more or none. */
static const tn_plan_node *only_reader(const tn_plan *p, int32_t id, int *input)
{
    for (size_t i = 0; i < p->num_nodes; i++)
        for (int j = 0; j < p->node[i]->node.num_in; j++)
            if (p->node[i]->node.in[j] == id) {
                *input = j;
                return tn_plan_value_of(p, id)->readers == 1 ? p->node[i] : NULL;
            }
    return NULL;
}

tn_status tn_plan_offer_part(tn_plan *p, const tn_plan_node *pn)
{
    const tn_backend *b = tn_plan_backend(p);
    const int32_t id = pn->node.out[0];
    tn_plan_value *v = tn_plan_value_of(p, id);
    int input = 0;
    const tn_plan_node *reader = only_reader(p, id, &input);
    if (!b->part_layout || !reader || !tn_joins(&reader->node) || v->kept)
        return TN_OK;
    return b->part_layout(p->device->impl, p->run.precision, &reader->node, input, &v->part,
                          &v->part_at);
}

bool tn_plan_is_joined(const tn_plan *p, const tn_plan_node *pn)
{
    if (!tn_joins(&pn->node))
        return false;
    for (int i = 0; i < pn->node.num_in; i++)
        if (!tn_plan_is_part(tn_plan_value_of(p, pn->node.in[i])))
            return false;
    return true;
}

void tn_plan_join_buffers(tn_plan *p, const tn_plan_node *pn)
{
    for (int i = 0; tn_joins(&pn->node) && i < pn->node.num_in; i++) {
        const tn_plan_value *x = tn_plan_value_of(p, pn->node.in[i]);
        if (tn_plan_is_part(x))
            tn_plan_part_of(p, x->buffer, tn_plan_value_of(p, pn->node.out[0])->buffer, x->part_at);
    }
}

tn_status tn_plan_join_gradient(tn_plan *p, const tn_plan_node *pn, int input)
{
    tn_plan_value *x = tn_plan_value_of(p, pn->node.in[input]);
    TN_TRY(tn_plan_new_buffer(p, x->bytes, &x->gradient));
    tn_plan_part_of(p, x->gradient, tn_plan_value_of(p, pn->node.out[0])->gradient, x->part_at);
    return TN_OK;
}
