/*
 * Numbers of 16 bits: IEEE 754 binary16 and the upper half of a binary32, to and from f32. To the nearest, of two the even one;
 * what is too large is an infinity, and a NaN stays one.
 */
#ifndef TN_TENSOR_HALF_H
#define TN_TENSOR_HALF_H

#include <stdint.h>
#include <string.h>

static inline float tn_float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t tn_bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float tn_from_bf16(uint16_t half)
{
    return tn_float_of_bits((uint32_t)half << 16);
}

static inline uint16_t tn_to_bf16(float x)
{
    const uint32_t bits = tn_bits_of_float(x);
    if (x != x)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float tn_from_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    if (rest >= 0x7c00) /* an infinity, or a NaN */
        return tn_float_of_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x400)
        return tn_float_of_bits(sign | ((rest << 13) + 0x38000000));
    const float small = (float)rest * 0x1p-24f;
    return sign ? -small : small;
}

static inline uint16_t tn_to_f16(float x)
{
    const uint32_t bits = tn_bits_of_float(x), rest = bits & 0x7fffffff;
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000) /* nearer to 65536 than to 65504 */
        return (uint16_t)(sign | 0x7c00);
    if (rest >= 0x38800000)
        return (uint16_t)(sign | ((rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13));
    const float units = tn_float_of_bits(rest) * 0x1p24f,
                magic = 0x1p23f; /* rounds to whole ones */
    return (uint16_t)(sign | (tn_bits_of_float(units + magic) & 0x7ff));
}

#endif
