/*
 * gradient: which gradients are wanted, and the steps that compute them.
 *
 * A value's gradient is the sum of what its readers give. Kernels overwrite; so the first reader
 * writes into the value's gradient itself and each further one adds to that, if its kernel may, or else writes into a buffer of its
 * own, which an ADD step adds. A view's gradient becomes its input's.
 */
#include "plan/passes.h"

/* Forward: does it depend on something that has a gradient? Backward: does the loss depend on it? */
void tn_plan_needs(tn_plan *p)
{
    if (!p->opts.loss.id)
        return;
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_param_spec *w = p->value[i].source ? p->value[i].source->spec : NULL;
        p->value[i].wants_gradient = w && !w->statistic && !w->opts.frozen && !p->value[i].frozen;
    }
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        bool depends = false;
        for (int j = 0; j < n->num_in; j++)
            depends |= tn_plan_value_of(p, n->in[j])->wants_gradient;
        for (int j = 0; j < n->num_params; j++)
            depends |= tn_plan_value_of(p, n->w[j])->wants_gradient;
        p->node[i]->backward = depends;
        for (int o = 0; o < n->num_out; o++) {
            tn_plan_value *y = tn_plan_value_of(p, n->out[o]);
            y->wants_gradient =
                (depends || tn_plan_keeps_gradient(p, y)) && n->y_dtype[o] == TN_F32;
        }
    }
    tn_plan_value_of(p, p->opts.loss.id)->in_loss = true;
    for (size_t i = p->num_nodes; i-- > 0;) {
        tn_plan_node *pn = p->node[i];
        bool asked = false;
        for (int o = 0; o < pn->node.num_out; o++) {
            tn_plan_value *y = tn_plan_value_of(p, pn->node.out[o]);
            y->wants_gradient = y->wants_gradient && y->in_loss;
            asked |= y->wants_gradient;
        }
        pn->backward &= asked;
        for (int j = 0; j < pn->node.num_in; j++)
            tn_plan_value_of(p, pn->node.in[j])->in_loss |= pn->backward;
        for (int j = 0; j < pn->node.num_params; j++)
            tn_plan_value_of(p, pn->node.w[j])->in_loss |= pn->backward;
    }
    for (size_t i = 0; i < p->num_values; i++)
        p->value[i].wants_gradient = p->value[i].wants_gradient && p->value[i].in_loss;
}

static tn_status add_step(tn_plan *p, tn_step_kind kind, tn_plan_node *node, tn_step **out)
{
    TN_TRY(tn_grow((void **)&p->step, p->num_steps, &p->step_capacity, sizeof *p->step, "plan"));
    tn_step *s = &p->step[p->num_steps++];
    *s = (tn_step){.kind = kind, .node = node, .to = TN_NO_BUFFER, .from = TN_NO_BUFFER};
    s->scratch = TN_NO_BUFFER;
    for (int i = 0; i < TN_MAX_IN; i++)
        s->dx[i] = TN_NO_BUFFER;
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        s->dw[i] = TN_NO_BUFFER;
    if (node && node->kernel && node->bind.scratch_bytes)
        TN_TRY(tn_plan_new_buffer(p, node->bind.scratch_bytes, &s->scratch));
    *out = s;
    return TN_OK;
}

/* Where an output of a node lies. */
static tn_status place_output(tn_plan *p, const tn_plan_node *pn, tn_plan_value *y)
{
    if (pn->node.op->view)
        y->buffer = tn_plan_value_of(p, pn->node.in[0])->buffer;
    else
        TN_TRY(tn_plan_new_buffer(p, y->bytes, &y->buffer));
    if (pn->kept && pn->fixed) {
        p->buffer[y->buffer].place = TN_IN_KEPT;
        p->buffer[y->buffer].kept = pn->kept;
    }
    if (y->has_sums)
        TN_TRY(tn_plan_new_buffer(p, 2 * (size_t)y->shape.dim[1] * sizeof(float), &y->sums));
    return y->halved ? tn_plan_new_buffer(p, tn_plan_half_bytes(y), &y->half) : TN_OK;
}

