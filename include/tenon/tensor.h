/**
 * @file
 * Element types, shapes, and views of host memory.
 *
 * Everything a program hands in or gets back is canonical: row major, the last dimension closest
 * together. Images are N x H x W x 3 bytes, feature maps N x C x H x W, convolution weights
 * K x C/groups x R x S. How a device lays the same numbers out is its own affair.
 *
 * Threads: plain values and functions without a state; any thread may call all of them at once.
 */
#ifndef TENON_TENSOR_H
#define TENON_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TN_MAX_DIMS = 8 };

/** Types of one element. TN_F16 is IEEE 754 binary16; TN_BF16 the upper half of a binary32. */
typedef enum tn_dtype { TN_F32, TN_F16, TN_BF16, TN_I32, TN_U8 } tn_dtype;

/** Dimensions, slowest first. ndim 0 is a scalar: one element. Options have it for what is one number a dimension, too:
 *  axes, a permutation. */
typedef struct tn_shape {
    int ndim;
    int64_t dim[TN_MAX_DIMS];
} tn_shape;

/** TN_SHAPE(128, 3, 224, 224) */
#ifndef __cplusplus
#define TN_SHAPE(...) \
    ((tn_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#else /* which has no literals of arrays */
#define TN_SHAPE(...) tn_shape_of(__VA_ARGS__)
extern "C++" template <class... size> constexpr tn_shape tn_shape_of(size... dim)
{
    return tn_shape{static_cast<int>(sizeof...(dim)), {static_cast<int64_t>(dim)...}};
}
#endif

/** A view of host memory in canonical layout; owns nothing. */
typedef struct tn_tensor {
    tn_dtype dtype;
    tn_shape shape;
    void *data;
} tn_tensor;

/** @return bytes of one element, 0 for a value that is not a tn_dtype. */
TN_API size_t tn_dtype_bytes(tn_dtype dtype);

/** @return "f32", "f16", "bf16", "i32", "u8", or "?" */
TN_API const char *tn_dtype_name(tn_dtype dtype);

/**
 * Elements in a shape, checked.
 * @return TN_ERR_SHAPE if a dimension is below 1, there are too many, or the product overflows.
 */
TN_API TN_CHECKED tn_status tn_shape_count(const tn_shape *shape, int64_t *count);

/** Bytes of a tensor in canonical layout. @return TN_ERR_SHAPE as tn_shape_count(). */
TN_API TN_CHECKED tn_status tn_shape_bytes(const tn_shape *shape, tn_dtype dtype, size_t *bytes);

/** Text such as "128 x 3 x 224 x 224"; by value, so that it can stand in an argument list. */
typedef struct tn_shape_text {
    char text[128];
} tn_shape_text;
TN_API tn_shape_text tn_shape_format(const tn_shape *shape);

#ifdef __cplusplus
}
#endif
#endif
