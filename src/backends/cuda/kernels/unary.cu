#include "backends/cuda/kernels/unary.h"
#include "backends/cuda/kernels/vector.h"

/* ---- formulas ----------------------------------------------------------------------------- */

/* `read` is x, or y if backward reads that. Gradients at kinks are PyTorch's. */
#define FORMULA(name, value, read, gradient)                            \
    struct name {                                                       \
        TN_DEVICE float of(float x, const float (&k)[2])                \
        {                                                               \
            (void)k;                                                    \
            return value;                                               \
        }                                                               \
        TN_DEVICE float back(float read, float dy, const float (&k)[2]) \
        {                                                               \
            (void)k, (void)read, (void)dy;                              \
            return gradient;                                            \
        }                                                               \
    };

TN_DEVICE float sigmoid_of(float x)
{
    return 1 / (1 + expf(-x));
}
TN_DEVICE float clipped(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}
TN_DEVICE float swish_slope(float x)
{
    const float s = sigmoid_of(x);
    return s * (1 + x * (1 - s));
}
TN_DEVICE float normal_below(float x)
{
    return 0.5f * erfcf(-x * 0.707106781f);
}
TN_DEVICE float gelu_slope(float x)
{
    return normal_below(x) + x * expf(-0.5f * x * x) * 0.398942280f;
}
/* x (1 + tanh(u)) / 2 = x sigmoid(2 u), and this is 2 u. */
TN_DEVICE float gelu_tanh_argument(float x)
{
    return 1.595769122f * (x + 0.044715f * x * x * x);
}
TN_DEVICE float gelu_tanh_slope(float x)
{
    const float s = sigmoid_of(gelu_tanh_argument(x));
    return s + x * s * (1 - s) * 1.595769122f * (1 + 0.134145f * x * x);
}
TN_DEVICE float hardswish_slope(float x)
{
    return x <= -3 ? 0.0f : x < 3 ? x / 3 + 0.5f : 1.0f;
}

/* tanh(log(1 + exp(x))) = n / (n + 2), n = e (e + 2), e = exp(x); where n is large that is 1. */
TN_DEVICE float mish_share(float x)
{
    const float e = expf(x > 20 ? 20.0f : x), n = e * (e + 2);
    return n / (n + 2);
}
TN_DEVICE float mish_slope(float x)
{
    const float t = mish_share(x), s = sigmoid_of(x);
    return t + x * (1 - t) * (1 + t) * s;
}

FORMULA(absolute, fabsf(x), x, x > 0 ? dy : x < 0 ? -dy : 0.0f)
FORMULA(arctangent, atanf(x), x, dy / (1 + x * x))
FORMULA(ceiling, ceilf(x), x, 0.0f)
FORMULA(celu, x > 0 ? x : k[0] * expm1f(x / k[0]), y, !(y <= 0) ? dy : (y / k[0] + 1) * dy)
FORMULA(clip, clipped(x, k[0], k[1]), x, x > k[0] && x < k[1] ? dy : 0.0f)
FORMULA(cosine, cosf(x), x, -sinf(x) * dy)
FORMULA(elu, x > 0 ? x : k[0] * expm1f(x), y, !(y <= 0) ? dy : (y + k[0]) * dy)
FORMULA(error, erff(x), x, 1.128379167f * expf(-x * x) * dy)
FORMULA(exponential, expf(x), y, y *dy)
FORMULA(floored, floorf(x), x, 0.0f)
FORMULA(gelu, normal_below(x) * x, x, gelu_slope(x) * dy)
FORMULA(gelu_tanh, sigmoid_of(gelu_tanh_argument(x)) * x, x, gelu_tanh_slope(x) * dy)
FORMULA(hardsigmoid, clipped(k[0] * x + k[1], 0, 1), y, y > 0 && y < 1 ? k[0] * dy : 0.0f)
FORMULA(hardswish, clipped(x / 6 + 0.5f, 0, 1) * x, x, hardswish_slope(x) * dy)
FORMULA(logarithm, logf(x), x, dy / x)
FORMULA(mish, mish_share(x) * x, x, mish_slope(x) * dy)
FORMULA(negative, -x, x, -dy)
FORMULA(reciprocal, 1 / x, y, -y *y *dy)
FORMULA(rounded, rintf(x), x, 0.0f)
FORMULA(root, sqrtf(x), y, dy / (2 * y))
FORMULA(selu, k[1] * (x > 0 ? x : k[0] * expm1f(x)), y,
        !(y <= 0) ? k[1] * dy : (y + k[0] * k[1]) * dy)
