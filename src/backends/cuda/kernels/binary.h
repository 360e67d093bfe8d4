/*
 * Functions of two values, element by element with broadcasting, and sums of their gradients. All of one call are numbers
 * of one type, the kernel's. Which formula it is, is a number: all threads take the same way, and wait for memory.
 */
#ifndef TN_BINARY_H
#define TN_BINARY_H

#include "backends/cuda/kernels/divisor.h"

/* By layers/<op>.c; what is behind the name is the gradient of a or of b. */
enum tnk_formula {
    TNK_ADD,
    TNK_SUB,
    TNK_MUL,
    TNK_DIV,
    TNK_POW,
    TNK_MINIMUM,
    TNK_MAXIMUM,
    TNK_MASK,
    TNK_DY,
    TNK_MINUS_DY,
    TNK_MUL_A,
    TNK_MUL_B,
    TNK_DIV_A,
    TNK_DIV_B,
    TNK_POW_A,
    TNK_POW_B,
    TNK_UNLESS_ABOVE, /* dy where a < b, half of it where they are equal */
    TNK_UNLESS_BELOW,
    TNK_MASK_A,
    TNK_MASK_B,
    TNK_PRELU,
    TNK_PRELU_A,
    TNK_PRELU_B,
    TNK_SCALE
};

/* Places in a, b, dy (or y) and the gradient, along some dimensions, the outermost first: from one to the next. Number
 * n of `count` is of the outermost n divided by all others; these have fewer than 2^31. */
enum { TNK_PLACES_DIMS = 8, TNK_A = 0, TNK_B, TNK_Y, TNK_GRADIENT, TNK_PLACES };
struct tnk_places {
    int32_t ndim;
    struct tnk_divisor dim[TNK_PLACES_DIMS];
    int64_t step[TNK_PLACES_DIMS][TNK_PLACES];
};

/* to = formula(a, b, dy or c), `count` elements without gaps. With one dimension count may be anything. `whole`: the innermost
 * dimension is made of vectors of 16 bytes, in a and b too unless they stay there. */
struct tnk_binary_args {
    const void *a, *b, *dy; /* dy: NULL if it is no gradient */
    const void *c;          /* goes as b does; of TNK_SCALE, which adds it to a product, alone */
    void *to;               /* may be a or dy if that goes as it does */
    int64_t count;
    struct tnk_places at;
    int32_t formula, whole;
};
TN_KERNEL_DECL_TYPES(tnk_binary, struct tnk_binary_args);

/* part[k, i] = the sum of formula(a, b, dy) over the places of part k out of `parts` in `summed`, for place i of `count`
 * in `kept`. tiles * parts blocks of TNK_BINARY_BLOCK threads, of which `across` (a power of 2) stand side by side, each
 * with its own i, and the others take every so many of what is summed up. */
enum { TNK_BINARY_BLOCK = 256 };
struct tnk_binary_sum_args {
    const void *a, *b, *dy;
    float *part;
    int64_t count, all; /* places in kept; in summed */
    struct tnk_places kept, summed;
    int32_t tiles, parts, across, formula;
};
TN_KERNEL_DECL_TYPES(tnk_binary_sum, struct tnk_binary_sum_args);

/* The gradient at place i of kept = the sum of part[k, i] over k, in the kernel's type. */
struct tnk_binary_end_args {
    const float *part;
    void *gradient;
    int64_t count;
    struct tnk_places kept;
    int32_t parts;
};
TN_KERNEL_DECL_TYPES(tnk_binary_end, struct tnk_binary_end_args);

#endif
