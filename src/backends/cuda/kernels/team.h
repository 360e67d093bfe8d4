/*
 * A row to a team of threads: to a warp, or if `wide` to a whole block. For .cu files.
 *
 *     const tn_team<wide> team = tn_my_team<wide>();
 *     for (int64_t row = team.first; row < rows; row += team.step) {
 *         float sum = 0;
 *         for (int64_t i = team.rank; i < columns; i += team.size)
 *             sum += tn_load(x + row * columns + i);
 *         sum = team.sum(sum);
 */
#ifndef TN_TEAM_H
#define TN_TEAM_H

#include "backends/cuda/kernels/vector.h"

template <bool wide> struct tn_team {
    int rank, size;      /* this thread's place in the team, and how many it has */
    int64_t first, step; /* the team's rows */

    template <class T> TN_DEVICE T sum(T x)
    {
        if constexpr (wide)
            return tn_block_sum(x);
        else
            return tn_warp_sum(x);
    }
    /* NaN if any is. */
    TN_DEVICE float max(float x)
    {
        if constexpr (wide)
            return tn_block_max(x);
        else
            return tn_warp_max(x);
    }
};

template <bool wide> TN_DEVICE tn_team<wide> tn_my_team()
{
    if constexpr (wide) {
        return {static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x), blockIdx.x, gridDim.x};
    } else {
        const int64_t threads = blockDim.x;
        return {static_cast<int>(threadIdx.x) % TN_WARP, TN_WARP,
                (blockIdx.x * threads + threadIdx.x) / TN_WARP, gridDim.x * threads / TN_WARP};
    }
}

#endif
