/*
 * custom: y = what functions of the program make of x, on the host.
 *
 *   x  any, of any type.   y  what infer() says, f32.   dx = backward()'s.
 *
 * No backend has a kernel for it: the plan calls the functions (plan/host.c).
 */
#include <tenon/custom.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status ask(const tn_custom_opts *o, tn_node *n)
{
    tn_tensor x[TN_MAX_IN];
    for (int i = 0; i < n->num_in; i++)
        x[i] = (tn_tensor){n->x_dtype[i], n->x[i], NULL};
    return o->infer ? o->infer(o->arg, n->num_in, x, &n->y[0]) : TN_OK;
}

static tn_status infer(tn_node *n)
{
    const tn_custom_opts *o = n->opts;
    int64_t count;
    if (!o->forward)
        return tn_fail(TN_ERR_ARGUMENT, "custom %s: it has no forward()", n->name);
    n->y[0] = n->x[0];
    tn_error_kept kept;
    tn_foreign_begin(&kept);
    TN_TRY(tn_foreign_end(&kept, ask(o, n), "custom %s: infer", n->name));
    if (tn_shape_count(&n->y[0], &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "custom %s: infer: y: %s", n->name, tn_error());
    for (int i = 0; i < n->num_in && o->mixes_rows; i++)
        if (n->x_batch[i] != TN_BATCH_NONE)
            n->y_batch[0] = TN_BATCH_MIXED;
    return TN_OK;
}

const tn_op tn_op_custom = {
    .name = "custom",
    .opts_size = sizeof(tn_custom_opts),
    .opts_needed = true,
    .host = true,
    .min_in = 1,
    .max_in = TN_MAX_IN,
    .infer = infer,
};

tn_value tn_custom(tn_graph *g, int n, const tn_value *x, const tn_custom_opts *opts)
{
    return tn_graph_add(g, &tn_op_custom, opts ? opts->name : NULL, n, x, opts);
}
