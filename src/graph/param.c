/*
 * param: parameters and constants, the values that no layer computes.
 *
 *   param     y: f32, any shape; spec: how it starts and learns. What its layer made for itself is called after both,
 *             "conv1.weight", comes right before it, and has no options of its own: they are its layer's.
 *   constant  y: any type, any shape; numbers that belong to the graph.
 */
#include <string.h>

#include "base/base.h"
#include "graph/graph.h"

/* ---- made by the program -------------------------------------------------------------------- */

/* As weights K x C x ... have it: each of K outputs sums up C x ..., each of C inputs goes into K x ... of them. */
static void find_fans(tn_param_spec *spec)
{
    const tn_shape *s = &spec->shape;
    spec->fan_in = spec->fan_out = 1;
    if (s->ndim < 2) {
        spec->fallback = (tn_init){TN_INIT_CONSTANT, 0};
        return;
    }
    for (int i = 1; i < s->ndim; i++)
        spec->fan_in *= s->dim[i];
    spec->fan_out = spec->fan_in / s->dim[1] * s->dim[0];
}

static tn_status infer_param(tn_node *n)
{
    const tn_param_node_opts *o = n->opts;
    int64_t count;
    if (tn_shape_count(&o->shape, &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "param %s: %s", n->name, tn_error());
    if (o->param.value.id || o->param.value.graph)
        return tn_fail(TN_ERR_ARGUMENT,
                       "param %s: it is a value of its own, and cannot be another one", n->name);
    n->y[0] = o->shape;
    n->param[0] = (tn_param_spec){.name = n->name, .shape = o->shape, .opts = o->param};
    n->spec = &n->param[0];
    find_fans(&n->param[0]);
    return tn_complete_param(n, &n->param[0]);
}

static const tn_attr param_attrs[] = {
    {"shape", NULL, TN_ATTR_LIST, offsetof(tn_param_node_opts, shape)},
    {"init", NULL, TN_ATTR_INIT, offsetof(tn_param_node_opts, param.init)},
    {"rate", NULL, TN_ATTR_FLOAT, offsetof(tn_param_node_opts, param.rate)},
    {"decay", NULL, TN_ATTR_FLOAT, offsetof(tn_param_node_opts, param.decay)},
    {"frozen", NULL, TN_ATTR_BOOL, offsetof(tn_param_node_opts, param.frozen)},
    {0},
};

const tn_op tn_op_param = {
    .name = "param",
    .opts_size = sizeof(tn_param_node_opts),
    .attrs = param_attrs,
    .infer = infer_param,
};

tn_value tn_param(tn_graph *g, const char *name, tn_shape shape, const tn_param_opts *opts)
{
    tn_param_node_opts o = {.shape = shape};
    if (opts)
        o.param = *opts;
    return tn_graph_add(g, &tn_op_param, name, 0, NULL, &o);
}

/* ---- constants ------------------------------------------------------------------------------ */

static tn_status infer_constant(tn_node *n)
{
    const tn_constant_node_opts *o = n->opts;
    size_t bytes;
    if (tn_shape_bytes(&o->shape, o->dtype, &bytes) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "constant %s: %s", n->name, tn_error());
    if (!o->data)
        return tn_fail(TN_ERR_ARGUMENT, "constant %s: the tensor given has no data", n->name);
    n->y[0] = o->shape;
    n->y_dtype[0] = o->dtype;
    return TN_OK;
}

static const tn_attr constant_attrs[] = {
    {"dtype", NULL, TN_ATTR_DTYPE, offsetof(tn_constant_node_opts, dtype)},
    {"shape", NULL, TN_ATTR_LIST, offsetof(tn_constant_node_opts, shape)},
    {"numbers", NULL, TN_ATTR_NUMBERS, 0},
    {0},
};

const tn_op tn_op_constant = {
    .name = "constant",
    .opts_size = sizeof(tn_constant_node_opts),
    .opts_needed = true,
    .attrs = constant_attrs,
    .infer = infer_constant,
};

tn_value tn_constant(tn_graph *g, const char *name, tn_tensor numbers)
{
    tn_constant_node_opts o = {
        .dtype = numbers.dtype, .shape = numbers.shape, .data = numbers.data};
    size_t bytes;
    const tn_value v = tn_graph_add(g, &tn_op_constant, name, 0, NULL, &o);
    if (!v.id || tn_shape_bytes(&o.shape, o.dtype, &bytes) != TN_OK)
        return v;
    void *copy = tn_arena_alloc(&g->arena, bytes, 1);
    if (!copy)
        return tn_graph_refuse(g, tn_no_memory("graph", bytes));
    o.data = memcpy(copy, numbers.data, bytes);
    const tn_node *n = tn_graph_node_of(g, v.id);
    *(tn_constant_node_opts *)n->opts = *(tn_constant_node_opts *)n->given = o;
    return v;
}

/* ---- those of a layer ------------------------------------------------------------------------ */

static tn_status make(tn_graph *g, tn_node *n, int i)
{
    tn_param_spec *spec = &n->param[i];
    TN_TRY(tn_complete_param(n, spec));
    char *name = tn_format("%s.%s", n->name, spec->name);
    tn_node *made = tn_graph_new_node(g, &tn_op_param);
    tn_status status =
        name && made ? tn_graph_give_name(g, made, name) : tn_no_memory("graph", sizeof *made);
    tn_free(name);
    if (status != TN_OK)
        return status;
    made->y[0] = spec->shape;
    made->y_batch[0] = TN_BATCH_NONE;
    made->spec = spec;
    made->made_by = n;
    status = tn_graph_append(g, made, NULL, 0);
    n->w[i] = made->out[0];
    return status;
}

/* What is said of it would be said of another's parameter. */
static tn_status check_unsaid(const tn_node *n, const tn_param_spec *spec, const tn_node *from)
{
    const tn_param_opts *o = &spec->opts;
    const char *said = o->init.kind || o->init.value != 0 ? "init"
                       : o->rate != 0                     ? "rate"
                       : o->decay != 0                    ? "decay"
                       : o->frozen                        ? "frozen"
                                                          : NULL;
    if (!said)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s %s: its %s is %s, whose own %s counts: none can be given here", n->op->name,
                   n->name, spec->name, from->name, said);
}

