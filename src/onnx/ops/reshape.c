/* The same elements under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, DepthToSpace, SpaceToDepth. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/ops/_dims.h"

static tn_status give_reshaped(tn_onnx *o, const tn_onnx_node *n, tn_value x,
                               const tn_onnx_dims *from, tn_onnx_dims *to)
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
    tn_onnx_find_open(from, to);
    bool nothing = to->ndim == from->ndim;
    for (int i = 0; nothing && i < to->ndim; i++)
        nothing = tn_onnx_same(from->of[i], to->of[i]);
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
    shape = tn_onnx_told(o, from, to);
    return tn_onnx_give(o, n, 0,
                        tn_reshape(o->g, x, &(tn_reshape_opts){.name = n->name, .shape = shape}));
}

/* ---- reshapes ---------------------------------------------------------------------------------- */

static bool read_target(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_dims *x, tn_onnx_dims *to)
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
    const tn_onnx_merged *merged = tn_onnx_merged_of(n, 0);
    tn_value x;
    tn_onnx_dims to, from = {0};
    bool done = false, plain = false;
    if (!merged && (!tn_onnx_any(o, n, 0, &x) || !x.id))
        return TN_OK;
    if (!merged)
        from = tn_onnx_dims_of(o, x);
    for (; merged && from.ndim < merged->ndim; from.ndim++)
        from.of[from.ndim] = tn_onnx_merged_dim(o, merged, from.ndim);
    if (!read_target(o, n, &from, &to))
        return TN_OK;
    const tn_value all = merged ? merged->x : x;
    TN_TRY(tn_onnx_reshape_merged(o, n, all, merged, &to, &done, &plain));
    if (done)
        return TN_OK;
    if (!plain && merged && (!tn_onnx_any(o, n, 0, &x) || !x.id))
        return TN_OK;
    x = plain ? all : x;
    from = tn_onnx_dims_of(o, x);
    return give_reshaped(o, n, x, &from, &to);
}

static tn_status add_flatten(tn_onnx *o, const tn_onnx_node *n)
{
    int64_t axis = tn_onnx_int(n, "axis", 1), all[2] = {1, 1};
    bool times_n[2] = {false, false};
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    const tn_onnx_dims from = tn_onnx_dims_of(o, x);
    axis += axis < 0 ? from.ndim : 0;
    if (axis == 1 && from.ndim > 1)
        return tn_onnx_give(o, n, 0, tn_flatten(o->g, x, &(tn_layer_opts){n->name}));
    for (int i = 0; i < from.ndim; i++) {
        all[i >= axis] *= from.of[i].whole;
        times_n[i >= axis] |= from.of[i].times_n;
    }
    tn_onnx_dims to = {
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
    tn_onnx_dims to = {0};
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    const tn_onnx_dims from = tn_onnx_dims_of(o, x);
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
    const tn_onnx_dims from = tn_onnx_dims_of(o, x);
    if (!read_axes(o, n, 1, from.ndim, &count, in))
        return TN_OK;
    if (count < 0 || from.ndim + count > TN_MAX_DIMS)
        return tn_onnx_refuse(o, n, "it makes more than %d dimensions, or none", TN_MAX_DIMS);
    tn_onnx_dims to = {.ndim = from.ndim + count};
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
    const tn_onnx_merged *merged = tn_onnx_merged_of(n, 0);
    tn_shape axes = {0}, shape;
    bool same_order = true;
    tn_value x;
    axes.ndim = (int)tn_onnx_ints(n, "perm", axes.dim, TN_MAX_DIMS);
    if (merged && axes.ndim == merged->ndim && tn_onnx_is_order(&axes))
        return tn_onnx_transpose_merged(o, n, merged, &axes);
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
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
