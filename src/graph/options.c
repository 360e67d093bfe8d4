/*
 * options: what the options of several layers have in common, completed and checked; see <tenon/options.h>.
 */
#include <math.h>

#include "graph/graph.h"

bool tn_complete_pair(int pair[2], int fallback)
{
    const bool one = pair[1] == 0;
    if (pair[0] == 0)
        pair[0] = fallback;
    if (one)
        pair[1] = pair[0];
    TN_COMPLETE(pair[0], 0); /* an error tells of 0, not of TN_ZERO */
    TN_COMPLETE(pair[1], 0);
    return one;
}

void tn_complete_pad(int pad[2], bool square)
{
    if (square && pad[1] == 0)
        pad[1] = pad[0];
    TN_COMPLETE(pad[0], 0);
    TN_COMPLETE(pad[1], 0);
}

tn_status tn_complete_axis(const tn_node *n, int *axis, int fallback)
{
    const int ndim = n->x[0].ndim, given = *axis;
    TN_COMPLETE(*axis, fallback);
    if (*axis < 0)
        *axis += ndim;
    if (*axis >= 0 && *axis < ndim)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s %s: input 0 is %s, without an axis %d", n->op->name,
                   n->name, tn_shape_format(&n->x[0]).text, given == 0 ? fallback : given);
}

static tn_status check_number(const tn_node *n, const char *name, const tn_param_spec *spec,
                              float value, float low)
{
    if (isfinite(value) && value >= low)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s %s: %s of %s is %g", n->op->name, n->name, name, spec->name,
                   (double)value);
}

tn_status tn_complete_param(const tn_node *n, tn_param_spec *spec)
{
    tn_param_opts *o = &spec->opts;
    if (o->init.kind < TN_INIT_DEFAULT || o->init.kind > TN_INIT_FAN_IN)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: %d is no way to start %s", n->op->name, n->name,
                       (int)o->init.kind, spec->name);
    if (o->init.kind == TN_INIT_DEFAULT)
        o->init = spec->fallback;
    TN_COMPLETE(o->init.value, o->init.kind == TN_INIT_FAN_IN ? 1 : 0);
    TN_COMPLETE(o->rate, 1);
    TN_COMPLETE(o->decay, 1);
    TN_TRY(check_number(n, "init", spec, o->init.value, -INFINITY));
    TN_TRY(check_number(n, "rate", spec, o->rate, 0));
    return check_number(n, "decay", spec, o->decay, 0);
}

tn_status tn_check_input(const tn_node *n, int i, int ndim)
{
    TN_NEED(n, "n");
    if (n->x_dtype[i] != TN_F32)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: input %d is %s, not f32", n->op->name, n->name, i,
                       tn_dtype_name(n->x_dtype[i]));
    if (ndim && n->x[i].ndim != ndim)
        return tn_fail(TN_ERR_SHAPE, "%s %s: input %d is %s: %d dimensions, not %d", n->op->name,
                       n->name, i, tn_shape_format(&n->x[i]).text, n->x[i].ndim, ndim);
    return TN_OK;
}
