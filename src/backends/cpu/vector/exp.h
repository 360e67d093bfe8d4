/*
 * The exponential function for loops that become vectors: nothing branches, nothing is called. For code that is compiled
 * once for each set of instructions (isa.h).
 *
 * exp(x) = 2^n exp(r) with n = round(x / log 2), |r| <= log(2) / 2, and exp(r) by a polynomial: errs by at most
 * 1.2 units of the last place, denormal results too. A NaN stays one. Coefficients: Moshier, Cephes library, expf.
 */
#ifndef TN_CPU_EXP_H
#define TN_CPU_EXP_H

#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) float tn_exp(float x)
{
    const float low = -105, high = 89; /* below is 0, above infinity */
    const float whole =
        0x1.8p23F; /* added to a number it leaves what is behind the point to rounding */
    const uint32_t exponent_of_1 = 127; /* as f32 has it, above 23 bits */
    x = x < low ? low : x;
    x = x > high ? high : x;
    const float shifted = x * 1.44269504088896341F + whole, n = shifted - whole;
    float r = x - n * 0.693359375F;
    r = r + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1;
    /* 2^n in two factors: it may be too small for one. The lowest bits of `shifted` are n. */
    uint32_t bits, base;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &whole, sizeof base);
    const int32_t power = (int32_t)(bits - base), half = power >> 1;
    const uint32_t first = ((uint32_t)half + exponent_of_1) << 23;
    const uint32_t second = ((uint32_t)(power - half) + exponent_of_1) << 23;
    float a, b;
    memcpy(&a, &first, sizeof a);
    memcpy(&b, &second, sizeof b);
    return p * a * b;
}

#endif
