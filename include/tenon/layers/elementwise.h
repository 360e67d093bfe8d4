/**
 * @file
 * Layers that go element by element: functions of one value, and of two. Part of layers.h, which says what all layers
 * have in common.
 *
 * Threads: as graph.h has it.
 */
#ifndef TENON_LAYERS_ELEMENTWISE_H
#define TENON_LAYERS_ELEMENTWISE_H

#include <tenon/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of one value ------------------------------------------------------------------------- */

/**
 * y = max(x, 0). A NaN stays one; docs/numerics.md says where oneDNN or cuBLASLt may lose it. Any shape.
 * Source: Nair and Hinton 2010.
 */
TN_API tn_value tn_relu(tn_graph *g, tn_value x, const tn_layer_opts *opts);
/** y = x where x > 0, else slope * x; a NaN stays one. Any shape.   Source: Maas et al. 2013. */
typedef struct tn_leaky_relu_opts {
    const char *name;
    float slope; /**< in [0, 1); default 0.01 */
} tn_leaky_relu_opts;
TN_API tn_value tn_leaky_relu(tn_graph *g, tn_value x, const tn_leaky_relu_opts *opts);
/** y = 1 / (1 + exp(-x)). Any shape. */
TN_API tn_value tn_sigmoid(tn_graph *g, tn_value x, const tn_layer_opts *opts);
/** y = tanh(x). Any shape. */
TN_API tn_value tn_tanh(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/* Below gradients at kinks are PyTorch's, and a NaN stays one. Any shape. */

/** y = |x|; the gradient at 0 is 0. */
TN_API tn_value tn_abs(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = atan(x), between -pi/2 and pi/2. */
TN_API tn_value tn_atan(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x, rounded up to a whole number; the gradient is 0. */
TN_API tn_value tn_ceil(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x where x > 0, else alpha (exp(x / alpha) - 1), whose gradient is 1 on both sides of 0.   Source: Barron 2017, arXiv:1704.07483. */
typedef struct tn_celu_opts {
    const char *name;
    float alpha; /**< above 0; default 1 */
} tn_celu_opts;
TN_API tn_value tn_celu(tn_graph *g, tn_value x, const tn_celu_opts *opts);

/** y = min where x < min, max where x > max, else x; so 0 and 6 make a "relu6". The gradient passes where
 *  min < x < max. NULL options are an error. */
typedef struct tn_clip_opts {
    const char *name;
    float min; /**< default 0; -INFINITY: none */
    float max; /**< required, TN_ZERO if it is 0; INFINITY: none; not below min */
} tn_clip_opts;
TN_API tn_value tn_clip(tn_graph *g, tn_value x, const tn_clip_opts *opts);

/** y = cos(x), x in radians. */
TN_API tn_value tn_cos(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x where x > 0, else alpha (exp(x) - 1); the gradient at 0 is alpha.   Source: Clevert et al. 2015, arXiv:1511.07289. */
typedef struct tn_elu_opts {
    const char *name;
    float alpha; /**< not below 0; default 1 */
} tn_elu_opts;
TN_API tn_value tn_elu(tn_graph *g, tn_value x, const tn_elu_opts *opts);

/** y = erf(x), the error function. */
TN_API tn_value tn_erf(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = exp(x). */
TN_API tn_value tn_exp(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x, rounded down to a whole number; the gradient is 0. */
TN_API tn_value tn_floor(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x (1 + erf(x / sqrt(2))) / 2.   Source: Hendrycks and Gimpel 2016, arXiv:1606.08415. */
typedef struct tn_gelu_opts {
    const char *name;
    bool
        tanh; /**< y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as GPT-2 and others have it */
} tn_gelu_opts;
TN_API tn_value tn_gelu(tn_graph *g, tn_value x, const tn_gelu_opts *opts);

/** y = alpha x + beta where that is between 0 and 1, else 0 or 1; the gradient there is 0. Defaults are ONNX's; PyTorch's and
 *  MobileNetV3's has alpha 1 / 6. */
typedef struct tn_hardsigmoid_opts {
    const char *name;
    float alpha; /**< default 0.2 */
    float beta;  /**< default 0.5 */
} tn_hardsigmoid_opts;
TN_API tn_value tn_hardsigmoid(tn_graph *g, tn_value x, const tn_hardsigmoid_opts *opts);

/** y = 0 where x <= -3, x where x >= 3, else x (x + 3) / 6; the gradient at -3 is 0, at 3 it is 1.
 *  Source: Howard et al. 2019, arXiv:1905.02244. */
TN_API tn_value tn_hardswish(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = log(x): -inf of 0, NaN of what is below. */
TN_API tn_value tn_log(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x tanh(log(1 + exp(x))).   Source: Misra 2019, arXiv:1908.08681. */
TN_API tn_value tn_mish(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = -x. */
TN_API tn_value tn_neg(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = 1 / x: infinite of 0. */
TN_API tn_value tn_reciprocal(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = the whole number nearest to x, of two that are equally near the even one; the gradient is 0. */
TN_API tn_value tn_round(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = gamma x where x > 0, else gamma alpha (exp(x) - 1); the gradient at 0 is gamma alpha.
 *  Source: Klambauer et al. 2017, arXiv:1706.02515, whose numbers the defaults are. */
typedef struct tn_selu_opts {
    const char *name;
    float alpha; /**< not below 0; default 1.67326319 */
    float gamma; /**< above 0; default 1.05070102 */
} tn_selu_opts;
TN_API tn_value tn_selu(tn_graph *g, tn_value x, const tn_selu_opts *opts);

/** y = 1 where x > 0, -1 where x < 0, 0 where it is 0; the gradient is 0. */
TN_API tn_value tn_sign(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = sin(x), x in radians. */
TN_API tn_value tn_sin(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = log(1 + exp(x)), without overflow; Caffe's BNLL.   Source: Dugas et al. 2001. */
TN_API tn_value tn_softplus(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x / (1 + |x|).   Source: Bergstra et al. 2009. */
TN_API tn_value tn_softsign(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = sqrt(x), NaN of what is below 0; the gradient at 0 is infinite. */
TN_API tn_value tn_sqrt(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x / (1 + exp(-x)), "SiLU".   Source: Ramachandran, Zoph and Le 2017, arXiv:1710.05941, with beta 1. */
TN_API tn_value tn_swish(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/** y = x where x > alpha, else 0; the gradient at alpha is 0.   Source: Konda et al. 2014, arXiv:1402.3337. */
typedef struct tn_thresholded_relu_opts {
    const char *name;
    float alpha; /**< default 1; TN_ZERO: a relu */
} tn_thresholded_relu_opts;
TN_API tn_value tn_thresholded_relu(tn_graph *g, tn_value x, const tn_thresholded_relu_opts *opts);

/* ---- with a parameter a channel ----------------------------------------------------------- */

/**
 * y = x where x > 0, else weight[c] x.   x, y: N x C x ..., or any shape if `shared`.
 * Parameter: weight, which starts with 0.25.   Source: He et al. 2015, arXiv:1502.01852.
 */
typedef struct tn_prelu_opts {
    const char *name;
    bool shared; /**< one weight for all channels */
    tn_param_opts weight;
} tn_prelu_opts;
TN_API tn_value tn_prelu(tn_graph *g, tn_value x, const tn_prelu_opts *opts);

/**
 * What is left of x when it is kept in whole numbers of 8 bits: y = (clamp(round(x / scale) + zero, lo, hi) - zero) scale, still in
 * f32, ties rounded to even. Any shape.
 *
 * scales: one number, or with `axis` one for each channel, along that axis; the zero handle (tn_value){0}: the one of the options, or
 * without any max |x| / hi, of all of x or of each channel: which is what weights take, whose numbers training changes.
 * The gradient passes where nothing is clamped, as if there were no rounding, and there is none for scales. So a net that
 * has such nodes, before and behind its layers and on their weights, learns numbers that bear it: training it is
 * quantisation-aware training. A NaN stays one.   Source: Jacob et al. 2018, arXiv:1712.05877.
 */
typedef struct tn_fake_quant_opts {
    const char *name;
    float scale; /**< above 0: of all of x */
    int zero;    /**< the whole number that 0 is, in [lo, hi] */
    int lo, hi;  /**< default -127 and 127; behind a relu hi = 255 alone: 0 to 255 */
    int axis; /**< where channels are, one scale for each; TN_ZERO: axis 0, filters of a weight; -1: the last; default: none */
} tn_fake_quant_opts;
TN_API tn_value tn_fake_quant(tn_graph *g, tn_value x, tn_value scales,
                              const tn_fake_quant_opts *opts);

/**
 * y = weight[c] x + bias[c].   x, y: N x C x ... Parameters: weight, which starts with 1, and bias, with 0.
 * Caffe's Scale; behind its BatchNorm the two are tn_batchnorm().
 */
typedef struct tn_scale_opts {
    const char *name;
    bool no_bias;
    tn_param_opts weight, bias;
} tn_scale_opts;
TN_API tn_value tn_scale(tn_graph *g, tn_value x, const tn_scale_opts *opts);

/* ---- of two values ------------------------------------------------------------------------
 *
 * The shapes need not be the same: they are written one below the other with their last dimensions in line, and where one
 * of the two is 1, or has no dimension, it is taken again for each of the other's ("broadcast", as NumPy does it):
 *
 *     a  16 x 8 x 28 x 28     a  16 x 10     a  16 x 1     a  4 x 5
 *     b       8 x  1 x  1     b       10     b      10     b  (a scalar)
 *     y  16 x 8 x 28 x 28     y  16 x 10     y  16 x 10    y  4 x 5
 *
 * Its gradient then is the sum over those. TN_ERR_SHAPE where two dimensions differ and none is 1. A NaN in either makes
 * one, but as an exponent's base (below). Where a formula has a kink or a pole, gradients are PyTorch's.
 */

/** y = a + b. */
TN_API tn_value tn_add(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = a - b. */
TN_API tn_value tn_sub(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = a * b. */
TN_API tn_value tn_mul(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = a / b, as IEEE 754 has it where b is 0. */
TN_API tn_value tn_div(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = a ^ b; 1 where b is 0, whatever a is, a NaN too; NaN where a is below 0 and b no whole number. The gradient of a is 0
 *  where b is 0; that of b, which has a factor log(a), is 0 where a is 0 and b is not below 0, and NaN where a is
 *  below 0. */
TN_API tn_value tn_pow(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = the smaller one. Where they are equal each gets half of the gradient. */
TN_API tn_value tn_minimum(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = the larger one. Where they are equal each gets half of the gradient. */
TN_API tn_value tn_maximum(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
/** y = a where b is not 0, else 0, whatever a is there: a NaN or an infinity, too. b gets no gradient (0). */
TN_API tn_value tn_mask(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
