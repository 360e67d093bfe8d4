/*
 * Functions of one number for loops that a compiler makes vectors of: no branches, no calls, no tables; within a few
 * roundings of f32. NaN of NaN. For files that are compiled once for each set of instructions (isa.h).
 */
#ifndef TN_CPU_MATH_H
#define TN_CPU_MATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define TN_MATH static inline __attribute__((always_inline))

TN_MATH uint32_t tn_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

TN_MATH float tn_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, n from -126 to 127. */
TN_MATH float tn_power_of_2(int32_t n)
{
    return tn_float_of(((uint32_t)n + 127) << 23);
}

/* x = n log(2) + r with |r| below 0.35: exp(r) - 1. Constants: Moshier, Cephes, expf. */
TN_MATH float tn_exp_reduced(float x, int32_t *power)
{
    const float moved = x * 1.44269504F + 0x1.8p23F; /* rounded: its last bits are n */
    const float n = moved - 0x1.8p23F;
    const float r = x - n * 0.693359375F - n * -2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    *power = (int32_t)(tn_bits_of(moved) - tn_bits_of(0x1.8p23F));
    return p * r * r + r;
}

/* The power of 2 comes in two factors, one of which alone would be too large or small. */
TN_MATH float tn_exp_of(float x)
{
    int32_t n;
    x = x < -105 ? -105 : x > 89 ? 89 : x; /* below is 0, above infinity */
    const float p = 1 + tn_exp_reduced(x, &n);
    const int32_t half = n >> 1;
    return p * tn_power_of_2(half) * tn_power_of_2(n - half);
}

/* exp(x) - 1 of x <= 0. */
TN_MATH float tn_expm1_below_0(float x)
{
    int32_t n;
    x = x < -60 ? -60 : x;
    const float p = tn_exp_reduced(x, &n), scale = tn_power_of_2(n);
    return scale * p + (scale - 1);
}

/* -inf of 0, NaN of what is below. Constants: Moshier, Cephes, logf. */
TN_MATH float tn_log_of(float x)
{
    const float normal = x < FLT_MIN ? x * 0x1p23F : x;
    const uint32_t bits = tn_bits_of(normal);
    const float half = tn_float_of((bits & 0x007FFFFF) | 0x3F000000); /* 0.5 to 1 */
    const float low = half < 0.707106781F ? 1 : 0;
    const float e = (float)((int32_t)(bits >> 23) - 126) - (x < FLT_MIN ? 23 : 0) - low;
    const float m = half + low * half - 1, z = m * m;
    float p = 7.0376836292e-2F;
    p = p * m - 1.1514610310e-1F;
    p = p * m + 1.1676998740e-1F;
    p = p * m - 1.2420140846e-1F;
    p = p * m + 1.4249322787e-1F;
    p = p * m - 1.6668057665e-1F;
    p = p * m + 2.0000714765e-1F;
    p = p * m - 2.4999993993e-1F;
    p = p * m + 3.3333331174e-1F;
    const float y = p * m * z - e * 2.12194440e-4F - 0.5F * z;
    const float found = m + y + e * 0.693359375F;
    return !(x <= FLT_MAX) ? x : x < 0 ? NAN : x == 0 ? -INFINITY : found;
}

/* log(1 + x) of 0 <= x <= 1. The quotient gives back what 1 + x has lost of x. Source: HP-15C Advanced Functions, 1982. */
TN_MATH float tn_log1p_to_1(float x)
{
    const float above = 1 + x, kept = above - 1;
    return kept == 0 ? x : tn_log_of(above) * (x / kept);
}

TN_MATH float tn_sigmoid_of(float x)
{
    return 1 / (1 + tn_exp_of(-x));
}

TN_MATH float tn_tanh_of(float x)
{
    const float m = tn_expm1_below_0(-2 * fabsf(x)),
                y = m / (2 + m); /* of the positive one, below 0 */
    return x < 0 ? y : -y;
}

/* Of a normal distribution: the part below x, and its density there times sqrt(2 pi). Abramowitz and Stegun 7.1.26,
 * which errs by less than 3e-7. */
TN_MATH float tn_normal_below(float x, float *density)
{
    const float z = fabsf(x) * 0.707106781F, e = tn_exp_of(-0.5F * x * x);
    const float t = 1 / (1 + 0.3275911F * z);
    float p = 1.061405429F;
    p = p * t - 1.453152027F;
    p = p * t + 1.421413741F;
    p = p * t - 0.284496736F;
    p = p * t + 0.254829592F;
    const float tail = 0.5F * p * t * e;
    *density = e;
    return x < 0 ? tail : 1 - tail;
}

/* Near 0 by its series, which keeps the digits that 1 - tail would lose. */
TN_MATH float tn_erf_of(float x)
{
    const float z = x * x;
    float density, p = -7.5757576e-4F;
    p = p * z + 4.6296296e-3F;
    p = p * z - 2.3809524e-2F;
    p = p * z + 0.1F;
    p = p * z - 0.333333333F;
    p = p * z + 1;
    const float far = 2 * tn_normal_below(x * 1.414213562F, &density) - 1;
    return z < 0.25F ? 1.128379167F * x * p : far;
}

/* sin(x + turns pi/2). In double x is known to be that much of a quarter turn up to 2^30. Constants: Moshier, Cephes, sinf and
 * cosf. */
TN_MATH float tn_sin_of(float x, int32_t turns)
{
    const double moved = (double)x * 0.63661977236758134 + 0x1.8p52; /* rounded: its last bits */
    const double n = moved - 0x1.8p52;
    const float r = (float)((double)x - n * 1.5707963267948966), z = r * r;
    int64_t bits;
    memcpy(&bits, &moved, sizeof bits);
    const int32_t quarter = (int32_t)bits + turns;
    float s = -1.9515295891e-4F, c = 2.443315711809948e-5F;
    s = s * z + 8.3321608736e-3F;
    s = s * z - 1.6666654611e-1F;
    c = c * z - 1.388731625493765e-3F;
    c = c * z + 4.166664568298827e-2F;
    const float y = quarter & 1 ? c * z * z - 0.5F * z + 1 : s * z * r + r;
    return quarter & 2 ? -y : y;
}

/* Of at most tan(pi/8) by a polynomial, to which the others are turned. Constants: Moshier, Cephes, atanf. */
TN_MATH float tn_atan_of(float x)
{
    const float a = fabsf(x);
    const float base = a > 2.414213562F ? 1.570796327F : a > 0.4142135624F ? 0.7853981634F : 0;
    const float t = a > 2.414213562F ? -1 / a : a > 0.4142135624F ? (a - 1) / (a + 1) : a;
    const float z = t * t;
    float p = 8.05374449538e-2F;
    p = p * z - 1.38776856032e-1F;
    p = p * z + 1.99777106478e-1F;
    p = p * z - 3.33329491539e-1F;
    const float y = base + (p * z * t + t);
    return x < 0 ? -y : y;
}

#endif
