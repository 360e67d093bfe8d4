/*
 * A number below 2^31 divided by one that does not change, without a division, which costs a GPU dozens of
 * instructions in 32 bits and a hundred in 64: n / by is the upper half of n * factor, shifted, with
 * factor = ceil(2^(32 + shift) / by) and shift = ceil(log2(by)) - 1. The host makes one, kernels divide by it.
 * Source: Granlund and Montgomery 1994, "Division by invariant integers using multiplication".
 */
#ifndef TN_DIVISOR_H
#define TN_DIVISOR_H

#include "backends/cuda/kernels/gpu.h"

struct tnk_divisor {
    uint32_t by, factor, shift;
};
static inline struct tnk_divisor tnk_divisor_of(int64_t by)
{
    struct tnk_divisor d = {(uint32_t)by, 0, 0};
    uint32_t bits = 0;
    while (((int64_t)1 << bits) < by)
        bits++;
    if (by > 1) {
        d.shift = bits - 1;
        d.factor = (uint32_t)((((uint64_t)1 << (32 + d.shift)) + (uint64_t)by - 1) / (uint64_t)by);
    }
    return d;
}

#ifdef __cplusplus
/* The remainder; n becomes the quotient. */
TN_DEVICE uint32_t divide(uint32_t &n, const tnk_divisor &d)
{
    const uint32_t quotient = d.by == 1 ? n : __umulhi(n, d.factor) >> d.shift;
    const uint32_t rest = n - quotient * d.by;
    n = quotient;
    return rest;
}
#endif

#endif