/* Kept scalars are summed up after each run. */
static tn_status tally_steps(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        tn_step *s;
        if (!v->kept || v->input || v->producer < 0 || v->shape.ndim > 0)
            continue;
        TN_TRY(add_step(p, TN_STEP_TALLY, NULL, &s));
        s->from = v->buffer;
        s->value = v;
        v->tally = ++p->num_tallies;
    }
    return TN_OK;
}

/* A copy in half precision, of what is no parameter: those of parameters are made all at once. */
static tn_status halve_step(tn_plan *p, tn_plan_value *v)
{
    tn_step *s;
    TN_TRY(add_step(p, TN_STEP_HALVE, NULL, &s));
    s->to = v->half;
    s->from = v->buffer;
    s->value = v;
    return TN_OK;
}

static tn_status forward_steps(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_plan_node *pn = p->node[i];
        tn_step *s;
        for (int o = 0; o < pn->node.num_out; o++)
            TN_TRY(place_output(p, pn, tn_plan_value_of(p, pn->node.out[o])));
        tn_plan_join_buffers(p, pn);
        if (!tn_plan_runs(pn) && pn->bind.scratch_bytes)
            TN_TRY(tn_plan_new_buffer(p, pn->bind.scratch_bytes, &pn->scratch));
        if (!pn->kernel || tn_plan_is_joined(p, pn) || !tn_plan_runs(pn))
            continue;
        if (pn->bind.saved_bytes)
            TN_TRY(tn_plan_new_buffer(p, pn->bind.saved_bytes, &pn->saved));
        TN_TRY(add_step(p, TN_STEP_FORWARD, pn, &s));
        pn->scratch = s->scratch;
        for (int o = 0; o < pn->node.num_out; o++)
            if (tn_plan_value_of(p, pn->node.out[o])->halved)
                TN_TRY(halve_step(p, tn_plan_value_of(p, pn->node.out[o])));
    }
    TN_TRY(tally_steps(p));
    p->num_forward = p->num_steps;
    return TN_OK;
}

/* x's gradient has that buffer added to it. If it lies where the gradient of a view of x has to stay as it is, the sum is
 * made in that buffer. */
static tn_status add_up(tn_plan *p, tn_plan_value *x, int buffer)
{
    tn_step *s;
    const bool stays = p->buffer[x->gradient].always;
    if (stays && p->buffer[buffer].always)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: the gradients of two views of it cannot both be kept: keep its own",
                       x->name);
    TN_TRY(add_step(p, TN_STEP_ADD, NULL, &s));
    s->to = stays ? buffer : x->gradient;
    s->from = stays ? x->gradient : buffer;
    s->value = x;
    x->gradient = s->to;
    return TN_OK;
}

/* The parameter that x is a view of, so that its gradient lies where that of a parameter has to; or x itself. */
static tn_plan_value *viewed(const tn_plan *p, tn_plan_value *x)
{
    tn_plan_value *v = x;
    while (v->producer >= 0 && p->node[v->producer]->node.op->view)
        v = tn_plan_value_of(p, p->node[v->producer]->node.in[0]);
    return v->param ? v : x;
}

/* May what this node gives of x's gradient be added to what is there by its own kernel? */
static bool may_add(const tn_plan *p, const tn_plan_node *pn, int i, tn_plan_value *x)
{
    return pn->bind.may_add[i] && x->gradient != TN_NO_BUFFER && viewed(p, x) == x && !x->param &&
           !p->buffer[x->gradient].always;
}

/* The buffer that a reader of x writes what it gives of dx into; *sum: the gradient that it is to be added to. */
static tn_status give(tn_plan *p, tn_plan_value *x, int *buffer, tn_plan_value **sum)
{
    x = viewed(p, x);
    *sum = x->gradient != TN_NO_BUFFER ? x : NULL;
    if (!*sum && x->param)
        TN_TRY(tn_plan_param_gradient(p, x, buffer));
    else
        TN_TRY(tn_plan_new_buffer(p, x->bytes, buffer));
    if (!*sum)
        x->gradient = *buffer;
    return TN_OK;
}

