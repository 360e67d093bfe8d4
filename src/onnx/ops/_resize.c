#include "onnx/ops/_resize.h"

#include <math.h>
#include <stdio.h>

#include <tenon/shapes.h>

/* Where number p of an axis lies in x. */
static double place_of(const tn_onnx_resize *r, int axis, int64_t p)
{
    const double in = (double)r->in.dim[axis], out = (double)r->out.dim[axis];
    const double s = tn_onnx_is_ratio(r, axis) ? out / in : (double)r->scale[axis];
    const double middle = ((double)p + 0.5) / s - 0.5;
    switch (r->places) {
    case TN_ONNX_ALIGN_CORNERS:
        return out > 1 ? (double)p * (in - 1) / (out - 1) : 0;
    case TN_ONNX_ASYMMETRIC:
        return (double)p / s;
    case TN_ONNX_TF_HALF_PIXEL:
        return middle + 0.5;
    case TN_ONNX_PYTORCH_HALF_PIXEL:
        return out > 1 ? middle : 0;
    case TN_ONNX_HALF_PIXEL_SYMMETRIC:
        return middle + in / 2 * (1 - out / (s * in));
    default:
        return middle;
    }
}

static double rounded(const tn_onnx_resize *r, int axis, double u)
{
    switch (r->rounds) {
    case TN_ONNX_INWARDS:
        return r->scale[axis] < 1 ? ceil(u) : floor(u);
    case TN_ONNX_PREFER_CEIL:
        return floor(u + 0.5);
    case TN_ONNX_FLOOR:
        return floor(u);
    case TN_ONNX_CEIL:
        return ceil(u);
    default:
        return ceil(u - 0.5);
    }
}

/* Weight of a pixel at that distance. Source of the cubic: Keys 1981. */
static double weight_at(const tn_onnx_resize *r, double distance)
{
    const double d = fabs(distance), a = r->a;
    if (r->mode == TN_ONNX_LINEAR)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* The weights of one pixel of y, a row of the matrix, which is 0. */
static void fill_row(const tn_onnx_resize *r, int axis, int64_t p, double *row)
{
    const int64_t in = r->in.dim[axis];
    double u = place_of(r, axis, p), sum = 0;
    if (r->mode == TN_ONNX_NEAREST)
        u = rounded(r, axis, u);
    if (r->mode != TN_ONNX_CUBIC)
        u = fmin(fmax(u, 0), (double)(in - 1));
    if (r->mode == TN_ONNX_NEAREST) {
        row[(int64_t)u] = 1;
        return;
    }
    const double first = fmin(fmax(floor(u) - 1, -4), (double)in + 4);
    for (int k = 0; k < 4; k++) {
        const double at = first + k, weight = weight_at(r, u - at);
        const double inside = fmin(fmax(at, 0), (double)(in - 1));
        if (r->exclude && inside != at)
            continue;
        row[(int64_t)inside] += weight;
        sum += weight;
    }
    for (int64_t i = 0; i < in && r->exclude; i++)
        row[i] /= sum;
}

enum { MOST_WEIGHTS = 1 << 24 };

/* The matrix of an axis, of as many rows as y has; the zero handle: refused, or the graph has failed. */
static tn_value matrix_of(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_resize *r, int axis)
{
    const int64_t in = r->in.dim[axis], out = r->out.dim[axis];
    char part[24];
    snprintf(part, sizeof part, "weights_%d", axis);
    if (in > MOST_WEIGHTS / out) {
        (void)tn_onnx_refuse(o, n, "it makes %lld of %lld, by more than %d weights", (long long)out,
                             (long long)in, MOST_WEIGHTS);
        return (tn_value){0};
    }
    double *row = tn_alloc((size_t)in, sizeof *row);
    float *data = tn_alloc((size_t)(in * out), sizeof *data);
    for (int64_t p = 0; p < out && row && data; p++) {
        for (int64_t i = 0; i < in; i++)
            row[i] = 0;
        fill_row(r, axis, p, row);
        for (int64_t i = 0; i < in; i++)
            data[p * in + i] = (float)row[i];
    }
    const bool made = row && data;
    tn_free(row);
    if (!made) {
        tn_free(data);
        return tn_graph_refuse(o->g, tn_no_memory("weights", (size_t)(in * out) * sizeof *data));
    }
    return tn_onnx_constant(o, tn_onnx_name(o, n, part), TN_SHAPE(out, in), data);
}

/* Of x, whose dimensions before `axis` are y's already: N x what follows it x in x what is behind. */
static tn_value multiply(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_resize *r, int axis,
                         tn_value x)
{
    const int64_t in = r->in.dim[axis];
    int64_t between = 1, behind = 1;
    char part[24];
    const tn_value weights = matrix_of(o, n, r, axis);
    if (!weights.id)
        return weights;
    for (int i = 1; i < r->in.ndim; i++) {
        between *= i < axis ? r->out.dim[i] : 1;
        behind *= i > axis ? r->in.dim[i] : 1;
    }
    snprintf(part, sizeof part, "lines_%d", axis);
    x = tn_onnx_reshape(o, n, part, x,
                        behind > 1 ? TN_SHAPE(0, between, in, behind) : TN_SHAPE(0, between, in));
    snprintf(part, sizeof part, "resized_%d", axis);
    const tn_matmul_opts opts = {.name = tn_onnx_name(o, n, part), .transpose_b = behind == 1};
    return behind > 1 ? tn_matmul(o->g, weights, x, &opts) : tn_matmul(o->g, x, weights, &opts);
}

tn_value tn_onnx_resize_by_products(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_resize *r,
                                    tn_value x)
{
    tn_shape shape = r->out;
    for (int i = 1; i < r->in.ndim && x.id; i++)
        if (tn_onnx_resizes(r, i))
            x = multiply(o, n, r, i, x);
    shape.dim[0] = 0;
    if (!x.id)
        return x;
    return tn_reshape(o->g, x, &(tn_reshape_opts){.name = n->name, .shape = shape});
}
