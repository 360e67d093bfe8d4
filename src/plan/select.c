/*
 * select: for each node the first kernel that supports it, in topological order.
 *
 * A kernel sees the layouts of its inputs and says which it wants and which it writes, and whether it does the
 * next node's work too. Where a value is written in one layout and wanted in another, a reorder is put in
 * between, once for all readers that want the same.
 *
 * Nobody writes a parameter: it lies as the first node wants it that reads it as its parameter, or canonical if another
 * reads it before, as any value. Those behind that want it otherwise get a reorder, by way of the canonical layout, as two
 * layouts for one and the same shape may have other dimensions. So it is where a node's parameter is a value that was
 * computed.
 */
#include <stdio.h>
#include <string.h>

#include "plan/passes.h"

tn_status tn_layout_bytes(const tn_layout *layout, const tn_shape *shape, tn_dtype dtype,
                          size_t *bytes)
{
    if (!layout)
        return tn_shape_bytes(shape, dtype, bytes);
    *bytes = layout->bytes;
    return TN_OK;
}

/* Memory to keep what it has made of its parameters: of a node that gives no gradient, and whose parameters stand still. */
static size_t spare_for(const tn_plan *p, const tn_plan_node *pn)
{
    bool still = !pn->backward;
    for (int i = 0; i < pn->node.num_params; i++)
        still &= tn_plan_value_of(p, pn->node.w[i])->fixed;
    return still ? p->spare : 0;
}

/* Does a node behind this one give a part of the gradient of a value that both read? */
static bool meets(const tn_plan *p, const tn_plan_node *pn, int32_t id)
{
    if (tn_plan_value_of(p, id)->readers < 2)
        return false;
    for (size_t i = p->num_nodes; i-- > 0;) {
        const tn_plan_node *other = p->node[i];
        if (other->node.out[0] == pn->node.out[0])
            return false;
        for (int j = 0; j < other->node.num_in && other->backward; j++)
            if (other->node.in[j] == id)
                return true;
    }
    return false;
}

/* Does the node that alone reads the value begin with the mean and variance of each of its channels? */
static bool wants_sums(const tn_plan *p, int32_t id)
{
    const tn_plan_value *v = tn_plan_value_of(p, id);
    if (!p->opts.loss.id || v->readers != 1)
        return false;
    for (size_t i = p->num_nodes; i-- > 0;) {
        const tn_node *n = &p->node[i]->node;
        if (n->in[0] == id)
            return n->op->measures && n->op->measures(n);
        if (n->beside && n->in[n->num_in - 1] == id)
            return n->beside->op->measures && n->beside->op->measures(n->beside);
    }
    return false;
}

void tn_plan_ask(const tn_plan *p, tn_plan_node *pn, const tn_plan_node *next)
{
    pn->bind = (tn_binding){.precision = p->run.precision,
                            .training = pn->backward,
                            .strict = p->opts.strict,
                            .batch = p->run.batch,
                            .spare = spare_for(p, pn),
                            .part = tn_plan_value_of(p, pn->node.out[0])->part,
                            .wants_sums = wants_sums(p, pn->node.out[0]),
                            .next = next ? &next->node : NULL};
    if (p->opts.loss.id && p->opts.sync_batchnorm)
        pn->bind.shares = p->share.ranks;
    for (int i = 0; i < pn->node.num_in; i++) {
        const tn_plan_value *x = tn_plan_value_of(p, pn->node.in[i]);
        pn->bind.x[i] = x->layout;
        pn->bind.dx[i] = pn->backward && x->wants_gradient;
        pn->bind.meets[i] = pn->bind.dx[i] && meets(p, pn, pn->node.in[i]);
        pn->bind.behind_relu |= i == 0 && x->relu;
        pn->bind.has_sums[i] = x->has_sums;
    }
    for (int i = 0; i < pn->node.num_params; i++)
        pn->bind.dw[i] = pn->backward && tn_plan_value_of(p, pn->node.w[i])->wants_gradient;
    tn_plan_offer_makers(p, pn);
}

/* Room for one more node at `index`; the ones behind move up. */
static tn_status insert_node(tn_plan *p, size_t index, tn_plan_node **out)
{
    TN_TRY(tn_grow((void **)&p->node, p->num_nodes, &p->node_capacity, sizeof(tn_plan_node *),
                   "plan"));
    tn_plan_node *pn = tn_arena_alloc(&p->arena, 1, sizeof *pn);
    if (!pn)
        return tn_no_memory("plan", sizeof *pn);
    memmove(p->node + index + 1, p->node + index, (p->num_nodes - index) * sizeof *p->node);
    p->node[index] = pn;
    p->num_nodes++;
    *out = pn;
    return TN_OK;
}

