/*
 * arrange: what kernels make of weights that nothing trains, filters transformed for one, kept from run to run and made anew
 * when those have changed. With tn_weights several plans have it in common, in the store: who runs first makes it.
 *
 * What is made of such weights alone, a reorder for a node that wants another layout than the weight has, or the weight on the
 * grid of whole numbers, is kept like that, if there is room left; and is no step at all if only nodes read it that
 * arrange it further: then it is made when they do.
 */
#include "plan/passes.h"

/* ---- what no run changes ------------------------------------------------------------------------ */

/* Does it depend on nothing but its inputs? A dropout does, and what programs add may. */
static bool is_function(const tn_node *n)
{
    const tn_op *op = n->op;
    const bool each =
        op->batch == TN_BATCH_EACH || op->batch == TN_BATCH_SUM || op->batch == TN_BATCH_PRODUCT;
    return op->version == 0 && !op->host && !tn_joins(n) && (op->view || op->route || each);
}

void tn_plan_find_fixed(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        const bool learns = v->source && v->source->spec && v->source->spec->statistic;
        v->fixed = v->source && !v->wants_gradient && !(learns && p->opts.loss.id);
    }
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_plan_node *pn = p->node[i];
        pn->fixed = pn->node.num_in > 0 && pn->node.num_params == 0 && is_function(&pn->node);
        for (int j = 0; j < pn->node.num_in; j++)
            pn->fixed &= tn_plan_value_of(p, pn->node.in[j])->fixed;
        for (int j = 0; j < pn->node.num_out; j++)
            tn_plan_value_of(p, pn->node.out[j])->fixed = pn->fixed;
    }
}

/* The node that makes a value; NULL: it is a weight itself, or an input. */
static tn_plan_node *maker_of(const tn_plan *p, const tn_plan_value *v)
{
    return v->source || v->producer < 0 ? NULL : p->node[v->producer];
}

/* The value that `id` is, in whatever layout; -1 if that may change in a run. */
static ptrdiff_t weight_of(const tn_plan *p, int32_t id)
{
    const tn_plan_value *v = tn_plan_value_of(p, id);
    for (const tn_plan_node *by; (by = maker_of(p, v)) && by->node.op == &tn_op_reorder;)
        v = tn_plan_value_of(p, by->node.in[0]);
    return v->fixed ? v - p->value : -1;
}

/* ---- what is kept ------------------------------------------------------------------------------- */

/* The last first, so that all who read what a node makes are known. */
static void judge_fixed(tn_plan *p, tn_plan_node *pn)
{
    const tn_plan_value *y = tn_plan_value_of(p, pn->node.out[0]);
    pn->only_then = !y->run_time && !y->kept;
    if (pn->only_then || y->kept || y->halved || tn_plan_is_part(y) || y->bytes > p->spare)
        return;
    p->spare -= y->bytes;
    pn->bind.kept_bytes = y->bytes;
    pn->bind.kept_form = (int64_t)(intptr_t)y->layout; /* there is one object a layout */
}

static void judge_nodes(tn_plan *p)
{
    for (size_t i = p->num_nodes; i-- > 0;) {
        tn_plan_node *pn = p->node[i];
        if (pn->fixed && pn->kernel)
            judge_fixed(p, pn);
        for (int j = 0; j < pn->node.num_in; j++)
            tn_plan_value_of(p, pn->node.in[j])->run_time |=
                !pn->only_then && !(pn->fixed && pn->bind.kept_bytes);
        for (int j = 0; j < pn->node.num_params; j++)
            tn_plan_value_of(p, pn->node.w[j])->run_time |= !pn->bind.kept_of[j];
    }
}

/* What the node keeps, by the plan's numbers of values. */
static tn_kept want(const tn_plan *p, const tn_plan_node *pn)
{
    tn_kept k = {.kernel = pn->kernel, .form = pn->bind.kept_form, .bytes = pn->bind.kept_bytes};
    for (int i = 0; i < TN_MAX_PARAMS; i++) {
        const bool made_of = i < pn->node.num_params && pn->bind.kept_of[i];
        k.weight[i] = made_of ? weight_of(p, pn->node.w[i]) : -1;
    }
    if (pn->node.op == &tn_op_reorder)
        k.weight[0] = weight_of(p, pn->node.in[0]);
    else if (pn->fixed) /* nobody else's: options may differ */
        k.weight[0] = weight_of(p, pn->node.out[0]);
    return k;
}

static bool is_same(const tn_kept *a, const tn_kept *b)
{
    bool same = a->kernel == b->kernel && a->form == b->form && a->bytes == b->bytes;
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        same &= a->weight[i] == b->weight[i];
    return same;
}

static tn_kept *find(tn_kept *list, const tn_kept *wanted)
{
    while (list && !is_same(list, wanted))
        list = list->next;
    return list;
}

/* By the store's numbers; false if it has not all of those weights: not yet, or for a constant among them. */
static bool number_by_store(const tn_plan *p, const tn_kept *own, tn_kept *stored)
{
    bool all = true;
    *stored = *own;
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        if (own->weight[i] >= 0) {
            const int param = p->value[own->weight[i]].param;
            stored->weight[i] = param ? p->param[param - 1].stored : -1;
            all &= stored->weight[i] >= 0;
        }
    return all;
}

