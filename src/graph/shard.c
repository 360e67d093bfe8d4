/*
 * shard: the same graph for another batch, or for a share of it. The inputs that have a batch get another one; all other
 * shapes follow from theirs. Nodes keep their names, and values are those of the graph it is made of, so that
 * what names one of it names one of the other. Parameters of a layer's own are made by it, as they were there.
 *
 * What follows must be what the values say of their batch: one that has none does not change, nor does any other
 * dimension. So an op that takes a dimension for the batch which is not is found out here.
 */
#include <stdio.h>

#include "graph/graph.h"

tn_status tn_graph_batch(const tn_graph *g, int64_t *out)
{
    const tn_node *first = NULL;
    int64_t batch = 0;
    for (size_t i = 0; i < g->num_nodes; i++) {
        const tn_node *n = g->node[i];
        if (n->op != &tn_op_input || n->y_batch[0] < 0)
            continue;
        const int64_t rows = n->y[0].dim[n->y_batch[0]];
        if (first && rows != batch)
            return tn_fail(
                TN_ERR_SHAPE,
                "input %s is %s, a batch of %lld, but input %s is %s, one of %lld: which "
                "dimension is the batch, or that there is none, tn_input_batched() says",
                n->name, tn_shape_format(&n->y[0]).text, (long long)rows, first->name,
                tn_shape_format(&first->y[0]).text, (long long)batch);
        first = n;
        batch = rows;
    }
    *out = batch;
    return TN_OK;
}

/* What the same graph is made for: a batch, and pictures of another size, or 0 for that which they have. */
typedef struct wanted {
    int64_t batch, height, width;
} wanted;

/* Does it differ from what it is made of in its batch, and in nothing else? */
static tn_status check_value(const tn_node *from, const tn_node *n, int i, int64_t batch)
{
    tn_shape want = from->y[i];
    if (from->y_batch[i] == TN_BATCH_MIXED)
        return TN_OK;
    if (from->y_batch[i] >= 0)
        want.dim[from->y_batch[i]] = batch;
    if (tn_shape_equal(&n->y[i], &want))
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "%s %s is %s, not %s: its rows are not those of the batch",
                   n->op->name, n->name, tn_shape_format(&n->y[i]).text,
                   tn_shape_format(&want).text);
}

static tn_status check_node(const tn_node *from, const tn_node *n, const wanted *w)
{
    for (int i = 0; w->height == 0 && i < n->num_out; i++)
        TN_TRY(check_value(from, n, i, w->batch));
    for (int i = 0; i < n->num_params; i++)
        if (!tn_shape_equal(&n->param[i].shape, &from->param[i].shape))
            return tn_fail(TN_ERR_SHAPE, "%s.%s is %s, not %s: %s must not be in it", n->name,
                           n->param[i].name, tn_shape_format(&n->param[i].shape).text,
                           tn_shape_format(&from->param[i].shape).text,
                           w->height > 0 ? "the size of pictures" : "the batch");
    return TN_OK;
}

/* Pixels of N x H x W x C bytes, or of N x C x H x W numbers. */
static tn_shape input_shape(const tn_node *n, const wanted *w)
{
    tn_shape shape = n->y[0];
    const int first = n->y_dtype[0] == TN_U8 ? 1 : 2;
    if (w->height > 0 && shape.ndim == 4) {
        shape.dim[first] = w->height;
        shape.dim[first + 1] = w->width;
    }
    if (n->y_batch[0] >= 0)
        shape.dim[n->y_batch[0]] = w->batch;
    return shape;
}

static tn_status copy_node(const tn_graph *g, const tn_node *n, const wanted *w, tn_graph *to)
{
    tn_value in[TN_MAX_IN];
    if (n->op == &tn_op_input) {
        const tn_shape shape = input_shape(n, w);
        tn_input_batched(to, n->name, n->y_dtype[0], shape, n->y_batch[0]);
    } else {
        const char *name[TN_MAX_OUT];
        for (int j = 0; j < n->num_in; j++)
            in[j] = (tn_value){n->in[j], to->number};
        for (int j = 0; j < n->num_out; j++)
            name[j] = g->value[n->out[j] - 1].name;
        tn_graph_add_named(to, n->op, name, n->num_out, n->num_in, in, n->given);
    }
    TN_TRY(tn_graph_status(to));
    return check_node(n, to->node[to->num_nodes - 1], w);
}

/* "with a batch of 8", "with pictures of 300 x 200". */
static tn_status tell(const tn_graph *g, const tn_node *n, const wanted *w, tn_status status)
{
    char with[64];
    if (w->height > 0)
        snprintf(with, sizeof with, "pictures of %lld x %lld", (long long)w->height,
                 (long long)w->width);
    else
        snprintf(with, sizeof with, "a batch of %lld", (long long)w->batch);
    if (n->num_in == 0)
        return tn_fail(status, "with %s: %s", with, tn_error());
    return tn_fail(status, "with %s: %s (its inputs: %s)", with, tn_error(),
                   tn_format_batch(g, n).text);
}

static tn_status copy_nodes(const tn_graph *g, const wanted *w, tn_graph *to)
{
    for (size_t i = 0; i < g->num_nodes; i++) {
        const tn_node *n = g->node[i];
        if (n->made_by)
            continue;
        const tn_status status = copy_node(g, n, w, to);
        if (status != TN_OK)
            return tell(g, n, w, status);
    }
    return TN_OK;
}

static tn_status copy_roles(const tn_graph *g, tn_graph *to)
{
    for (size_t i = 0; i < g->num_outputs; i++)
        tn_output(to, g->output[i]);
    to->loss = g->loss;
    return tn_graph_status(to);
}

static tn_status make(tn_graph **out, const tn_graph *g, const wanted *w)
{
    tn_graph *made = NULL;
    TN_TRY(tn_graph_status(g));
    TN_TRY(tn_graph_create(&made));
    made->number = g->number;
    tn_status status = copy_nodes(g, w, made);
    if (status == TN_OK)
        status = copy_roles(g, made);
    if (status != TN_OK) {
        tn_graph_destroy(made);
        return status;
    }
    *out = made;
    return TN_OK;
}

tn_status tn_graph_resize(tn_graph **out, const tn_graph *g, int64_t batch)
{
    return make(out, g, &(wanted){.batch = batch});
}

tn_status tn_graph_resize_pictures(tn_graph **out, const tn_graph *g, int64_t batch, int64_t height,
                                   int64_t width)
{
    return make(out, g, &(wanted){batch, height, width});
}

tn_status tn_graph_shard(tn_graph **out, const tn_graph *g, int shares)
{
    int64_t batch;
    TN_TRY(tn_graph_batch(g, &batch));
    if (batch == 0)
        return tn_fail(TN_ERR_SHAPE, "no input has a batch that %d devices could share", shares);
    const long long below = batch / shares * shares, above = below + shares;
    if (below == 0)
        return tn_fail(TN_ERR_SHAPE, "a batch of %lld cannot be shared by %d devices: %lld can",
                       (long long)batch, shares, above);
    if (below != batch)
        return tn_fail(TN_ERR_SHAPE,
                       "a batch of %lld cannot be shared equally by %d devices: %lld and %lld can",
                       (long long)batch, shares, below, above);
    return tn_graph_resize(out, g, batch / shares);
}