/* Before node number *index, which reads value `id`: a node that writes it in layout `to`; with a
 * backward step if the reader gives a gradient. */
static tn_status insert_reorder(tn_plan *p, size_t *index, int32_t id, const tn_layout *to,
                                bool backward, int32_t *made)
{
    tn_plan_node *pn = NULL;
    TN_TRY(
        tn_grow((void **)&p->value, p->num_values, &p->value_capacity, sizeof *p->value, "plan"));
    TN_TRY(insert_node(p, *index, &pn));
    ++*index;
    tn_reorder_opts *opts = tn_arena_alloc(&p->arena, 1, sizeof *opts);
    if (!opts)
        return tn_no_memory("plan", sizeof *opts);
    *opts = (tn_reorder_opts){.backend = tn_plan_backend(p), .to = to};

    const tn_plan_value *x = tn_plan_value_of(p, id);
    *made = (int32_t)p->num_values + 1;
    pn->saved = pn->scratch = TN_NO_BUFFER;
    pn->backward = backward;
    pn->node = (tn_node){
        .op = &tn_op_reorder,
        .name = x->name,
        .opts = opts,
        .num_in = 1,
        .in = {id},
        .x = {x->shape},
        .x_dtype = {x->dtype},
        .num_out = 1,
        .out = {*made},
        .y = {x->shape},
        .y_dtype = {x->dtype},
    };
    tn_plan_value y = *x;
    y.input = y.kept = y.settled = false;
    y.source = NULL;
    y.fixed = pn->fixed = x->fixed && !backward;
    y.labels = 0;
    y.wants_gradient = backward;
    y.output = 0;
    y.part = NULL;
    y.has_sums = false;
    y.layout = to;
    TN_TRY(tn_layout_bytes(to, &y.shape, y.dtype, &y.bytes));
    p->value[p->num_values++] = y;
    tn_plan_ask(p, pn, NULL);
    pn->kernel = &tn_kernel_reorder;
    return pn->kernel->prepare(p->device->impl, &pn->node, &pn->bind);
}

/* The value that holds `id` in the layout, if an earlier reader wanted the same. */
static int32_t find_reorder(const tn_plan *p, size_t before, int32_t id, const tn_layout *to,
                            bool backward)
{
    for (size_t i = 0; i < before; i++) {
        const tn_node *n = &p->node[i]->node;
        if (n->op == &tn_op_reorder && n->in[0] == id &&
            ((const tn_reorder_opts *)n->opts)->to == to && (p->node[i]->backward || !backward))
            return n->out[0];
    }
    return 0;
}

/* Makes *id, which node *index reads, come in the layout that it wants. */
static tn_status adapt(tn_plan *p, size_t *index, int32_t *id, const tn_layout *want, bool backward)
{
    const tn_plan_value *v = tn_plan_value_of(p, *id);
    if (v->layout == want)
        return TN_OK;
    if (v->source && v->layout && want) /* read as any value */
        TN_TRY(adapt(p, index, id, NULL, backward));
    int32_t made = find_reorder(p, *index, *id, want, backward);
    if (!made)
        TN_TRY(insert_reorder(p, index, *id, want, backward, &made));
    *id = made;
    return TN_OK;
}

/* Nobody has read it yet: it lies as it is wanted. */
static void settle(tn_plan_value *v, const tn_layout *want)
{
    if (v->source && !v->settled)
        v->layout = want;
    v->settled = true;
}

