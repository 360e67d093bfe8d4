/**
 * @file
 * Layers that move elements, multiply matrices, or make fewer or more elements of what there are.
 *
 * Values are row major: of a x b x c the last dimension lies together. An axis is a dimension by its number, from 0; -1 is
 * the last, -2 the one before it. A list (a shape, axes, a permutation) is a tn_shape: `.axes = TN_SHAPE(2, 3)`; with no
 * dimensions it is not given. All values are f32 but where i32 is said; what is said of options, names and errors in layers.h holds here.
 *
 * Threads: as graph.h has it.
 */
#ifndef TENON_SHAPES_H
#define TENON_SHAPES_H

#include <stdbool.h>

#include <tenon/graph.h>
#include <tenon/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the same elements --------------------------------------------------------------------- */

/**
 * The same elements, of any type, in the same order, in other dimensions. Moves nothing.
 *
 * In `shape` 0 is the dimension that x has there, and one may be -1: what is left of x's elements. So
 * {0, 8, -1} splits what follows the batch, whatever that is. Keep the batch by 0 (or -1), not by its number: then the
 * graph can be planned for other batches and for several devices.
 */
typedef struct tn_reshape_opts {
    const char *name;
    tn_shape shape; /**< required */
} tn_reshape_opts;
TN_API tn_value tn_reshape(tn_graph *g, tn_value x, const tn_reshape_opts *opts);

/**
 * Slices of x along an axis by their numbers: y[..., i, ...] = x[..., indices[i], ...].
 *
 * x: any shape;  indices: i32, any shape;  y: x's shape, with that of indices in place of the axis. Numbers below 0 count
 * from behind. Any that there is not makes the run fail with TN_ERR_ARGUMENT, which names it. The gradient of x is the sum of
 * those of all y that are it; so of x a tn_param() V x D and indices N x T words become N x T x D.
 *
 * With `each` there is an index for each element: indices have x's dimensions, but for the axis, and y has those of indices:
 * y[..., j, i] = x[..., indices[..., j, i], i], as PyTorch's gather().
 */
typedef struct tn_gather_opts {
    const char *name;
    int axis;  /**< default 0; -1: the last */
    bool each; /**< an index for each element */
} tn_gather_opts;
TN_API tn_value tn_gather(tn_graph *g, tn_value x, tn_value indices, const tn_gather_opts *opts);

/** y's dimension i is x's dimension axes[i]: of x, a x b x c, axes {1, 2, 0} make b x c x a. */
typedef struct tn_transpose_opts {
    const char *name;
    tn_shape axes; /**< each axis once; default: all the other way round */
} tn_transpose_opts;
TN_API tn_value tn_transpose(tn_graph *g, tn_value x, const tn_transpose_opts *opts);

/**
 * Of each dimension the elements begin, begin + step, ... that lie before `end`, as NumPy's x[begin:end:step].
 *
 * The lists may be shorter than x has dimensions: those behind are taken whole. Numbers below 0 count from behind
 * (begin -1: the last), those out of range are drawn to it; so an end of INT64_MAX is all. A step below 0 goes
 * backwards, from `begin` to the last one behind `end`; there an end of INT64_MIN is all. What is left out gets no gradient.
 */
typedef struct tn_slice_opts {
    const char *name;
    tn_shape begin; /**< default: the first; the last one, where step is below 0 */
    tn_shape end;   /**< default: all */
    tn_shape step;  /**< default 1; not 0 */
} tn_slice_opts;
TN_API tn_value tn_slice(tn_graph *g, tn_value x, const tn_slice_opts *opts);

/**
 * x in parts one after the other along an axis: `count` equal ones, or parts of the given sizes, together all of it. Parts
 * are slices, by the name and "_0", "_1" and so on.
 */
typedef struct tn_split_opts {
    const char *name;
    int axis;       /**< default 1; TN_ZERO: 0 */
    int count;      /**< divides that dimension; or else */
    tn_shape sizes; /**< one for each part, up to 8 */
} tn_split_opts;
/** @param out  as many values as there are parts; zero handles if it fails */
TN_API void tn_split(tn_graph *g, tn_value x, const tn_split_opts *opts, tn_value *out);

typedef enum tn_pad_kind {
    TN_PAD_CONSTANT, /**< `value` around x */
    TN_PAD_EDGE,     /**< what is nearest: a a a b c c */
    TN_PAD_REFLECT /**< x again, as in a mirror at its first and last element: c b a b c b; less than the dimension */
} tn_pad_kind;

/**
 * x with elements around it: `before` and `after` it in each dimension. The lists may be shorter than x has dimensions:
 * those behind stay. EDGE and REFLECT are made of slices and concats.
 */
typedef struct tn_pad_opts {
    const char *name;
    tn_pad_kind kind;
    tn_shape before, after; /**< not below 0; default: none, but one of the two is needed */
    float value;            /**< default 0 */
} tn_pad_opts;
TN_API tn_value tn_pad(tn_graph *g, tn_value x, const tn_pad_opts *opts);

/**
 * x again and again, up to `shape`: from the last dimension on, each of x's is that of `shape` or 1; ones that x
 * lacks in front are made. 0 in `shape` is the dimension that x has there, counted from behind.
 * The gradient is the sum over all that one element became.
 */
typedef struct tn_broadcast_to_opts {
    const char *name;
    tn_shape shape; /**< required */
} tn_broadcast_to_opts;
TN_API tn_value tn_broadcast_to(tn_graph *g, tn_value x, const tn_broadcast_to_opts *opts);

/* ---- products ------------------------------------------------------------------------------ */

