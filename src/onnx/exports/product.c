/* Products of matrices, and what normalises. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/export.h"

static void write_dense(tn_onnx_out *e, const tn_node *n)
{
    const char *x = tn_onnx_x_name(e, n, 0), *w = tn_onnx_weight_name(e, n, 0, NULL),
               *b = n->num_params > 1 ? tn_onnx_weight_name(e, n, 1, NULL) : "";
    if (n->x[0].ndim > 2) {
        const char *flat = tn_onnx_part_name(e, n, "flat");
        TN_ONNX_PLAIN(e, "Flatten", flat, x);
        x = flat;
    }
    TN_ONNX_NODE(e, "Gemm", tn_onnx_y_name(e, n), x, w, b);
    tn_onnx_put_int(e, "transB", 1);
    tn_onnx_end(e);
}

/* The last two dimensions the other way round. */
static const char *turned(tn_onnx_out *e, const tn_node *n, int i, const char *part)
{
    const char *x = tn_onnx_x_name(e, n, i), *y = tn_onnx_part_name(e, n, part);
    const int ndim = n->x[i].ndim;
    int64_t perm[TN_MAX_DIMS];
    for (int k = 0; k < ndim; k++)
        perm[k] = k < ndim - 2 ? k : 2 * ndim - 3 - k;
    TN_ONNX_NODE(e, "Transpose", y, x);
    tn_onnx_put_ints(e, "perm", perm, ndim);
    tn_onnx_end(e);
    return y;
}

static void write_matmul(tn_onnx_out *e, const tn_node *n)
{
    const tn_matmul_opts *o = n->opts;
    const char *a = o->transpose_a ? turned(e, n, 0, "a") : tn_onnx_x_name(e, n, 0),
               *b = o->transpose_b ? turned(e, n, 1, "b") : tn_onnx_x_name(e, n, 1);
    TN_ONNX_PLAIN(e, "MatMul", tn_onnx_y_name(e, n), a, b);
}

/* ---- normalisation ---------------------------------------------------------------------------- */

/* Its momentum is the part of the running ones that stays. */
static void write_batchnorm(tn_onnx_out *e, const tn_node *n)
{
    const tn_batchnorm_opts *o = n->opts;
    TN_ONNX_NODE(e, "BatchNormalization", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0),
                 tn_onnx_weight_name(e, n, 0, NULL), tn_onnx_weight_name(e, n, 1, NULL),
                 tn_onnx_weight_name(e, n, 2, NULL), tn_onnx_weight_name(e, n, 3, NULL));
    tn_onnx_put_real(e, "epsilon", o->epsilon);
    tn_onnx_put_real(e, "momentum", 1 - o->momentum);
    tn_onnx_end(e);
}

/* Which parameter is the weight (0) or bias (1); NULL: there is none. */
static const char *param(tn_onnx_out *e, const tn_node *n, bool bias, const tn_shape *shape)
{
    const tn_normalize_opts *o = n->opts;
    if (bias ? o->no_bias : o->no_weight)
        return NULL;
    return tn_onnx_weight_name(e, n, bias && !o->no_weight, shape);
}

static void write_layer_norm(tn_onnx_out *e, const tn_node *n)
{
    const tn_normalize_opts *o = n->opts;
    tn_shape last = {o->dims};
    for (int i = 0; i < o->dims; i++)
        last.dim[i] = n->x[0].dim[n->x[0].ndim - o->dims + i];
    const char *w = param(e, n, false, NULL), *b = param(e, n, true, NULL);
    w = w ? w : tn_onnx_fill_name(e, n, "weight", &last, 1);
    TN_ONNX_NODE(e, "LayerNormalization", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), w,
                 b ? b : "");
    tn_onnx_put_int(e, "axis", -o->dims);
    tn_onnx_put_real(e, "epsilon", o->epsilon);
    tn_onnx_end(e);
}

static void write_instance_norm(tn_onnx_out *e, const tn_node *n, const char *y, const char *x,
                                const char *w, const char *b)
{
    const tn_normalize_opts *o = n->opts;
    TN_ONNX_NODE(e, "InstanceNormalization", y, x, w, b);
    tn_onnx_put_real(e, "epsilon", o->epsilon);
    tn_onnx_end(e);
}

/* Groups are channels of their own for a moment: N x groups x all that is in one. */
static void write_group_norm(tn_onnx_out *e, const tn_node *n)
{
    const tn_normalize_opts *o = n->opts;
    const tn_shape groups = TN_SHAPE(o->groups);
    tn_shape channels = TN_SHAPE(n->x[0].dim[1]);
    for (; channels.ndim < n->x[0].ndim - 1; channels.ndim++)
        channels.dim[channels.ndim] = 1;
    const char *x = tn_onnx_x_name(e, n, 0), *shape = tn_onnx_part_name(e, n, "shape"),
               *grouped = tn_onnx_part_name(e, n, "grouped"),
               *even = tn_onnx_part_name(e, n, "even"), *w = param(e, n, false, &channels),
               *b = param(e, n, true, &channels),
               *ones = tn_onnx_fill_name(e, n, "ones", &groups, 1),
               *zeros = tn_onnx_fill_name(e, n, "zeros", &groups, 0),
               *lines = tn_onnx_list_name(e, n, "lines", (const int64_t[]){0, o->groups, -1}, 3);
    TN_ONNX_PLAIN(e, "Shape", shape, x);
    TN_ONNX_PLAIN(e, "Reshape", grouped, x, lines);
    write_instance_norm(e, n, even, grouped, ones, zeros);
    const char *y = w || b ? tn_onnx_part_name(e, n, "normal") : tn_onnx_y_name(e, n);
    TN_ONNX_PLAIN(e, "Reshape", y, even, shape);
    if (w) {
        const char *times = b ? tn_onnx_part_name(e, n, "times") : tn_onnx_y_name(e, n);
        TN_ONNX_PLAIN(e, "Mul", times, y, w);
        y = times;
    }
    if (b)
        TN_ONNX_PLAIN(e, "Add", tn_onnx_y_name(e, n), y, b);
}

static void write_normalize(tn_onnx_out *e, const tn_node *n)
{
    const tn_normalize_opts *o = n->opts;
    const tn_shape channels = TN_SHAPE(n->x[0].dim[1]);
    if (o->kind == TN_NORM_LAYER) {
        write_layer_norm(e, n);
    } else if (o->kind == TN_NORM_GROUP) {
        write_group_norm(e, n);
    } else {
        const char *w = param(e, n, false, NULL), *b = param(e, n, true, NULL);
        w = w ? w : tn_onnx_fill_name(e, n, "weight", &channels, 1);
        b = b ? b : tn_onnx_fill_name(e, n, "bias", &channels, 0);
        write_instance_norm(e, n, tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), w, b);
    }
}

const tn_onnx_writers tn_onnx_writers_product = {{{"dense", 0, write_dense},
                                                  {"matmul", 0, write_matmul},
                                                  {"batchnorm", 0, write_batchnorm},
                                                  {"normalize", 0, write_normalize}}};
