/*
 * Numbers rounded to bf16, the nearest, ties to even; NaN stays NaN.
 */
#ifndef TN_BF16_H
#define TN_BF16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float tn_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x == x) /* no NaN */
        bits += 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static inline void tn_round_bf16(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = tn_to_bf16(x[i]);
}

static inline void tn_add_bf16(float *sum, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += tn_to_bf16(x[i]);
}

#endif
