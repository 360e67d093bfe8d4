/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: of each label, and what is made of all of them. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

/* Weights of classes, which are not trained; the zero handle: none. False: refused. */
static bool read_weights(tn_onnx *o, const tn_onnx_node *n, tn_value *out)
{
    tn_onnx_known *k = tn_onnx_given(n, 2);
    float *data;
    *out = (tn_value){0};
    if (!tn_onnx_has(n, 2))
        return true;
    if (!k)
        return tn_onnx_x(o, n, 2, out);
    if (k->shape.ndim != 1 || k->count < 1 || !tn_onnx_is_real(k->type)) {
        (void)tn_onnx_refuse(o, n, "its weights are %s of %s", tn_shape_format(&k->shape).text,
                             tn_onnx_type_name(k->type));
        return false;
    }
    const tn_status status = tn_onnx_copy(o, k, &data);
    *out = status == TN_OK ? tn_onnx_constant(o, tn_onnx_name(o, n, "weights"), k->shape, data)
                           : tn_graph_refuse(o->g, status);
    return out->id != 0;
}

static tn_value sum_of(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x)
{
    return tn_reduce(o->g, x,
                     &(tn_reduce_opts){.name = tn_onnx_name(o, n, part), .kind = TN_REDUCE_SUM});
}

/* The losses of x, logarithms of probabilities, as `reduction` says. */
static tn_status add_losses(tn_onnx *o, const tn_onnx_node *n, tn_value x, tn_value labels)
{
    static const char *const words[] = {"mean", "sum", "none", NULL};
    const int word = tn_onnx_word(o, n, "reduction", words, 0);
    const bool none = word == 2, sum = word == 1;
    const int64_t ignore = tn_onnx_int(n, "ignore_index", -1);
    tn_proto attr;
    tn_value weights;
    if (ignore < INT32_MIN + 1 || ignore > INT32_MAX)
        return tn_onnx_refuse(o, n, "its ignore_index is %lld", (long long)ignore);
    if (word < 0 || !read_weights(o, n, &weights))
        return TN_OK;
    const bool plain = !weights.id && !tn_onnx_attr(n, "ignore_index", &attr);
    const tn_nll_loss y =
        tn_nll(o->g, x, labels, weights,
               &(tn_nll_opts){.name = none ? n->name : tn_onnx_name(o, n, "losses"),
                              .ignore = TN_EXACTLY((int)ignore)});
    if (none)
        return tn_onnx_give(o, n, 0, y.losses);
    if (sum || plain)
        return tn_onnx_give(
            o, n, 0,
            tn_reduce(
                o->g, y.losses,
                &(tn_reduce_opts){.name = n->name, .kind = sum ? TN_REDUCE_SUM : TN_REDUCE_MEAN}));
    const tn_value all = sum_of(o, n, "sum", y.losses),
                   divisor = sum_of(o, n, "divisor", y.weights);
    return tn_onnx_give(o, n, 0, tn_div(o->g, all, divisor, &(tn_layer_opts){n->name}));
}

/* Both inputs; false: refused. */
static bool read_inputs(tn_onnx *o, const tn_onnx_node *n, tn_value *x, tn_value *labels)
{
    tn_dtype dtype;
    if (!tn_onnx_x(o, n, 0, x) || !tn_onnx_any(o, n, 1, labels))
        return false;
    if (tn_value_dtype(o->g, *labels, &dtype) != TN_OK || dtype == TN_I32)
        return true;
    (void)tn_onnx_refuse(o, n, "its labels are %s", tn_dtype_name(dtype));
    return false;
}

static tn_status add_nll(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x, labels;
    return read_inputs(o, n, &x, &labels) ? add_losses(o, n, x, labels) : TN_OK;
}

static tn_status add_cross_entropy(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x, labels;
    if (!read_inputs(o, n, &x, &labels))
        return TN_OK;
    x = tn_log_softmax(o->g, x, &(tn_softmax_opts){.name = tn_onnx_name(o, n, "log_prob")});
    TN_TRY(tn_onnx_give(o, n, 1, x));
    return add_losses(o, n, x, labels);
}

const tn_onnx_ops tn_onnx_ops_loss = {{{"NegativeLogLikelihoodLoss", 12, add_nll},
                                       {"SoftmaxCrossEntropyLoss", 12, add_cross_entropy}}};
