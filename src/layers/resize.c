/*
 * resize: images of another size, each pixel of the nearest one of x, or by distance of the four around it.
 *
 *   x  N x C x H x W     y  N x C x P x Q
 *   y[n,c,p,q] = sum over h,w of a[p,h] b[q,w] x[n,c,h,w],   dx[n,c,h,w] = sum over p,q of a[p,h] b[q,w] dy[n,c,p,q]
 *   a[p,h]: NEAREST  1 for h = u rounded as `round` says, and then not outside of [0, H - 1]
 *           LINEAR   1 - |u - h| where that is above 0, u not outside of [0, H - 1]
 *   where u is the place of p, by default (p + 1/2) H / P - 1/2; b likewise of q, W and Q.   Saved for backward: nothing.
 *   tensor/resample.h has u.   Source of the rules: PyTorch's interpolate(), ONNX's Resize.
 */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

static tn_status check_scale(const tn_node *n)
{
    const tn_resize_opts *o = n->opts;
    for (int i = 0; i < 2; i++) {
        const float s = i ? o->column_scale : o->row_scale;
        if (s != 0 && !(s >= 0x1p-16f && s <= 0x1p16f))
            return tn_fail(TN_ERR_ARGUMENT, "resize %s: scale %g is not in [2^-16, 2^16]", n->name,
                           (double)s);
        if (s != 0 && (o->size[0] == 0 || o->place == TN_RESIZE_CORNERS))
            return tn_fail(TN_ERR_ARGUMENT,
                           "resize %s: a scale needs a size, and has nothing to say of corners",
                           n->name);
    }
    return TN_OK;
}

/* P or Q. */
static tn_status find_size(const tn_node *n, int direction, int64_t *out)
{
    const tn_resize_opts *o = n->opts;
    const int64_t in = n->x[0].dim[2 + direction];
    const double size = o->factor > 0 ? floor((double)in * (double)o->factor * (1 + 0x1p-22))
                                      : (double)o->size[direction]; /* 0.7F is below 0.7 */
    if (!(size >= 1 && size <= INT32_MAX && in <= INT32_MAX))
        return tn_fail(TN_ERR_SHAPE, "resize %s: %s would be %g in dimension %d", n->name,
                       tn_shape_format(&n->x[0]).text, size, 2 + direction);
    *out = (int64_t)size;
    return TN_OK;
}

static tn_status infer(tn_node *n)
{
    tn_resize_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 0, 4));
    if ((unsigned)o->kind > TN_RESIZE_LINEAR)
        return tn_fail(TN_ERR_ARGUMENT, "resize %s: %d is no kind", n->name, (int)o->kind);
    if ((unsigned)o->place > TN_RESIZE_SYMMETRIC || (unsigned)o->round > TN_RESIZE_CEIL)
        return tn_fail(TN_ERR_ARGUMENT, "resize %s: there is no place %d or no rounding %d",
                       n->name, (int)o->place, (int)o->round);
    if (o->round != TN_RESIZE_HALF_UP && o->kind != TN_RESIZE_NEAREST)
        return tn_fail(TN_ERR_ARGUMENT, "resize %s: only the nearest is rounded", n->name);
    tn_complete_pair(o->size, 0);
    TN_TRY(check_scale(n));
    TN_COMPLETE(o->factor, 0);
    if (!(o->factor >= 0 && isfinite(o->factor)) || o->size[0] < 0 || o->size[1] < 0 ||
        (o->factor > 0) == (o->size[0] > 0))
        return tn_fail(TN_ERR_ARGUMENT,
                       "resize %s: size %d x %d and factor %g: one of the two is needed, above 0",
                       n->name, o->size[0], o->size[1], (double)o->factor);
    n->y[0] = n->x[0];
    TN_TRY(find_size(n, 0, &n->y[0].dim[2]));
    return find_size(n, 1, &n->y[0].dim[3]);
}

/* Three interpolations, each a difference, a product and a sum. */
static double flops(const tn_node *n)
{
    const bool linear = ((const tn_resize_opts *)n->opts)->kind == TN_RESIZE_LINEAR;
    return linear ? 9.0 * (double)tn_elements(&n->y[0]) : 0;
}

static const char *const kinds[] = {
    [TN_RESIZE_NEAREST] = "nearest",
    [TN_RESIZE_LINEAR] = "linear",
    [TN_RESIZE_LINEAR + 1] = NULL,
};

static const char *const places[] = {
    [TN_RESIZE_MIDDLES] = "middles",  [TN_RESIZE_CORNERS] = "corners",
    [TN_RESIZE_EDGES] = "edges",      [TN_RESIZE_SYMMETRIC] = "symmetric",
    [TN_RESIZE_SYMMETRIC + 1] = NULL,
};

static const char *const rounds[] = {
    [TN_RESIZE_HALF_UP] = "half_up", [TN_RESIZE_HALF_DOWN] = "half_down",
    [TN_RESIZE_FLOOR] = "floor",     [TN_RESIZE_CEIL] = "ceil",
    [TN_RESIZE_CEIL + 1] = NULL,
};

static const tn_attr attrs[] = {
    {"kind", "mode", TN_ATTR_ENUM, offsetof(tn_resize_opts, kind), kinds},
    {"size", NULL, TN_ATTR_INT2, offsetof(tn_resize_opts, size)},
    {"factor", NULL, TN_ATTR_FLOAT, offsetof(tn_resize_opts, factor)},
    {"place", NULL, TN_ATTR_ENUM, offsetof(tn_resize_opts, place), places},
    {"round", NULL, TN_ATTR_ENUM, offsetof(tn_resize_opts, round), rounds},
    {"row_scale", NULL, TN_ATTR_FLOAT, offsetof(tn_resize_opts, row_scale)},
    {"column_scale", NULL, TN_ATTR_FLOAT, offsetof(tn_resize_opts, column_scale)},
    {0},
};

const tn_op tn_op_resize = {
    .name = "resize",
    .onnx = "Resize",
    .opts_size = sizeof(tn_resize_opts),
    .opts_needed = true,
    .attrs = attrs,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .flops = flops,
};

tn_value tn_resize(tn_graph *g, tn_value x, const tn_resize_opts *opts)
{
    return tn_graph_add(g, &tn_op_resize, opts ? opts->name : NULL, 1, &x, opts);
}