/**
 * y = a b, matrices in the last two dimensions.   a: ... x M x K;  b: ... x K x N;  y: ... x M x N.
 *
 * What stands in front of them is a batch of products; its dimensions broadcast: from the last on each is the same in a
 * and b, or 1, or not there. So b may be one K x N for all of a. Gradients are summed over what was broadcast.
 */
typedef struct tn_matmul_opts {
    const char *name;
    bool transpose_a; /**< a is ... x K x M */
    bool transpose_b; /**< b is ... x N x K */
} tn_matmul_opts;
TN_API tn_value tn_matmul(tn_graph *g, tn_value a, tn_value b, const tn_matmul_opts *opts);

/* ---- fewer --------------------------------------------------------------------------------- */

typedef enum tn_reduce_kind {
    TN_REDUCE_MEAN,
    TN_REDUCE_SUM,
    TN_REDUCE_MAX, /**< NaN if there is one; the largest ones share the gradient evenly, as in PyTorch's amax */
    TN_REDUCE_MIN /**< likewise */
} tn_reduce_kind;

/**
 * The mean, sum, maximum or minimum over some dimensions.
 *
 * Over the batch only rows that hold a sample count (tn_plan_run()): in a plan that has labels the rows behind them enter
 * neither a sum nor a mean and get no gradient; without any sample the result is 0. Several devices can share a mean
 * over the batch, as they do a loss, but no sum, maximum or minimum.
 */
typedef struct tn_reduce_opts {
    const char *name;
    tn_reduce_kind kind; /**< default: the mean */
    tn_shape axes;       /**< default: all */
    bool keep;           /**< dimensions that are reduced stay, as 1 */
} tn_reduce_opts;
TN_API tn_value tn_reduce(tn_graph *g, tn_value x, const tn_reduce_opts *opts);

/** The largest elements along an axis and where they are, two values of the same shape. */
typedef struct tn_top {
    tn_value values;  /**< f32; has no gradient */
    tn_value indices; /**< i32: their places along the axis, from 0 */
} tn_top;

/**
 * The k largest elements along an axis, the largest first.   x: any shape;  both results: x's shape, k along the axis.
 *
 * Of equal ones the first comes first. A NaN is larger than anything, as in PyTorch; with `smallest` it comes first, too.
 */
typedef struct tn_top_k_opts {
    const char *name;
    int k;    /**< required; not more than there are */
    int axis; /**< default 1, K of N x K and channels of images; TN_ZERO: the first; -1: the last */
    bool smallest; /**< the smallest ones, the smallest first */
    bool last;     /**< of equal ones the last comes first */
    bool drop;     /**< of k 1: the results do not have the axis */
} tn_top_k_opts;
TN_API tn_top tn_top_k(tn_graph *g, tn_value x, const tn_top_k_opts *opts);

/** Where the largest element along an axis is: the indices of tn_top_k() with k 1. i32, x's shape without the axis. */
typedef struct tn_argmax_opts {
    const char *name;
    int axis;      /**< as of tn_top_k() */
    bool keep;     /**< the axis stays, as 1 */
    bool smallest; /**< where the smallest is */
    bool last;     /**< of equal ones the last */
} tn_argmax_opts;
TN_API tn_value tn_argmax(tn_graph *g, tn_value x, const tn_argmax_opts *opts);

/* ---- images -------------------------------------------------------------------------------- */

typedef enum tn_resize_kind {
    TN_RESIZE_NEAREST, /**< the pixel that is nearest */
    TN_RESIZE_LINEAR   /**< between the four around it, by their distance */
} tn_resize_kind;

/** Where the middle of row p of y lies in x, in rows; columns likewise. s is P / H, or as options say. */
typedef enum tn_resize_place {
    TN_RESIZE_MIDDLES,  /**< (p + 1/2) / s - 1/2: pixels are squares that fill the image */
    TN_RESIZE_CORNERS,  /**< p (H - 1) / (P - 1), 0 if P is 1: first on first, last on last */
    TN_RESIZE_EDGES,    /**< p / s: first on first */
    TN_RESIZE_SYMMETRIC /**< as MIDDLES, and what s leaves over of y lies on both sides alike */
} tn_resize_place;

/** Which pixel is the nearest. */
typedef enum tn_resize_round {
    TN_RESIZE_HALF_UP,   /**< of two as near the one behind */
    TN_RESIZE_HALF_DOWN, /**< the one before */
    TN_RESIZE_FLOOR,     /**< always the one before */
    TN_RESIZE_CEIL       /**< always the one behind */
} tn_resize_round;

/**
 * Images of another size.   x: N x C x H x W;  y: N x C x P x Q.
 *
 * P and Q are said by `size`, or are H and W times `factor`, rounded down. Rows outside of x are its first or last one.
 * The defaults are PyTorch's interpolate() ("nearest-exact"; "bilinear" with recompute_scale_factor). Nothing is averaged where
 * y is smaller. Positions are whole fractions, so that rounding is the same everywhere: a `scale` is taken for the simplest
 * fraction that it can be, 0.6 for 3 / 5.
 */
typedef struct tn_resize_opts {
    const char *name;
    tn_resize_kind kind;
    int size[2];           /**< P, Q; one number is for both. This, or */
    float factor;          /**< above 0, of both */
    tn_resize_place place; /**< default MIDDLES */
    tn_resize_round round; /**< of NEAREST alone; default HALF_UP */
    float row_scale,
        column_scale; /**< s, where that is not P / H or Q / W; from 2^-16 to 2^16; they need
                                        `size` */
} tn_resize_opts;
TN_API tn_value tn_resize(tn_graph *g, tn_value x, const tn_resize_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
