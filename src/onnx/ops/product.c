/* Gemm and MatMul: a dense layer where the second matrix is known. */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/table.h"

/* ---- dense ------------------------------------------------------------------------------------ */

/* The D x K (or, if it lies so already, K x D) numbers of a matrix as weights K x D, times a factor. */
static tn_value weights_of(tn_onnx *o, const tn_onnx_node *n, int i, bool is_kxd, float factor)
{
    tn_onnx_known *k = n->in[i]->known;
    tn_value v;
    float *from = NULL, *to;
    if (is_kxd && factor == 1)
        return tn_onnx_param(o, n, i, NULL, &v) ? v : (tn_value){0};
    const int64_t K = k->shape.dim[!is_kxd], D = k->shape.dim[is_kxd];
    tn_status status = tn_onnx_copy(o, k, &from);
    to = status == TN_OK ? tn_alloc((size_t)k->count, sizeof *to) : NULL;
    if (!to) {
        tn_free(from);
        return tn_graph_refuse(o->g, status == TN_OK ? tn_no_memory("weights", (size_t)k->count)
                                                     : status);
    }
    for (int64_t row = 0; row < K; row++)
        for (int64_t column = 0; column < D; column++)
            to[row * D + column] = factor * from[is_kxd ? row * D + column : column * K + row];
    tn_free(from);
    return tn_onnx_new_param(o, n->in[i]->name, TN_SHAPE(K, D), to);
}

/* A bias of dense: K numbers, or one that is taken again for each, times a factor. */
static bool is_bias(const tn_onnx_known *k, int64_t K)
{
    return k && (k->count == K || k->count == 1) &&
           (k->shape.ndim == 0 || k->shape.dim[k->shape.ndim - 1] == k->count);
}

static tn_value bias_of(tn_onnx *o, const tn_onnx_node *n, int64_t K, float factor)
{
    tn_onnx_known *k = n->in[2]->known;
    const tn_shape vector = TN_SHAPE(K);
    tn_value v;
    float *to;
    if (k->count == K && factor == 1)
        return tn_onnx_param(o, n, 2, &vector, &v) ? v : (tn_value){0};
    to = tn_alloc((size_t)K, sizeof *to);
    const tn_status status = to ? tn_onnx_read(o, k, to) : tn_no_memory("weights", (size_t)K);
    if (status != TN_OK) {
        tn_free(to);
        return tn_graph_refuse(o->g, status);
    }
    for (int64_t i = K - 1; i >= 0; i--)
        to[i] = factor * to[k->count == 1 ? 0 : i];
    return tn_onnx_new_param(o, n->in[2]->name, vector, to);
}

static bool is_matrix(const tn_onnx_known *k)
{
    return k && k->shape.ndim == 2 && k->count > 0 && tn_onnx_is_real(k->type) &&
           k->shape.dim[0] <= INT32_MAX && k->shape.dim[1] <= INT32_MAX;
}

/* Of dimensions that are several together, but the last one, a product of that with a matrix that is known. */
static bool takes_merged(const tn_onnx_merged *m)
{
    return m && m->group[m->ndim - 1] == 1;
}

static tn_status multiply_merged(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_merged *m,
                                 bool is_kxd, float alpha, float beta)
{
    const bool bias = tn_onnx_has(n, 2);
    const int64_t K = n->in[1]->known->shape.dim[!is_kxd];
    tn_value y = tn_matmul(o->g, m->x, weights_of(o, n, 1, is_kxd, alpha),
                           &(tn_matmul_opts){.name = bias ? tn_onnx_name(o, n, "product") : n->name,
                                             .transpose_b = true});
    if (bias)
        y = tn_add(o->g, y, bias_of(o, n, K, beta), &(tn_layer_opts){n->name});
    return tn_onnx_give_merged(o, n, y, m->ndim, m->group);
}

/* ---- Gemm: alpha a b + beta c ------------------------------------------------------------------- */

