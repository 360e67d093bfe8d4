/*
 * Blocks of channels of depthwise.h, for code that is compiled once for each set of instructions: LANES floats a vector, PARTS
 * of those a block; and pixels of them, beside a row too.
 */
#ifndef TN_CPU_DEPTHWISE_LANES_H
#define TN_CPU_DEPTHWISE_LANES_H

#include <stdbool.h>

#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define PARTS 1
#elif defined TN_ISA_AVX2
#define LANES 8
#define PARTS 1
#else
#define LANES 4 /* oneDNN blocks by 8 there: halved */
#define PARTS 2
#endif

#include "backends/cpu/vector/vector.h"

enum { BLOCK = LANES * PARTS };

static const float zeros[BLOCK];

/* A pixel of a row of `width`; beside it, which is looked at if it is checked, zeros. */
INLINE vec pixel(const float *row, int64_t width, int64_t column, bool checked)
{
    return load(checked && (uint64_t)column >= (uint64_t)width ? zeros : row + column * BLOCK);
}

#endif