FORMULA(sign, x > 0 ? 1.0f : x < 0 ? -1.0f : x, x, 0.0f)
FORMULA(sine, sinf(x), x, cosf(x) * dy)
FORMULA(softplus, (x < 0 ? 0.0f : x) + log1pf(expf(-fabsf(x))), y, -expm1f(-y) * dy)
FORMULA(softsign, x / (1 + fabsf(x)), x, dy / ((1 + fabsf(x)) * (1 + fabsf(x))))
FORMULA(swish, sigmoid_of(x) * x, x, swish_slope(x) * dy)
FORMULA(thresholded_relu, x <= k[0] ? 0.0f : x, x, x <= k[0] ? 0.0f : dy)

/* ---- kernels ------------------------------------------------------------------------------ */

/* v = the function of v. */
struct forward {
    template <class F, int N>
    TN_DEVICE void with(const float (&)[N], float (&v)[N], const float (&k)[2])
    {
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = F::of(v[j], k);
    }
};

/* v, which is dy, = dx; u is what backward reads. */
struct backward {
    template <class F, int N>
    TN_DEVICE void with(const float (&u)[N], float (&v)[N], const float (&k)[2])
    {
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = F::back(u[j], v[j], k);
    }
};

/* The switch is around the formula alone, as in binary.cu. */
template <class Way, int N>
TN_DEVICE void apply(int32_t formula, const float (&u)[N], float (&v)[N], const float (&k)[2])
{
    switch (formula) {
    case TNK_ABS:
        return Way::template with<absolute>(u, v, k);
    case TNK_ATAN:
        return Way::template with<arctangent>(u, v, k);
    case TNK_CEIL:
        return Way::template with<ceiling>(u, v, k);
    case TNK_CELU:
        return Way::template with<celu>(u, v, k);
    case TNK_CLIP:
        return Way::template with<clip>(u, v, k);
    case TNK_COS:
        return Way::template with<cosine>(u, v, k);
    case TNK_ELU:
        return Way::template with<elu>(u, v, k);
    case TNK_ERF:
        return Way::template with<error>(u, v, k);
    case TNK_EXP:
        return Way::template with<exponential>(u, v, k);
    case TNK_FLOOR:
        return Way::template with<floored>(u, v, k);
    case TNK_GELU:
        return Way::template with<gelu>(u, v, k);
    case TNK_GELU_TANH:
        return Way::template with<gelu_tanh>(u, v, k);
    case TNK_HARDSIGMOID:
        return Way::template with<hardsigmoid>(u, v, k);
    case TNK_HARDSWISH:
        return Way::template with<hardswish>(u, v, k);
    case TNK_LOG:
        return Way::template with<logarithm>(u, v, k);
    case TNK_MISH:
        return Way::template with<mish>(u, v, k);
    case TNK_NEG:
        return Way::template with<negative>(u, v, k);
    case TNK_RECIPROCAL:
        return Way::template with<reciprocal>(u, v, k);
    case TNK_ROUND:
        return Way::template with<rounded>(u, v, k);
    case TNK_SELU:
        return Way::template with<selu>(u, v, k);
    case TNK_SIGN:
        return Way::template with<sign>(u, v, k);
    case TNK_SIN:
        return Way::template with<sine>(u, v, k);
    case TNK_SOFTPLUS:
        return Way::template with<softplus>(u, v, k);
    case TNK_SOFTSIGN:
        return Way::template with<softsign>(u, v, k);
    case TNK_SQRT:
        return Way::template with<root>(u, v, k);
    case TNK_SWISH:
        return Way::template with<swish>(u, v, k);
    default:
        return Way::template with<thresholded_relu>(u, v, k);
    }
}
template <class T> TN_DEVICE void any_forward(const tnk_unary_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *x = static_cast<const T *>(p.from);
    T *y = static_cast<T *>(p.to);
    const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(y);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float v[N];
        tn_read(v, x, i, p.count, whole);
        apply<forward>(p.formula, v, v, p.k);
        tn_write(y, v, i, p.count, whole);
    }
}
template <class T> TN_DEVICE void any_backward(const tnk_unary_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *from = static_cast<const T *>(p.from), *dy = static_cast<const T *>(p.dy);
    T *dx = static_cast<T *>(p.to);
    const bool whole = tn_aligned<T, N>(from) && tn_aligned<T, N>(dy) && tn_aligned<T, N>(dx);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float u[N], v[N];
        tn_read(u, from, i, p.count, whole);
        tn_read(v, dy, i, p.count, whole);
        apply<backward>(p.formula, u, v, p.k);
        tn_write(dx, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_unary, struct tnk_unary_args, any_forward)
TN_KERNEL_TYPES(tnk_unary_back, struct tnk_unary_args, any_backward)