static tn_status keep(tn_plan *p, tn_plan_node *pn)
{
    const tn_kept wanted = want(p, pn);
    tn_kept stored, *k = NULL;
    if (p->store && number_by_store(p, &wanted, &stored))
        k = find(p->store->kept, &stored);
    if (!k)
        k = find(p->kept, &wanted);
    if (!k) {
        k = tn_alloc(1, sizeof *k);
        if (!k)
            return tn_no_memory("plan", sizeof *k);
        *k = wanted;
        k->next = p->kept;
        p->kept = k;
        p->kept_bytes += k->bytes;
    }
    k->nodes++;
    pn->kept = k;
    return TN_OK;
}

tn_status tn_plan_choose_kept(tn_plan *p)
{
    judge_nodes(p);
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->bind.kept_bytes)
            TN_TRY(keep(p, p->node[i]));
    return TN_OK;
}

void tn_plan_lend_kept(tn_plan *p)
{
    tn_kept stored;
    for (tn_kept **link = &p->kept, *k; (k = *link);) {
        if (!number_by_store(p, k, &stored)) {
            link = &k->next;
            continue;
        }
        *link = k->next;
        *k = stored;
        k->store = p->store;
        k->next = p->store->kept;
        p->store->kept = k;
    }
}

static void drop(tn_plan *p, tn_kept *k)
{
    if (--k->nodes > 0)
        return;
    tn_kept **link = k->store ? &k->store->kept : &p->kept;
    while (*link != k)
        link = &(*link)->next;
    *link = k->next;
    if (k->at)
        tn_plan_backend(p)->free(p->device->impl, k->at);
    tn_free(k);
}

void tn_plan_drop_kept(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->kept)
            drop(p, p->node[i]->kept);
}

/* ---- made of weights ---------------------------------------------------------------------------- */

/* Which version of its weight number i there is. */
static int64_t version_now(const tn_kept *k, int i)
{
    return k->store ? k->store->copy[k->weight[i]].version : 1;
}

static bool is_old(const tn_kept *k)
{
    bool old = false;
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        old |= k->weight[i] >= 0 && k->version[i] != version_now(k, i);
    return old;
}

static void forget(tn_kept *k)
{
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        k->version[i] = 0;
}

static tn_status make(tn_plan *p, int32_t id);

/* Does what the node does with weights, which no run may have made yet. */
static tn_status run(tn_plan *p, const tn_plan_node *pn)
{
    tn_call c;
    for (int i = 0; i < pn->node.num_in; i++)
        TN_TRY(make(p, pn->node.in[i]));
    if (!pn->kernel) /* a view */
        return TN_OK;
    tn_plan_bind_forward(p, pn, &c);
    return pn->kernel->forward(&c);
}

/* What is to be arranged, if it is made of weights and not kept. */
static tn_status make(tn_plan *p, int32_t id)
{
    const tn_plan_value *v = tn_plan_value_of(p, id);
    const tn_plan_node *by = maker_of(p, v);
    if (!by || by->kept)
        return TN_OK;
    TN_TRY(run(p, by));
    if (!v->halved)
        return TN_OK;
    return tn_plan_backend(p)->halve(p->device->impl, p->run.precision, tn_plan_address(p, v->half),
                                     tn_plan_address(p, v->buffer), v->bytes / sizeof(float));
}

static tn_status arrange_weights(tn_plan *p, const tn_plan_node *pn)
{
    tn_call c;
    for (int i = 0; i < pn->node.num_params; i++)
        if (pn->bind.kept_of[i])
            TN_TRY(make(p, pn->node.w[i]));
    tn_plan_bind_forward(p, pn, &c);
    for (int i = 0; i < TN_MAX_IN; i++)
        c.x[i] = NULL;
    for (int i = 0; i < TN_MAX_OUT; i++)
        c.y[i] = NULL;
    return pn->kernel->arrange(&c);
}

static tn_status arrange(tn_plan *p, tn_plan_node *pn)
{
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(pn->fixed ? run(p, pn) : arrange_weights(p, pn));
    for (int i = 0; i < TN_MAX_PARAMS; i++)
        pn->kept->version[i] = pn->kept->weight[i] >= 0 ? version_now(pn->kept, i) : 0;
    return b->after_step ? b->after_step(p->device->impl, "arrange", &pn->node) : TN_OK;
}

tn_status tn_plan_arrange(tn_plan *p)
{
    for (tn_kept *k = p->kept; k; k = k->next)
        forget(k);
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->kept && is_old(p->node[i]->kept))
            TN_TRY(arrange(p, p->node[i]));
    return TN_OK;
}

tn_status tn_plan_spoil_kept(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_kept *k = p->node[i]->kept;
        if (!k)
            continue;
        TN_TRY(tn_plan_backend(p)->fill(p->device->impl, k->at, 0xff, k->bytes));
        forget(k);
    }
    p->weights_changed = true;
    if (p->store)
        p->store->changes++;
    return TN_OK;
}
