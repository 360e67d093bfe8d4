/* Functions of one value that are several layers. Near 0 they keep digits of 1, not of what is small. */
#include <tenon/layers.h>

#include "onnx/known.h"

#define PART(o, n, part) (&(tn_layer_opts){tn_onnx_name(o, n, part)})
#define NAMED(n) (&(tn_layer_opts){(n)->name})

static tn_value square(tn_onnx *o, const tn_onnx_node *n, tn_value x)
{
    return tn_mul(o->g, x, x, PART(o, n, "square"));
}

/* sin / cos */
static tn_status add_tan(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    const tn_value s = tn_sin(o->g, x, PART(o, n, "sin"));
    return tn_onnx_give(o, n, 0, tn_div(o->g, s, tn_cos(o->g, x, PART(o, n, "cos")), NAMED(n)));
}

/* atan(x / sqrt(1 - x^2)) */
static tn_value arcsine(tn_onnx *o, const tn_onnx_node *n, tn_value x, const char *name)
{
    tn_value y = tn_onnx_plus(o, n, "rest", tn_neg(o->g, square(o, n, x), PART(o, n, "neg")), 1);
    y = tn_div(o->g, x, tn_sqrt(o->g, y, PART(o, n, "sqrt")), PART(o, n, "tangent"));
    return tn_atan(o->g, y, &(tn_layer_opts){name});
}

static tn_status add_asin(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    return tn_onnx_give(o, n, 0, arcsine(o, n, x, n->name));
}

/* pi / 2 - asin */
static tn_status add_acos(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    x = arcsine(o, n, x, tn_onnx_name(o, n, "asin"));
    const tn_value quarter = tn_onnx_scalar(o, n, "quarter", 1.57079633F);
    return tn_onnx_give(o, n, 0, tn_sub(o->g, quarter, x, NAMED(n)));
}

/* (exp(x) -+ exp(-x)) / 2 */
static tn_status add_hyperbolic(tn_onnx *o, const tn_onnx_node *n, bool sine)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    const tn_value up = tn_exp(o->g, x, PART(o, n, "up")),
                   down = tn_exp(o->g, tn_neg(o->g, x, PART(o, n, "neg")), PART(o, n, "down"));
    const tn_value y = sine ? tn_sub(o->g, up, down, PART(o, n, "twice"))
                            : tn_add(o->g, up, down, PART(o, n, "twice"));
    const tn_value half = tn_onnx_scalar(o, n, "half", 0.5F);
    return tn_onnx_give(o, n, 0, tn_mul(o->g, y, half, NAMED(n)));
}

static tn_status add_sinh(tn_onnx *o, const tn_onnx_node *n)
{
    return add_hyperbolic(o, n, true);
}

static tn_status add_cosh(tn_onnx *o, const tn_onnx_node *n)
{
    return add_hyperbolic(o, n, false);
}

/* log(|x| + sqrt(x^2 + 1)), with the sign of x */
static tn_status add_asinh(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    tn_value y = tn_onnx_plus(o, n, "plus", square(o, n, x), 1);
    y = tn_add(o->g, tn_abs(o->g, x, PART(o, n, "abs")), tn_sqrt(o->g, y, PART(o, n, "sqrt")),
               PART(o, n, "sum"));
    y = tn_log(o->g, y, PART(o, n, "log"));
    return tn_onnx_give(o, n, 0, tn_mul(o->g, y, tn_sign(o->g, x, PART(o, n, "sign")), NAMED(n)));
}

/* log(x + sqrt(x^2 - 1)) */
static tn_status add_acosh(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    tn_value y = tn_onnx_plus(o, n, "minus", square(o, n, x), -1);
    y = tn_add(o->g, x, tn_sqrt(o->g, y, PART(o, n, "sqrt")), PART(o, n, "sum"));
    return tn_onnx_give(o, n, 0, tn_log(o->g, y, NAMED(n)));
}

/* log((1 + x) / (1 - x)) / 2 */
static tn_status add_atanh(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    const tn_value above = tn_onnx_plus(o, n, "above", x, 1),
                   below = tn_onnx_plus(o, n, "below", tn_neg(o->g, x, PART(o, n, "neg")), 1);
    const tn_value y =
        tn_log(o->g, tn_div(o->g, above, below, PART(o, n, "ratio")), PART(o, n, "log"));
    const tn_value half = tn_onnx_scalar(o, n, "half", 0.5F);
    return tn_onnx_give(o, n, 0, tn_mul(o->g, y, half, NAMED(n)));
}

/* What is near 0 is 0, the rest moves towards it: u - bias sign(u), u = x or 0. */
static tn_status add_shrink(tn_onnx *o, const tn_onnx_node *n)
{
    const float limit = (float)tn_onnx_real(n, "lambd", 0.5),
                bias = (float)tn_onnx_real(n, "bias", 0);
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    if (!(limit >= 0))
        return tn_onnx_refuse(o, n, "its lambd is %g", (double)limit);
    tn_thresholded_relu_opts opts = {.name = tn_onnx_name(o, n, "above"),
                                     .alpha = TN_EXACTLY(limit)};
    const tn_value above = tn_thresholded_relu(o->g, x, &opts);
    opts.name = tn_onnx_name(o, n, "below");
    const tn_value below = tn_thresholded_relu(o->g, tn_neg(o->g, x, PART(o, n, "neg")), &opts);
    const tn_value u = tn_sub(o->g, above, below, PART(o, n, "outside"));
    const tn_value by = tn_onnx_times(o, n, "bias", tn_sign(o->g, u, PART(o, n, "sign")), bias);
    return tn_onnx_give(o, n, 0, tn_sub(o->g, u, by, NAMED(n)));
}

const tn_onnx_ops tn_onnx_ops_composed = {{{"Tan", 7, add_tan},
                                           {"Asin", 7, add_asin},
                                           {"Acos", 7, add_acos},
                                           {"Sinh", 9, add_sinh},
                                           {"Cosh", 9, add_cosh},
                                           {"Asinh", 9, add_asinh},
                                           {"Acosh", 9, add_acosh},
                                           {"Atanh", 9, add_atanh},
                                           {"Shrink", 9, add_shrink}}};
