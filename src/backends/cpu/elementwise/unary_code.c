/* The loops of unary.h as the compiler makes them for one width of vectors. */
#include "backends/cpu/elementwise/unary.h"
#include "backends/cpu/vector/isa.h"
#include "backends/cpu/vector/math.h"

/* to = value, an expression of x (or y, if backward reads that), dy and the op's numbers. */
#define LOOP(name, is_gradient, read, value)                                 \
    static void name(const tn_unary_run *r)                                  \
    {                                                                        \
        const int64_t count = r->count;                                      \
        const float k0 = r->k[0], k1 = r->k[1], k2 = r->k[2];                \
        const float *from = r->from, *from_dy = r->dy;                       \
        float *to = r->to;                                                   \
        (void)k0, (void)k1, (void)k2, (void)from_dy;                         \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++)              \
        {                                                                    \
            const float read = from[i], dy = (is_gradient) ? from_dy[i] : 0; \
            (void)dy, (void)read;                                            \
            to[i] = (value);                                                 \
        }                                                                    \
    }
#define READS_Y_x false
#define READS_Y_y true
#define OP(stem, value, read, gradient)                                                  \
    LOOP(stem##_y, 0, x, value)                                                          \
    LOOP(stem##_dx, 1, read, gradient)                                                   \
    extern const tn_unary_loops TN_OF_ISA(tn_unary_##stem);                              \
    const tn_unary_loops TN_OF_ISA(tn_unary_##stem) = {stem##_y, TN_BACKWARD(stem##_dx), \
                                                       READS_Y_##read};

/* ---- formulas that are more than an expression ---------------------------------------------- */

TN_MATH float swish_slope(float x)
{
    const float s = tn_sigmoid_of(x);
    return s * (1 + x * (1 - s));
}

TN_MATH float gelu(float x)
{
    float density;
    return x * tn_normal_below(x, &density);
}

TN_MATH float gelu_slope(float x)
{
    float density;
    const float below = tn_normal_below(x, &density);
    return below + x * density * 0.398942280F;
}

/* x (1 + tanh(u)) / 2 = x sigmoid(2 u), and this is 2 u. */
TN_MATH float gelu_tanh_argument(float x)
{
    return 1.595769122F * (x + 0.044715F * x * x * x);
}

TN_MATH float gelu_tanh_slope(float x)
{
    const float s = tn_sigmoid_of(gelu_tanh_argument(x));
    return s + x * s * (1 - s) * 1.595769122F * (1 + 0.134145F * x * x);
}

TN_MATH float clip(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Is x, rounded, in [low, high]? A NaN is. */
TN_MATH bool is_on_grid(float x, float low, float high)
{
    const float whole = rintf(x);
    return !(whole < low || whole > high);
}

TN_MATH float hardswish_slope(float x)
{
    return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5F : 1;
}

/* tanh(log(1 + exp(x))) = n / (n + 2), this being n; where n is large that is 1. */
TN_MATH float mish_share(float x)
{
    const float e = tn_exp_of(x > 20 ? 20 : x);
    return e * (e + 2);
}

TN_MATH float mish(float x)
{
    const float n = mish_share(x);
    return x * (n / (n + 2));
}

TN_MATH float mish_slope(float x)
{
    const float n = mish_share(x), t = n / (n + 2);
    return t + x * (4 * (n + 1) / ((n + 2) * (n + 2))) * tn_sigmoid_of(x);
}

TN_MATH float softplus(float x)
{
    return (x < 0 ? 0 : x) + tn_log1p_to_1(tn_exp_of(-fabsf(x)));
}

/* ---- ops ------------------------------------------------------------------------------------ */

/* Gradients at kinks are PyTorch's. */
OP(abs, fabsf(x), x, x > 0 ? dy : x < 0 ? -dy : 0)
OP(atan, tn_atan_of(x), x, dy / (1 + x * x))
OP(ceil, ceilf(x), x, 0)
OP(celu, x > 0 ? x : k0 * tn_expm1_below_0(x / k0), y, !(y <= 0) ? dy : (y / k0 + 1) * dy)
OP(clip, clip(x, k0, k1), y, y > k0 && y < k1 ? dy : 0)
OP(cos, tn_sin_of(x, 1), x, -tn_sin_of(x, 0) * dy)
OP(elu, x > 0 ? x : k0 * tn_expm1_below_0(x), y, !(y <= 0) ? dy : (y + k0) * dy)
OP(erf, tn_erf_of(x), x, 1.128379167F * tn_exp_of(-x * x) * dy)
OP(exp, tn_exp_of(x), y, y *dy)
OP(fake_quant, clip(rintf(x / k0), k1, k2) * k0, x, is_on_grid(x / k0, k1, k2) ? dy : 0)
OP(floor, floorf(x), x, 0)
OP(gelu, gelu(x), x, gelu_slope(x) * dy)
OP(gelu_tanh, tn_sigmoid_of(gelu_tanh_argument(x)) * x, x, gelu_tanh_slope(x) * dy)
OP(hardsigmoid, clip(k0 *x + k1, 0, 1), y, y > 0 && y < 1 ? k0 * dy : 0)
OP(hardswish, clip(x / 6 + 0.5F, 0, 1) * x, x, hardswish_slope(x) * dy)
OP(leaky_relu, x > 0 ? x : k0 * x, y, y > 0 ? dy : k0 * dy)
OP(log, tn_log_of(x), x, dy / x)
OP(mish, mish(x), x, mish_slope(x) * dy)
OP(neg, -x, x, -dy)
OP(reciprocal, 1 / x, y, -y *y *dy)
OP(round, rintf(x), x, 0)
OP(selu, k1 *(x > 0 ? x : k0 * tn_expm1_below_0(x)), y, !(y <= 0) ? k1 * dy : (y + k0 * k1) * dy)
OP(sigmoid, tn_sigmoid_of(x), y, y *(1 - y) * dy)
OP(sign, x > 0 ? 1 : x < 0 ? -1 : x, x, 0)
OP(sin, tn_sin_of(x, 0), x, tn_sin_of(x, 1) * dy)
OP(softplus, softplus(x), y, -tn_expm1_below_0(-y) * dy)
OP(softsign, x / (1 + fabsf(x)), x, dy / ((1 + fabsf(x)) * (1 + fabsf(x))))
OP(sqrt, sqrtf(x), y, dy / (2 * y))
OP(swish, tn_sigmoid_of(x) * x, x, swish_slope(x) * dy)
OP(tanh, tn_tanh_of(x), y, (1 - y * y) * dy)
OP(thresholded_relu, x <= k0 ? 0 : x, x, x <= k0 ? 0 : dy)
