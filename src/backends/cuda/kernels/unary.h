/*
 * Functions of one value, element by element, and their gradients. Which formula it is, is a number: all threads take the
 * same way, and wait for memory. All of one call are numbers of one type, the kernel's.
 */
#ifndef TN_UNARY_H
#define TN_UNARY_H

#include "backends/cuda/kernels/gpu.h"

/* By layers/<op>.c. */
enum tnk_unary_formula {
    TNK_ABS,
    TNK_ATAN,
    TNK_CEIL,
    TNK_CELU, /* k: alpha */
    TNK_CLIP, /* k: min, max */
    TNK_COS,
    TNK_ELU, /* k: alpha */
    TNK_ERF,
    TNK_EXP,
    TNK_FLOOR,
    TNK_GELU,
    TNK_GELU_TANH,
    TNK_HARDSIGMOID, /* k: alpha, beta */
    TNK_HARDSWISH,
    TNK_LOG,
    TNK_MISH,
    TNK_NEG,
    TNK_RECIPROCAL,
    TNK_ROUND,
    TNK_SELU, /* k: alpha, gamma */
    TNK_SIGN,
    TNK_SIN,
    TNK_SOFTPLUS,
    TNK_SOFTSIGN,
    TNK_SQRT,
    TNK_SWISH,
    TNK_THRESHOLDED_RELU /* k: alpha */
};

/* to = f(x), or with dy dy * f'(x), `count` of them; `from` is x, or y for the gradient of a formula that reads that. */
struct tnk_unary_args {
    const void *from, *dy;
    void *to; /* may be one of them */
    int64_t count;
    int32_t formula;
    float k[2];
};
TN_KERNEL_DECL_TYPES(tnk_unary, struct tnk_unary_args);
TN_KERNEL_DECL_TYPES(tnk_unary_back, struct tnk_unary_args);

#endif