static tn_status add_gemm(tn_onnx *o, const tn_onnx_node *n)
{
    const float alpha = (float)tn_onnx_real(n, "alpha", 1),
                beta = (float)tn_onnx_real(n, "beta", 1);
    const bool turn_a = tn_onnx_int(n, "transA", 0), turn_b = tn_onnx_int(n, "transB", 0);
    const tn_onnx_known *b = tn_onnx_given(n, 1);
    tn_value x, y, other;
    tn_shape shape;
    const tn_onnx_merged *merged = tn_onnx_merged_of(n, 0);
    if (takes_merged(merged) && is_matrix(b) && !turn_a &&
        (!tn_onnx_has(n, 2) || (beta != 0 && is_bias(tn_onnx_given(n, 2), b->shape.dim[!turn_b]))))
        return multiply_merged(o, n, merged, turn_b, alpha, beta);
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    const bool has_c = tn_onnx_has(n, 2) && beta != 0;
    if (is_matrix(b) && !turn_a && shape.ndim == 2) {
        const int64_t K = b->shape.dim[!turn_b];
        const bool bias = has_c && is_bias(tn_onnx_given(n, 2), K);
        tn_dense_opts opts = {.name = has_c && !bias ? tn_onnx_name(o, n, "product") : n->name,
                              .units = (int)K,
                              .no_bias = !bias,
                              .weight = {.value = weights_of(o, n, 1, turn_b, alpha)}};
        if (bias)
            opts.bias.value = bias_of(o, n, K, beta);
        y = tn_dense(o->g, x, &opts);
        if (!has_c || bias)
            return tn_onnx_give(o, n, 0, y);
    } else {
        if (!tn_onnx_x(o, n, 1, &other))
            return TN_OK;
        y = tn_matmul(o->g, x, other,
                      &(tn_matmul_opts){.name = tn_onnx_name(o, n, "product"),
                                        .transpose_a = turn_a,
                                        .transpose_b = turn_b});
        y = tn_onnx_times(o, n, "alpha", y, alpha);
        if (!has_c)
            return tn_onnx_give(o, n, 0, y);
    }
    if (!tn_onnx_x(o, n, 2, &other))
        return TN_OK;
    other = tn_onnx_times(o, n, "beta", other, beta);
    return tn_onnx_give(o, n, 0, tn_add(o->g, y, other, &(tn_layer_opts){n->name}));
}

/* ---- MatMul ----------------------------------------------------------------------------------- */

/* Input i as a value, or what it is the transpose of, which a product can read as well. */
static bool read_matrix(tn_onnx *o, const tn_onnx_node *n, int i, tn_value *out, bool *turned)
{
    const tn_onnx_value *v = i < n->num_in ? n->in[i] : NULL;
    *turned = v && !v->v.id && v->turned;
    if (*turned) {
        *out = v->turned->x;
        return true;
    }
    *turned = v && !v->v.id && v->known && v->known->of && tn_onnx_turns_matrices(&v->known->axes);
    return *turned ? tn_onnx_as_value(o, n, v->known->of, v->known->of->name, out)
                   : tn_onnx_x(o, n, i, out);
}

/* A vector is a matrix of one row in front, of one column behind; that dimension is none of y's. */
static tn_status add_product(tn_onnx *o, const tn_onnx_node *n, tn_value a, tn_value b,
                             const bool turned[2])
{
    tn_shape of_a, of_b, shape = {0};
    TN_TRY(tn_value_shape(o->g, a, &of_a));
    TN_TRY(tn_value_shape(o->g, b, &of_b));
    if (of_a.ndim == 0 || of_b.ndim == 0)
        return tn_onnx_refuse(o, n, "it multiplies a scalar");
    const bool row = of_a.ndim == 1, column = of_b.ndim == 1;
    const char *name = row || column ? tn_onnx_name(o, n, "matrix") : n->name;
    a = row ? tn_onnx_reshape(o, n, "row", a, TN_SHAPE(1, -1)) : a;
    b = column ? tn_onnx_reshape(o, n, "column", b, TN_SHAPE(-1, 1)) : b;
    tn_value y = tn_matmul(
        o->g, a, b,
        &(tn_matmul_opts){.name = name, .transpose_a = turned[0], .transpose_b = turned[1]});
    if (!row && !column)
        return tn_onnx_give(o, n, 0, y);
    if (row && column)
        return tn_onnx_give(
            o, n, 0, tn_reduce(o->g, y, &(tn_reduce_opts){.name = n->name, .kind = TN_REDUCE_SUM}));
    if (!y.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, y, &of_a));
    for (int i = 0; i < of_a.ndim; i++)
        if (i != of_a.ndim - (row ? 2 : 1))
            shape.dim[shape.ndim++] = of_a.dim[i];
    if (column)
        shape.dim[0] = 0;
    return tn_onnx_give(o, n, 0,
                        tn_reshape(o->g, y, &(tn_reshape_opts){.name = n->name, .shape = shape}));
}

static tn_status add_matmul(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_known *b = tn_onnx_given(n, 1);
    tn_shape shape;
    tn_value x, other;
    bool turned[2];
    if (takes_merged(tn_onnx_merged_of(n, 0)) && is_matrix(b))
        return multiply_merged(o, n, n->in[0]->merged, false, 1, 1);
    if (!read_matrix(o, n, 0, &x, &turned[0]))
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (is_matrix(b) && !turned[0] && shape.ndim == 2 && shape.dim[1] == b->shape.dim[0]) {
        const tn_dense_opts opts = {.name = n->name,
                                    .units = (int)b->shape.dim[1],
                                    .no_bias = true,
                                    .weight = {.value = weights_of(o, n, 1, false, 1)}};
        return tn_onnx_give(o, n, 0, tn_dense(o->g, x, &opts));
    }
    if (!read_matrix(o, n, 1, &other, &turned[1]))
        return TN_OK;
    return add_product(o, n, x, other, turned);
}

const tn_onnx_ops tn_onnx_ops_product = {{{"Gemm", 1, add_gemm}, {"MatMul", 1, add_matmul}}};