static tn_status take(const tn_graph *g, tn_node *n, int i)
{
    tn_param_spec *spec = &n->param[i];
    const tn_value v = spec->opts.value;
    if (tn_graph_check(g, v) != TN_OK)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: what its %s is to be: %s", n->op->name, n->name,
                       spec->name, tn_error());
    const tn_node *from = tn_graph_node_of(g, v.id);
    const int index = g->value[v.id - 1].index;
    if (from->y_batch[index] != TN_BATCH_NONE || (from->spec && from->spec->statistic))
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: its %s cannot be %s, %s", n->op->name, n->name,
                       spec->name, g->value[v.id - 1].name,
                       from->spec ? "a running statistic" : "which depends on the batch");
    if (from->y_dtype[index] != TN_F32 || !tn_shape_equal(&from->y[index], &spec->shape))
        return tn_fail(TN_ERR_SHAPE, "%s %s: its %s is %s f32, but %s is %s %s", n->op->name,
                       n->name, spec->name, tn_shape_format(&spec->shape).text,
                       g->value[v.id - 1].name, tn_shape_format(&from->y[index]).text,
                       tn_dtype_name(from->y_dtype[index]));
    TN_TRY(check_unsaid(n, spec, from));
    spec->opts = from->spec ? from->spec->opts : (tn_param_opts){.frozen = tn_is_source(from)};
    spec->opts.value = v;
    n->w[i] = v.id;
    return TN_OK;
}

/* A handle that names nothing was given, too, if it is of a graph: see tn_graph_value(). */
static bool is_given(const tn_param_spec *spec)
{
    return !spec->statistic && (spec->opts.value.id || spec->opts.value.graph);
}

tn_status tn_graph_find_params(tn_graph *g, tn_node *n)
{
    for (int i = 0; i < n->num_params; i++)
        TN_TRY(is_given(&n->param[i]) ? take(g, n, i) : make(g, n, i));
    return TN_OK;
}
