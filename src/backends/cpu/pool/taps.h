/*
 * Which tap of a window is the largest, for vectors of LANES floats, and how that is saved. The first of the
 * largest counts. A NaN is larger than anything, so that it shows, and stays one behind relu.
 */
#ifndef TN_CPU_POOL2D_TAPS_H
#define TN_CPU_POOL2D_TAPS_H

#include <stdbool.h>
#include <string.h>

#include "backends/cpu/pool/pool2d.h"
#include "backends/cpu/vector/vector.h"

INLINE mask choose(mask which, mask a, mask b)
{
    return (which & a) | (~which & b);
}

/* Tap number `here`, which is v, comes next. */
INLINE void keep_larger(vec v, int32_t here, bool is_first, vec *best, mask *tap)
{
    const mask better = ~(v <= *best) & (*best == *best);
    *best = is_first ? v : (vec)choose(better, (mask)v, (mask)*best);
    *tap = is_first ? (mask){0} + here : choose(better, (mask){0} + here, *tap);
}

/* The relu behind it. */
INLINE void cut_largest(vec *best, mask *tap)
{
    *tap = choose(*best > 0, *tap, (mask){0} + TN_POOL_NO_TAP);
    *best = (vec)((mask)*best & ~(*best < 0));
}

typedef uint16_t halves __attribute__((vector_size(LANES * 2)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));

/* In two steps, which compilers have instructions for. */
INLINE void save_taps(void *taps, int64_t at, mask tap, int tap_bytes)
{
    const bytes small = __builtin_convertvector(__builtin_convertvector(tap, halves), bytes);
    if (tap_bytes == 1)
        memcpy((uint8_t *)taps + at, &small, sizeof small);
    else
        memcpy((int32_t *)taps + at, &tap, sizeof tap);
}

INLINE mask saved_taps(const void *taps, int64_t at, int tap_bytes)
{
    bytes small;
    mask tap;
    if (tap_bytes == 1) {
        memcpy(&small, (const uint8_t *)taps + at, sizeof small);
        return __builtin_convertvector(__builtin_convertvector(small, halves), mask);
    }
    memcpy(&tap, (const int32_t *)taps + at, sizeof tap);
    return tap;
}

#endif
