/*
 * makers: what stands before a node and its kernel may do as well: the node that makes what it reads (tn_binding.made), and
 * the one that makes a weight (tn_binding.maker). And where a weight lies in fewer bits than f32 (tn_binding.stored).
 */
#include <string.h>

#include "plan/passes.h"

/* What a second input of f32 holds that is a constant; NULL: it is none. */
static const float *numbers_of(const tn_plan *p, const tn_node *n)
{
    const tn_plan_value *v = n->num_in == 2 ? tn_plan_value_of(p, n->in[1]) : NULL;
    if (!v || !v->source || v->source->spec || v->dtype != TN_F32)
        return NULL;
    return ((const tn_constant_node_opts *)v->source->opts)->data;
}

/* Where in the plan the node of one input, or of one and a constant, is that makes value `id`; SIZE_MAX: there is none. */
static size_t node_of(const tn_plan *p, int32_t id)
{
    size_t i = 0;
    while (i < p->num_nodes && p->node[i]->node.out[0] != id)
        i++;
    if (i == p->num_nodes || !p->node[i]->kernel)
        return SIZE_MAX;
    const tn_node *n = &p->node[i]->node;
    return n->num_in == 1 || (n->num_in == 2 && numbers_of(p, n)) ? i : SIZE_MAX;
}

/* The same of one parameter, if nothing else reads what it makes and nothing is trained. */
static size_t maker_of(const tn_plan *p, int32_t id)
{
    const tn_plan_value *v = tn_plan_value_of(p, id);
    if (v->source || !v->fixed || v->kept || v->readers != 1)
        return SIZE_MAX;
    const size_t i = node_of(p, id);
    const tn_node *source =
        i == SIZE_MAX ? NULL : tn_plan_value_of(p, p->node[i]->node.in[0])->source;
    return source && source->spec ? i : SIZE_MAX;
}

static void remove_node(tn_plan *p, size_t at)
{
    const tn_plan_node *pn = p->node[at];
    if (pn->bind.state)
        pn->kernel->release(pn->bind.state);
    p->num_nodes--;
    memmove(p->node + at, p->node + at + 1, (p->num_nodes - at) * sizeof *p->node);
}

/* The node does what those before it would, which are no nodes any more if nobody else reads what they make. */
void tn_plan_take_makers(tn_plan *p, size_t *index)
{
    tn_plan_node *pn = p->node[*index];
    for (int i = 0; i < pn->node.num_in; i++) {
        if (!pn->bind.does_made[i])
            continue;
        const size_t at = node_of(p, pn->node.in[i]);
        tn_plan_value *x = tn_plan_value_of(p, pn->node.in[i]);
        pn->node.in[i] = p->node[at]->node.in[0];
        tn_plan_value_of(p, pn->node.in[i])->readers++;
        if (--x->readers > 0 || x->kept)
            continue;
        tn_plan_value_of(p, pn->node.in[i])->readers--;
        remove_node(p, at);
        --*index;
    }
    for (int i = 0; i < pn->node.num_params; i++) {
        if (!pn->bind.does_maker[i])
            continue;
        const size_t at = maker_of(p, pn->node.w[i]);
        pn->node.w[i] = p->node[at]->node.in[0];
        remove_node(p, at);
        --*index;
    }
}

static const tn_node *found(const tn_plan *p, size_t at)
{
    return at == SIZE_MAX ? NULL : &p->node[at]->node;
}

void tn_plan_offer_makers(const tn_plan *p, tn_plan_node *pn)
{
    for (int i = 0; i < pn->node.num_in; i++) {
        const size_t at = node_of(p, pn->node.in[i]);
        const tn_node *made = found(p, at);
        const bool gives = made && pn->backward && p->node[at]->backward; /* a gradient */
        pn->bind.made[i] = made && made->num_in == 1 && !gives ? made : NULL;
    }
    for (int i = 0; i < pn->node.num_params && !pn->backward; i++) {
        const tn_plan_value *w = tn_plan_value_of(p, pn->node.w[i]);
        pn->bind.maker[i] = found(p, maker_of(p, pn->node.w[i]));
        if (pn->bind.maker[i])
            w = tn_plan_value_of(p, pn->bind.maker[i]->in[0]);
        if (w->lent.dtype != TN_F32)
            pn->bind.stored[i] = w->lent;
        pn->bind.maker_numbers[i] = pn->bind.maker[i] ? numbers_of(p, pn->bind.maker[i]) : NULL;
    }
}
