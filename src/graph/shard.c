/*
 * shard: the same graph for a share of the batch. The batch is dimension 0 of every input; all other shapes
 * follow from theirs. Nodes keep their names, and values are those of the whole
 * graph, so that what names one of it names one of the shard.
 */
#include "graph/graph.h"

static tn_status check_inputs(const tn_graph *g, int shares)
{
    const tn_node *first = NULL;
    for (size_t i = 0; i < g->num_nodes; i++) {
        const tn_node *n = g->node[i];
        if (n->op != &tn_op_input)
            continue;
        const long long rows = n->y[0].ndim ? n->y[0].dim[0] : 0;
        first = first ? first : n;
        if (n->y[0].ndim == 0 || rows != first->y[0].dim[0])
            return tn_fail(TN_ERR_SHAPE,
                           "input %s is %s, %s: several devices share the batch, the first "
                           "dimension of every input, which must be the same",
                           n->name, tn_shape_format(&n->y[0]).text,
                           n == first ? "a scalar" : "unlike the inputs before it");
        if (rows % shares == 0)
            continue;
        const long long below = rows / shares * shares, above = below + shares;
        if (below == 0)
            return tn_fail(TN_ERR_SHAPE, "a batch of %lld cannot be shared by %d devices: %lld can",
                           rows, shares, above);
        return tn_fail(TN_ERR_SHAPE,
                       "a batch of %lld cannot be shared equally by %d devices: %lld and %lld can",
                       rows, shares, below, above);
    }
    return TN_OK;
}

static tn_status copy_nodes(const tn_graph *from, int shares, tn_graph *to)
{
    for (size_t i = 0; i < from->num_nodes; i++) {
        const tn_node *n = from->node[i];
        tn_value in[TN_MAX_IN];
        if (n->op == &tn_op_input) {
            tn_shape shape = n->y[0];
            shape.dim[0] /= shares;
            tn_input(to, n->name, n->y_dtype[0], shape);
            continue;
        }
        for (int j = 0; j < n->num_in; j++)
            in[j] = (tn_value){n->in[j], to->number};
        tn_graph_add(to, n->op, n->name, n->num_in, in, n->given);
    }
    return tn_graph_status(to);
}

tn_status tn_graph_shard(tn_graph **out, const tn_graph *g, int shares)
{
    tn_graph *shard = NULL;
    TN_TRY(check_inputs(g, shares));
    TN_TRY(tn_graph_create(&shard));
    shard->number = g->number;
    const tn_status status = copy_nodes(g, shares, shard);
    if (status != TN_OK) {
        tn_graph_destroy(shard);
        return status;
    }
    *out = shard;
    return TN_OK;
}