static tn_status backward_view(tn_plan *p, const tn_plan_node *pn)
{
    tn_plan_value *y = tn_plan_value_of(p, pn->node.out[0]);
    tn_plan_value *x = tn_plan_value_of(p, pn->node.in[0]);
    if (viewed(p, y) != y)
        return TN_OK; /* what its readers gave has gone to the parameter */
    p->buffer[y->gradient].always |= tn_plan_keeps_gradient(p, y);
    if (x->gradient != TN_NO_BUFFER)
        return add_up(p, x, y->gradient);
    x->gradient = y->gradient; /* all that y's readers had to do with it is done: others may add */
    return TN_OK;
}

enum { MOST_GIVEN = TN_MAX_IN + TN_MAX_PARAMS };

/* What a node gives to the values that it reads, as inputs and as parameters. */
typedef struct given {
    int buffer[MOST_GIVEN];
    bool adds[TN_MAX_IN];
    tn_plan_value *sum[MOST_GIVEN];
} given;

static tn_status find_given(tn_plan *p, const tn_plan_node *pn, given *to)
{
    for (int i = 0; i < MOST_GIVEN; i++)
        to->buffer[i] = TN_NO_BUFFER;
    for (int i = 0; i < pn->node.num_in; i++) {
        tn_plan_value *x = tn_plan_value_of(p, pn->node.in[i]);
        if (!pn->bind.dx[i])
            continue;
        if (tn_joins(&pn->node) && tn_plan_is_part(x))
            TN_TRY(tn_plan_join_gradient(p, pn, i));
        else if ((to->adds[i] = may_add(p, pn, i, x)))
            to->buffer[i] = x->gradient;
        else
            TN_TRY(give(p, x, &to->buffer[i], &to->sum[i]));
    }
    for (int i = 0; i < pn->node.num_params; i++)
        if (pn->bind.dw[i])
            TN_TRY(give(p, tn_plan_value_of(p, pn->node.w[i]), &to->buffer[TN_MAX_IN + i],
                        &to->sum[TN_MAX_IN + i]));
    return TN_OK;
}

static tn_status backward_node(tn_plan *p, tn_plan_node *pn)
{
    given all = {0};
    tn_step *s;
    if (!pn->kernel->backward)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: %s has no backward for it", pn->node.op->name,
                       pn->node.name, p->device->name);
    TN_TRY(find_given(p, pn, &all));
    if (tn_plan_is_joined(p, pn))
        return TN_OK;
    TN_TRY(add_step(p, TN_STEP_BACKWARD, pn, &s));
    for (int i = 0; i < TN_MAX_IN; i++) {
        s->dx[i] = all.buffer[i];
        s->adds[i] = all.adds[i];
    }
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        s->dw[i] = all.buffer[TN_MAX_IN + i];
    for (int i = 0; i < MOST_GIVEN; i++)
        if (all.sum[i])
            TN_TRY(add_up(p, all.sum[i], all.buffer[i]));
    return TN_OK;
}

tn_status tn_plan_gradient(tn_plan *p)
{
    TN_TRY(forward_steps(p));
    if (!p->opts.loss.id)
        return TN_OK;
    tn_plan_value *loss = tn_plan_value_of(p, p->loss);
    if (!loss->wants_gradient)
        return tn_fail(TN_ERR_ARGUMENT, "plan: the loss (%s) depends on no parameter%s%s",
                       loss->name,
                       p->opts.freeze ? " that is trained, with those frozen that are named " : "",
                       p->opts.freeze ? p->opts.freeze : "");
    if (viewed(p, loss)->source)
        return tn_fail(TN_ERR_ARGUMENT, "plan: the loss (%s) is a parameter, not computed",
                       loss->name);
    TN_TRY(tn_plan_new_buffer(p, loss->bytes, &loss->gradient));
    p->buffer[loss->gradient].always = true;

    for (size_t i = p->num_nodes; i-- > 0;) {
        tn_plan_node *pn = p->node[i];
        if (!pn->backward || pn->node.op == &tn_op_input)
            continue;
        TN_TRY(pn->node.op->view ? backward_view(p, pn) : backward_node(p, pn));
    }
    return TN_OK;
}
