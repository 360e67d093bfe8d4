/*
 * batch: what a node's outputs have to do with the batch, where infer leaves it to the op's rule (op.h).
 */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

/* What is made of several values none of which has rows. */
static int8_t without_rows(const tn_node *n)
{
    int means = 0;
    for (int i = 0; i < n->num_in; i++) {
        if (n->x_batch[i] == TN_BATCH_MIXED)
            return TN_BATCH_MIXED;
        means += n->x_batch[i] == TN_BATCH_MEAN;
    }
    if (means == 0)
        return TN_BATCH_NONE;
    const bool linear =
        n->op->batch == TN_BATCH_SUM || (n->op->batch == TN_BATCH_PRODUCT && means == 1);
    return linear ? TN_BATCH_MEAN : TN_BATCH_MIXED;
}

/* Row n of y is made of row n of each x. */
static int8_t by_rows(const tn_node *n, const tn_shape *y)
{
    int64_t rows = -1;
    for (int i = 0; i < n->num_in; i++) {
        if (n->x_batch[i] == TN_BATCH_NONE)
            continue;
        if (n->x_batch[i] != 0 || (rows >= 0 && n->x[i].dim[0] != rows))
            return TN_BATCH_MIXED;
        rows = n->x[i].dim[0];
    }
    return y->ndim > 0 && y->dim[0] == rows ? 0 : TN_BATCH_MIXED;
}

/* Element by element: shapes meet at their last dimensions. */
static int8_t by_elements(const tn_node *n, const tn_shape *y)
{
    int batch = -1;
    for (int i = 0; i < n->num_in; i++) {
        const int ahead = y->ndim - n->x[i].ndim, b = n->x_batch[i];
        if (b == TN_BATCH_NONE)
            continue;
        if (b < 0 || ahead < 0 || n->x[i].dim[b] != y->dim[ahead + b] ||
            (batch >= 0 && batch != ahead + b))
            return TN_BATCH_MIXED;
        batch = ahead + b;
    }
    for (int i = 0; i < n->num_in; i++) { /* one that has no batch must not tell rows apart */
        const int at = batch - (y->ndim - n->x[i].ndim);
        if (n->x_batch[i] == TN_BATCH_NONE && at >= 0 && n->x[i].dim[at] != 1)
            return TN_BATCH_MIXED;
    }
    return (int8_t)batch;
}

/* Means over rows know them as dimension 0, or would take what only fills the batch up for samples. */
static tn_status check_rows(const tn_node *n)
{
    for (int i = 0; i < n->num_in; i++)
        if (n->x_batch[i] > 0)
            return tn_fail(
                TN_ERR_SHAPE,
                "%s %s: the batch of input %d, %s, is its dimension %d: the mean is over "
                "rows, dimension 0",
                n->op->name, n->name, i, tn_shape_format(&n->x[i]).text, n->x_batch[i]);
    return TN_OK;
}

static int8_t over_rows(const tn_node *n)
{
    int64_t rows = -1;
    for (int i = 0; i < n->num_in; i++) {
        if (n->x_batch[i] != 0 || (rows >= 0 && n->x[i].dim[0] != rows))
            return TN_BATCH_MIXED;
        rows = n->x[i].dim[0];
    }
    return TN_BATCH_MEAN;
}

tn_status tn_complete_batch(tn_node *n)
{
    bool any = false;
    for (int i = 0; i < n->num_in; i++)
        any |= n->x_batch[i] >= 0;
    if (n->op->batch == TN_BATCH_OVER)
        TN_TRY(check_rows(n));
    for (int i = 0; i < n->num_out; i++) {
        if (n->y_batch[i] != TN_BATCH_UNKNOWN)
            continue;
        if (!any)
            n->y_batch[i] = without_rows(n);
        else if (n->op->batch == TN_BATCH_OVER)
            n->y_batch[i] = over_rows(n);
        else if (n->op->batch == TN_BATCH_ROWS)
            n->y_batch[i] = by_rows(n, &n->y[i]);
        else
            n->y_batch[i] = by_elements(n, &n->y[i]);
    }
    return TN_OK;
}

int tn_value_batch(const tn_graph *g, tn_value v)
{
    if (!v.id || v.graph != g->number || (size_t)v.id > g->num_values)
        return TN_BATCH_NONE;
    return tn_graph_node_of(g, v.id)->y_batch[g->value[v.id - 1].index];
}

tn_batch_text tn_format_batch(const tn_graph *g, const tn_node *n)
{
    static const char *const other[] = {"no batch", "a mean over it", "rows of it mixed"};
    tn_batch_text t = {""};
    for (int i = 0; i < n->num_in; i++) {
        const size_t length = strlen(t.text), room = sizeof t.text - length;
        const char *comma = i ? ", " : "", *name = g->node[g->value[n->in[i] - 1].node]->name;
        const int batch = n->x_batch[i];
        if (batch >= 0)
            snprintf(t.text + length, room, "%s%s (the batch is dimension %d)", comma, name, batch);
        else
            snprintf(t.text + length, room, "%s%s (%s)", comma, name, other[-1 - batch]);
    }
    return t;
}
