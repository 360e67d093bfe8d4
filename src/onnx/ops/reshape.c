/* The same elements under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, DepthToSpace, SpaceToDepth. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

/* ---- shapes with the batch in them --------------------------------------------------------------- */

typedef struct dims {
    int ndim;
    tn_onnx_number of[TN_MAX_DIMS];
} dims;

static dims dims_of(const tn_onnx *o, tn_value x)
{
    tn_shape shape = {0};
    dims d = {0};
    if (tn_value_shape(o->g, x, &shape) != TN_OK)
        return d;
    for (d.ndim = 0; d.ndim < shape.ndim; d.ndim++)
        d.of[d.ndim] = tn_onnx_dim(o, x, d.ndim);
    return d;
}

static bool same(tn_onnx_number a, tn_onnx_number b)
{
    return a.whole == b.whole && a.times_n == b.times_n;
}

/* How often N is in all of them together, and their product without it; the one that is -1 is left out. */
static int product(const dims *d, int64_t *out)
{
    int power = 0;
    *out = 1;
    for (int i = 0; i < d->ndim; i++)
        if (d->of[i].whole > 0 && *out <= INT64_MAX / d->of[i].whole) {
            *out *= d->of[i].whole;
            power += d->of[i].times_n;
        }
    return power;
}

/* What is left of x's elements, where that follows for any N; else it is left to the graph. */
static void find_open(const dims *x, dims *to)
{
    int64_t all, rest;
    for (int i = 0; i < to->ndim; i++) {
        if (to->of[i].whole != -1)
            continue;
        const int power = product(x, &all) - product(to, &rest);
        if (all % rest == 0 && power >= 0 && power <= 1)
            to->of[i] = (tn_onnx_number){.whole = all / rest, .times_n = power};
        return;
    }
}

/* As tn_reshape() is told: 0 keeps x's dimension, and one is what is left. */
static tn_shape told(const tn_onnx *o, const dims *x, const dims *to)
{
    tn_shape shape = {.ndim = to->ndim};
    bool open = false;
    for (int i = 0; i < to->ndim; i++)
        open |= to->of[i].whole == -1;
    for (int i = 0; i < to->ndim; i++) {
        const tn_onnx_number d = to->of[i];
        shape.dim[i] = d.whole;
        if (!d.times_n)
            continue;
        if (i < x->ndim && same(x->of[i], d)) {
            shape.dim[i] = 0;
        } else {
            shape.dim[i] = open ? d.whole * o->batch : -1;
            open = true;
        }
    }
    return shape;
}