static tn_status adapt_inputs(tn_plan *p, size_t *index)
{
    tn_plan_node *pn = p->node[*index];
    for (int i = 0; i < pn->node.num_in; i++) {
        tn_plan_value *x = tn_plan_value_of(p, pn->node.in[i]);
        const bool any = x->source && !x->source->spec; /* a parameter is f32 */
        settle(x, any ? pn->bind.x[i] : NULL);
        TN_TRY(adapt(p, index, &pn->node.in[i], pn->bind.x[i], pn->bind.dx[i]));
    }
    for (int i = 0; i < pn->node.num_params; i++) {
        if (pn->bind.reads_stored[i])
            continue;
        settle(tn_plan_value_of(p, pn->node.w[i]), pn->bind.w[i]);
        if (pn->bind.w[i] && tn_plan_value_of(p, pn->node.w[i])->layout != pn->bind.w[i])
            TN_TRY(adapt(p, index, &pn->node.w[i], NULL, pn->bind.dw[i]));
        TN_TRY(adapt(p, index, &pn->node.w[i], pn->bind.w[i], pn->bind.dw[i]));
        tn_plan_value *w = tn_plan_value_of(p, pn->node.w[i]);
        w->halved = tn_plan_is_half(p) && !(w->source && w->source->spec);
    }
    return TN_OK;
}

/* A view reads and writes the elements in canonical order, of whatever type. */
static tn_status bind_view(const tn_plan *p, tn_plan_node *pn)
{
    const tn_backend *b = tn_plan_backend(p);
    const tn_layout *layout = NULL;
    tn_plan_ask(p, pn, NULL);
    if (b->view_layout)
        TN_TRY(b->view_layout(p->device->impl, &pn->node.x[0], pn->bind.x[0], &layout));
    pn->bind.x[0] = pn->bind.y[0] = layout;
    return TN_OK;
}

static tn_status bind_host(tn_plan *p, tn_plan_node *pn)
{
    tn_plan_ask(p, pn, NULL);
    return tn_plan_bind_host(p, pn);
}

static tn_status settle_outputs(tn_plan *p, const tn_plan_node *pn)
{
    for (int i = 0; i < pn->node.num_out; i++) {
        tn_plan_value *y = tn_plan_value_of(p, pn->node.out[i]);
        y->layout = pn->bind.y[i];
        y->has_sums = i == 0 && pn->bind.gives_sums;
        if (tn_layout_bytes(y->layout, &y->shape, y->dtype, &y->bytes) != TN_OK)
            return tn_fail(TN_ERR_SHAPE, "%s %s: %s", pn->node.op->name, pn->node.name, tn_error());
    }
    return TN_OK;
}

/* What kernels may keep: a part of all weights. */
static size_t find_spare(const tn_plan *p)
{
    const float asked = p->opts.kept_weights;
    const double part = asked == 0 ? 0.1 : asked == TN_ZERO ? 0 : (double)asked;
    size_t bytes = 0;
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_value *v = &p->value[i];
        if (v->source && v->source->spec && v->readers > 0)
            bytes += (size_t)tn_elements(&v->shape) * sizeof(float);
    }
    if (bytes == 0)
        return 0;
    return part * (double)bytes < (double)(SIZE_MAX / 2) ? (size_t)(part * (double)bytes)
                                                         : SIZE_MAX;
}

/* What a run begins the gradients with is one number of f32. */
static tn_status adapt_loss(tn_plan *p)
{
    size_t end = p->num_nodes;
    p->loss = p->opts.loss.id;
    if (!p->loss || !tn_plan_value_of(p, p->loss)->wants_gradient)
        return TN_OK;
    return adapt(p, &end, &p->loss, NULL, true);
}

tn_status tn_plan_select(tn_plan *p)
{
    p->spare = find_spare(p);
    tn_plan_find_fixed(p);
    p->choice_found =
        tn_arena_alloc(&p->arena, (size_t)p->opts.num_kernels + 1, sizeof *p->choice_found);
    if (!p->choice_found)
        return tn_no_memory("plan", (size_t)p->opts.num_kernels);
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_plan_node *pn = p->node[i];
        if (pn->node.op == &tn_op_input)
            tn_plan_ask(p, pn, NULL);
        else if (pn->node.op->view)
            TN_TRY(bind_view(p, pn));
        else if (pn->node.op->host)
            TN_TRY(bind_host(p, pn));
        else
            TN_TRY(tn_plan_choose(p, i));
        tn_plan_take_makers(p, &i);
        TN_TRY(adapt_inputs(p, &i));
        TN_TRY(settle_outputs(p, pn));
    }
    TN_TRY(adapt_loss(p));
    TN_TRY(tn_plan_check_choices(p));
    for (size_t i = 0; i < p->num_nodes; i++)
        for (int o = 0; o < p->node[i]->node.num_out; o++)
            tn_plan_value_of(p, p->node[i]->node.out[o])->producer = (int)i;
    tn_plan_count_readers(p);
    return TN_OK;
}
