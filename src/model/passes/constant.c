/*
 * constant: what depends on constants and parameters alone is computed once, by a plan on the CPU, in f32 and in the order of
 * its formulas. It becomes a parameter that is not trained, or of other types a constant. What would be much larger than
 * what it is made of stays as it is.
 */
#include <string.h>

#include "model/passes/numbers.h"
#include "model/passes/passes.h"

enum { SMALL = 1 << 16, KNOWN = 1 /* mark of a node */ };

static bool is_known(const tn_rewrite *r, int32_t id)
{
    const tn_node *maker = tn_rewrite_maker(r, id);
    if (maker->op == &tn_op_constant)
        return true;
    if (maker->op == &tn_op_param)
        return tn_rewrite_numbers(r, id) != NULL;
    return r->mark[tn_rewrite_place(r, maker)] == KNOWN;
}

/* An operation of a program's own may have a kernel on a device of that alone. What puts weights on a grid of whole numbers stays:
 * kernels read off it that they are such. */
static bool can_be_computed(const tn_rewrite *r, const tn_node *n)
{
    bool can = !tn_is_source(n) && n->num_in > 0 && n->op->version == 0 && !n->op->host &&
               strcmp(n->op->name, "fake_quant") != 0;
    int64_t read = 0, made = 0;
    for (int i = 0; i < n->num_in && can; i++) {
        can = is_known(r, n->in[i]);
        read += tn_elements(&n->x[i]);
    }
    for (int i = 0; i < n->num_params && can; i++) {
        can = is_known(r, n->w[i]) &&
              (tn_rewrite_maker(r, n->w[i])->made_by != n || r->readers[n->w[i] - 1] == 1);
        read += tn_elements(&n->param[i].shape);
    }
    for (int i = 0; i < n->num_out && can; i++) {
        can = n->y_batch[i] == TN_BATCH_NONE;
        made += tn_elements(&n->y[i]);
    }
    return can && (made <= read || made <= SMALL);
}

static void mark(tn_rewrite *r)
{
    for (size_t i = 0; i < r->from->num_nodes; i++)
        if (can_be_computed(r, r->from->node[i]))
            r->mark[i] = KNOWN;
}

/* Is it read by what is not known itself? */
static bool is_wanted(const tn_rewrite *r, int32_t id)
{
    bool wanted = r->is_output[id - 1] || r->from->loss.id == id;
    for (size_t i = 0; i < r->from->num_nodes && !wanted; i++) {
        const tn_node *n = r->from->node[i];
        for (int j = 0; r->mark[i] != KNOWN && j < n->num_in && !wanted; j++)
            wanted = n->in[j] == id;
        for (int j = 0; r->mark[i] != KNOWN && j < n->num_params && !wanted; j++)
            wanted = !tn_is_source(n) && n->w[j] == id;
    }
    return wanted;
}

/* ---- computing -------------------------------------------------------------------------------- */

/* Of each value that is wanted, where its numbers are: of f32 those of the model. */
static tn_status make_room(tn_rewrite *r, const tn_made *v, void **data)
{
    const tn_node *n = r->from->node[v->node];
    const tn_shape *shape = &n->y[v->index];
    size_t bytes;
    if (n->y_dtype[v->index] == TN_F32) {
        float *numbers = NULL;
        TN_TRY(tn_model_new_number(r->model, v->name, shape, &numbers));
        *data = numbers;
        return TN_OK;
    }
    TN_TRY(tn_shape_bytes(shape, n->y_dtype[v->index], &bytes));
    *data = tn_arena_alloc(&r->arena, 1, bytes);
    return *data ? TN_OK : tn_no_memory("pass", bytes);
}

static tn_status compute(tn_rewrite *r, tn_plan *p, const tn_value *keep, int count)
{
    void **data = r->own;
    TN_TRY(tn_plan_evaluate(p));
    for (int i = 0; i < count; i++) {
        const tn_made *v = &r->from->value[keep[i].id - 1];
        const tn_node *n = r->from->node[v->node];
        void **to = &data[keep[i].id - 1];
        TN_TRY(make_room(r, v, to));
        TN_TRY(tn_plan_get(p, keep[i], (tn_tensor){n->y_dtype[v->index], n->y[v->index], *to}));
    }
    tn_model_sort(r->model);
    return TN_OK;
}

static tn_status compute_on_cpu(tn_rewrite *r, const tn_value *keep, int count)
{
    tn_device *device = NULL;
    tn_plan *p = NULL;
    const tn_plan_opts opts = {.keep = keep,
                               .num_keep = count,
                               .from = r->model,
                               .precision = TN_PRECISION_F32,
                               .strict = true};
    TN_TRY(tn_device_open(&device, "cpu"));
    tn_status status = tn_plan_create(&p, r->from, device, &opts);
    if (status == TN_OK)
        status = compute(r, p, keep, count);
    tn_plan_destroy(p);
    tn_device_close(device);
    return status;
}

/* ---- the pass --------------------------------------------------------------------------------- */

static tn_status begin(tn_rewrite *r)
{
    const tn_graph *g = r->from;
    int count = 0;
    tn_value *keep = tn_arena_alloc(&r->arena, g->num_values, sizeof *keep);
    r->own = tn_arena_alloc(&r->arena, g->num_values, sizeof(void *));
    if (!keep || !r->own)
        return tn_no_memory("pass", g->num_values * sizeof *keep);
    mark(r);
    for (size_t i = 0; i < g->num_nodes; i++)
        for (int j = 0; r->mark[i] == KNOWN && j < g->node[i]->num_out; j++)
            if (is_wanted(r, g->node[i]->out[j]))
                keep[count++] = (tn_value){g->node[i]->out[j], g->number};
    return count ? compute_on_cpu(r, keep, count) : TN_OK;
}

static tn_status add_value(tn_rewrite *r, const tn_node *n, int index, void *data)
{
    const char *name = r->from->value[n->out[index] - 1].name;
    const tn_param_opts frozen = {.frozen = true};
    const tn_tensor t = {n->y_dtype[index], n->y[index], data};
    const tn_value made =
        t.dtype == TN_F32 ? tn_param(r->to, name, t.shape, &frozen) : tn_constant(r->to, name, t);
    return tn_rewrite_map(r, n->out[index], made);
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    void **data = r->own;
    *done = r->mark[tn_rewrite_place(r, n)] == KNOWN;
    if (*done)
        tn_rewrite_tell(r, n->name);
    for (int i = 0; i < n->num_out && *done; i++)
        if (data[n->out[i] - 1])
            TN_TRY(add_value(r, n, i, data[n->out[i] - 1]));
    return TN_OK;
}

const tn_model_pass tn_model_pass_constant = {
    .name = "constant",
    .what = "computes once what depends on constants and parameters alone",
    .begin = begin,
    .node = node,
};