static tn_status give_reshaped(tn_onnx *o, const tn_onnx_node *n, tn_value x, const dims *from,
                               dims *to)
{
    tn_shape shape = {0};
    int64_t count = 1;
    for (int i = 0; i < to->ndim; i++)
        if (to->of[i].whole == 0 || to->of[i].whole < -1 ||
            to->of[i].whole > TN_ONNX_MOST_ELEMENTS / (to->of[i].times_n ? o->batch : 1))
            return tn_onnx_refuse(o, n, "it makes a dimension of %lld elements",
                                  (long long)to->of[i].whole);
    /* A batch that the file has as its number is the batch. */
    if (to->ndim && from->ndim && from->of[0].times_n && !to->of[0].times_n &&
        to->of[0].whole == from->of[0].whole * o->batch)
        to->of[0] = from->of[0];
    find_open(from, to);
    bool nothing = to->ndim == from->ndim;
    for (int i = 0; nothing && i < to->ndim; i++)
        nothing = same(from->of[i], to->of[i]);
    if (nothing)
        return tn_onnx_give(o, n, 0, x);
    if (to->ndim == 0 && !tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (to->ndim == 0 &&
        (tn_value_shape(o->g, x, &shape) != TN_OK || !tn_onnx_count(&shape, &count) || count != 1))
        return tn_onnx_refuse(o, n, "it makes one number of %s", tn_shape_format(&shape).text);
    if (to->ndim == 0)
        return tn_onnx_give(
            o, n, 0, tn_reduce(o->g, x, &(tn_reduce_opts){.name = n->name, .kind = TN_REDUCE_SUM}));
    shape = told(o, from, to);
    return tn_onnx_give(o, n, 0,
                        tn_reshape(o->g, x, &(tn_reshape_opts){.name = n->name, .shape = shape}));
}

/* ---- reshapes ---------------------------------------------------------------------------------- */

static bool read_target(tn_onnx *o, const tn_onnx_node *n, const dims *x, dims *to)
{
    tn_onnx_known *k = tn_onnx_given(n, 1);
    const tn_onnx_number *number = NULL;
    if (!k || tn_onnx_numbers(o, k, &number) != TN_OK || !number || k->count > TN_MAX_DIMS) {
        (void)tn_onnx_refuse(
            o, n, "its shape is not known before the model runs, or of more than %d dimensions",
            TN_MAX_DIMS);
        return false;
    }
    to->ndim = (int)k->count;
    for (int i = 0; i < to->ndim; i++) {
        to->of[i] = number[i];
        if (number[i].whole == 0 && i < x->ndim && !tn_onnx_int(n, "allowzero", 0))
            to->of[i] = x->of[i];
    }
    return true;
}

static tn_status add_reshape(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    dims to;
    if (!tn_onnx_any(o, n, 0, &x) || !x.id)
        return TN_OK;
    const dims from = dims_of(o, x);
    return read_target(o, n, &from, &to) ? give_reshaped(o, n, x, &from, &to) : TN_OK;
}

static tn_status add_flatten(tn_onnx *o, const tn_onnx_node *n)
{
    int64_t axis = tn_onnx_int(n, "axis", 1), all[2] = {1, 1};
    bool times_n[2] = {false, false};
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    const dims from = dims_of(o, x);
    axis += axis < 0 ? from.ndim : 0;
    if (axis == 1 && from.ndim > 1)
        return tn_onnx_give(o, n, 0, tn_flatten(o->g, x, &(tn_layer_opts){n->name}));
    for (int i = 0; i < from.ndim; i++) {
        all[i >= axis] *= from.of[i].whole;
        times_n[i >= axis] |= from.of[i].times_n;
    }
    dims to = {
        2, {{.whole = all[0], .times_n = times_n[0]}, {.whole = all[1], .times_n = times_n[1]}}};
    return give_reshaped(o, n, x, &from, &to);
}

/* Of `ndim` dimensions those in the list; false: refused. */
static bool read_axes(tn_onnx *o, const tn_onnx_node *n, int more, int ndim, int *count,
                      bool marked[TN_MAX_DIMS])
{
    int64_t axes[TN_MAX_DIMS];
    memset(marked, 0, TN_MAX_DIMS * sizeof *marked);
    if (!tn_onnx_wholes(o, n, "axes", 1, axes, TN_MAX_DIMS, count))
        return false;
    ndim += more && *count > 0 ? *count : 0;
    for (int i = 0; i < *count; i++) {
        const int axis = tn_onnx_axis(o, n, ndim, axes[i]);
        if (axis < 0 || axis >= TN_MAX_DIMS)
            return false;
        marked[axis] = true;
    }
    return true;
}

static tn_status add_squeeze(tn_onnx *o, const tn_onnx_node *n)
{
    bool out[TN_MAX_DIMS];
    int count;
    dims to = {0};
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    const dims from = dims_of(o, x);
    if (!read_axes(o, n, 0, from.ndim, &count, out))
        return TN_OK;
    for (int i = 0; i < from.ndim; i++) {
        const bool is_one = from.of[i].whole == 1 &&
                            (!from.of[i].times_n || (o->batch == 1 && (count >= 0 || !o->open)));
        if (count >= 0 && out[i] && !is_one)
            return tn_onnx_refuse(o, n, "dimension %d of its input is not 1", i);
        if (count < 0 ? !is_one : !out[i])
            to.of[to.ndim++] = from.of[i];
    }
    return give_reshaped(o, n, x, &from, &to);
}

static tn_status add_unsqueeze(tn_onnx *o, const tn_onnx_node *n)
{
    bool in[TN_MAX_DIMS];
    int count, at = 0;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    const dims from = dims_of(o, x);
    if (!read_axes(o, n, 1, from.ndim, &count, in))
        return TN_OK;
    if (count < 0 || from.ndim + count > TN_MAX_DIMS)
        return tn_onnx_refuse(o, n, "it makes more than %d dimensions, or none", TN_MAX_DIMS);
    dims to = {.ndim = from.ndim + count};
    for (int i = 0; i < to.ndim && at <= from.ndim; i++)
        to.of[i] = in[i] ? (tn_onnx_number){.whole = 1} : from.of[at++];
    return give_reshaped(o, n, x, &from, &to);
}

/* ---- Transpose --------------------------------------------------------------------------------- */

/* A product reads a matrix either way: a transpose is made when something else reads it. */
static tn_status give_turned(tn_onnx *o, const tn_onnx_node *n, tn_value x, const tn_shape *axes)
{
    tn_onnx_turned *turned = tn_arena_alloc(&o->arena, 1, sizeof *turned);
    if (!turned)
        return tn_no_memory("a model", sizeof *turned);
    *turned = (tn_onnx_turned){x, *axes, n->name};
    n->out[0]->turned = turned;
    return TN_OK;
}

static tn_status add_transpose(tn_onnx *o, const tn_onnx_node *n)
{
    tn_shape axes = {0}, shape;
    bool same_order = true;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    axes.ndim = (int)tn_onnx_ints(n, "perm", axes.dim, TN_MAX_DIMS);
    if (axes.ndim && (axes.ndim != shape.ndim || axes.ndim > TN_MAX_DIMS))
        return tn_onnx_refuse(o, n, "perm has %d numbers, and its input %d dimensions", axes.ndim,
                              shape.ndim);
    for (int i = 0; i < axes.ndim; i++)
        same_order &= axes.dim[i] == i;
    if ((axes.ndim && same_order) || shape.ndim < 2)
        return tn_onnx_give(o, n, 0, x);
    if (tn_onnx_turns_matrices(&axes) && tn_onnx_wants(n, 0))
        return give_turned(o, n, x, &axes);
    return tn_onnx_give(o, n, 0,
                        tn_transpose(o->g, x, &(tn_transpose_opts){.name = n->name, .axes = axes}));
}

/* ---- blocks of pixels as channels, and back ------------------------------------------------------ */

/* A reshape, a permutation, a reshape. */
static tn_status shuffle(tn_onnx *o, const tn_onnx_node *n, tn_value x, tn_shape apart,
                         tn_shape axes, tn_shape together)
{
    x = tn_reshape(o->g, x,
                   &(tn_reshape_opts){.name = tn_onnx_name(o, n, "blocks"), .shape = apart});
    x = tn_transpose(o->g, x,
                     &(tn_transpose_opts){.name = tn_onnx_name(o, n, "moved"), .axes = axes});
    return tn_onnx_give(
        o, n, 0, tn_reshape(o->g, x, &(tn_reshape_opts){.name = n->name, .shape = together}));
}

static bool read_blocks(tn_onnx *o, const tn_onnx_node *n, tn_value *x, tn_shape *shape, int64_t *b)
{
    *b = tn_onnx_int(n, "blocksize", 0);
    if (!tn_onnx_x(o, n, 0, x) || tn_value_shape(o->g, *x, shape) != TN_OK)
        return false;
    if (shape->ndim == 4 && *b > 0 && *b < 65536)
        return true;
    (void)tn_onnx_refuse(o, n, "its input is %s, not N x C x H x W, or its blocks are of %lld",
                         tn_shape_format(shape).text, (long long)*b);
    return false;
}

static tn_status add_depth_to_space(tn_onnx *o, const tn_onnx_node *n)
{
    static const char *const modes[] = {"DCR", "CRD", NULL};
    const int mode = tn_onnx_word(o, n, "mode", modes, 0);
    int64_t b;
    tn_shape s;
    tn_value x;
    if (mode < 0 || !read_blocks(o, n, &x, &s, &b))
        return TN_OK;
    const int64_t C = s.dim[1], H = s.dim[2], W = s.dim[3];
    if (C % (b * b))
        return tn_onnx_refuse(o, n, "%lld channels are no blocks of %lld x %lld", (long long)C,
                              (long long)b, (long long)b);
    const bool by_column = mode == 1;
    return shuffle(o, n, x,
                   by_column ? TN_SHAPE(0, C / (b * b), b, b, H, W)
                             : TN_SHAPE(0, b, b, C / (b * b), H, W),
                   by_column ? TN_SHAPE(0, 1, 4, 2, 5, 3) : TN_SHAPE(0, 3, 4, 1, 5, 2),
                   TN_SHAPE(0, C / (b * b), H * b, W * b));
}

static tn_status add_space_to_depth(tn_onnx *o, const tn_onnx_node *n)
{
    int64_t b;
    tn_shape s;
    tn_value x;
    if (!read_blocks(o, n, &x, &s, &b))
        return TN_OK;
    const int64_t C = s.dim[1], H = s.dim[2], W = s.dim[3];
    if (H % b || W % b)
        return tn_onnx_refuse(o, n, "%lld x %lld are no blocks of %lld x %lld", (long long)H,
                              (long long)W, (long long)b, (long long)b);
    return shuffle(o, n, x, TN_SHAPE(0, C, H / b, b, W / b, b), TN_SHAPE(0, 3, 5, 1, 2, 4),
                   TN_SHAPE(0, C * b * b, H / b, W / b));
}

const tn_onnx_ops tn_onnx_ops_reshape = {{{"Reshape", 5, add_reshape},
                                          {"Flatten", 1, add_flatten},
                                          {"Squeeze", 1, add_squeeze},
                                          {"Unsqueeze", 1, add_unsqueeze},
                                          {"Transpose", 1, add_transpose},
                                          {"DepthToSpace", 1, add_depth_to_space},
                                          {"SpaceToDepth", 1, add_space_to_depth}}};
