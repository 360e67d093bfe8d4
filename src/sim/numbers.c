/*
 * float, half, bfloat16, int8, uint8, int32 to float and back, by their bits.
 */
#include "sim/numbers.h"

#include <math.h>
#include <string.h>

size_t tn_sim_bytes_of(cudnnDataType_t type)
{
    switch (type) {
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32:
        return 4;
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16:
        return 2;
    case CUDNN_DATA_INT8:
    case CUDNN_DATA_UINT8:
        return 1;
    default:
        return 0;
    }
}

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float from_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, m = h & 1023;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | m << 13);
    if (exponent == 0) {
        const float f = (float)m * 0x1p-24f;
        return sign ? -f : f;
    }
    return from_bits(sign | (exponent + 112) << 23 | m << 13);
}

static uint16_t to_half(float f)
{
    const uint32_t u = bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x47800000)
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) /* less than 2^-14: one half plus it has the units of 2^-24 that are left */
        return (uint16_t)(sign | (bits_of(from_bits(a) + 0.5f) - bits_of(0.5f)));
    return (uint16_t)(sign | (a + 0xfff + (a >> 13 & 1) - 0x38000000) >> 13);
}

static uint16_t to_bfloat(float f)
{
    const uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float within(float x, float low, float high)
{
    x = rintf(x);
    return x < low ? low : x > high ? high : x == x ? x : 0;
}

#define LOAD(element, value)                               \
    do {                                                   \
        const element *a = (const element *)array + first; \
        for (int64_t i = 0; i < n; i++)                    \
            out[i] = (value);                              \
    } while (0)

void tn_sim_load(cudnnDataType_t type, const void *array, int64_t first, int64_t step, int64_t n,
                 float *out)
{
    switch (type) {
    case CUDNN_DATA_FLOAT:
        LOAD(float, a[i * step]);
        break;
    case CUDNN_DATA_HALF:
        LOAD(uint16_t, from_half(a[i * step]));
        break;
    case CUDNN_DATA_BFLOAT16:
        LOAD(uint16_t, from_bits((uint32_t)a[i * step] << 16));
        break;
    case CUDNN_DATA_INT8:
        LOAD(int8_t, (float)a[i * step]);
        break;
    case CUDNN_DATA_UINT8:
        LOAD(uint8_t, (float)a[i * step]);
        break;
    case CUDNN_DATA_INT32:
        LOAD(int32_t, (float)a[i * step]);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = NAN;
    }
}

#define STORE(element, value)                  \
    do {                                       \
        element *a = (element *)array + first; \
        for (int64_t i = 0; i < n; i++)        \
            a[i * step] = (element)(value);    \
    } while (0)

void tn_sim_store(cudnnDataType_t type, void *array, int64_t first, int64_t step, int64_t n,
                  const float *in)
{
    switch (type) {
    case CUDNN_DATA_FLOAT:
        STORE(float, in[i]);
        break;
    case CUDNN_DATA_HALF:
        STORE(uint16_t, to_half(in[i]));
        break;
    case CUDNN_DATA_BFLOAT16:
        STORE(uint16_t, to_bfloat(in[i]));
        break;
    case CUDNN_DATA_INT8:
        STORE(int8_t, within(in[i], -128, 127));
        break;
    case CUDNN_DATA_UINT8:
        STORE(uint8_t, within(in[i], 0, 255));
        break;
    case CUDNN_DATA_INT32:
        STORE(int32_t, within(in[i], -0x1p31f, 0x1.fffffep30f));
        break;
    default:
        break;
    }
}

void tn_sim_round_tf32(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t u = bits_of(x[i]);
        if ((u & 0x7f800000) != 0x7f800000)
            x[i] = from_bits((u + 0xfff + (u >> 13 & 1)) & ~UINT32_C(0x1fff));
    }
}

float tn_sim_round_to(cudnnDataType_t type, float x)
{
    if (type == CUDNN_DATA_HALF)
        return from_half(to_half(x));
    return type == CUDNN_DATA_BFLOAT16 ? from_bits((uint32_t)to_bfloat(x) << 16) : x;
}
