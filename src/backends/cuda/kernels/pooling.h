/*
 * Where windows of pooling lie, and which tap was the largest: for .cu files.
 */
#ifndef TN_POOLING_H
#define TN_POOLING_H

#include "backends/cuda/kernels/pool.h"
#include "backends/cuda/kernels/vector.h"

/* A thread does N channels of one pixel: those from `channel` on. */
struct place {
    int64_t image, channel;
    int at[2]; /* row and column */
};

template <int N> TN_DEVICE place place_of(const tnk_pool_args &p, int64_t i)
{
    uint32_t n = static_cast<uint32_t>(i);
    place r;
    r.channel = static_cast<int64_t>(divide(n, p.groups)) * N;
    r.at[1] = static_cast<int>(divide(n, p.columns));
    r.at[0] = static_cast<int>(divide(n, p.rows));
    r.image = n;
    return r;
}

/* What window number i of one direction covers: its taps begin to end - 1 lie in x. */
struct span {
    int first; /* of its taps; may be in the padding */
    int step;  /* from one to the next */
    int begin, end;
    int taps; /* that a mean is divided by */
};

/* Taps that begin before the end of so many pixels. */
TN_DEVICE int taps_before(int pixels, const tnk_divisor &step)
{
    uint32_t n = static_cast<uint32_t>(max(pixels, 0)) + step.by - 1;
    divide(n, step);
    return static_cast<int>(n);
}

TN_DEVICE span span_of(const tnk_pool_args &p, int direction, int i)
{
    const tnk_divisor &step = p.dilation[direction];
    const int kernel = p.kernel[direction];
    span s;
    s.first = i * static_cast<int>(p.stride[direction].by) - p.pad[direction];
    s.step = static_cast<int>(step.by);
    const int left = p.in[direction] - s.first;
    s.begin = taps_before(-s.first, step);
    s.end = min(kernel, taps_before(left, step));
    s.taps =
        p.counts_pad ? min(kernel, taps_before(left + p.after[direction], step)) : s.end - s.begin;
    return s;
}

/* Which tap of window number i the row or column `at` is, below 0 if none. */
TN_DEVICE int tap_at(const tnk_pool_args &p, int direction, int i, int at)
{
    const int first = i * static_cast<int>(p.stride[direction].by) - p.pad[direction];
    uint32_t n = static_cast<uint32_t>(at - first);
    return divide(n, p.dilation[direction]) ? -1 : static_cast<int>(n);
}

/* The windows of one direction that cover row or column i of x: begin to end - 1. */
struct windows {
    int begin, end;
};

TN_DEVICE windows windows_over(const tnk_pool_args &p, int direction, int i)
{
    const int at = i + p.pad[direction], before = at - p.reach[direction];
    uint32_t last = static_cast<uint32_t>(at), left = static_cast<uint32_t>(max(before, 0));
    divide(last, p.stride[direction]);
    divide(left, p.stride[direction]);
    windows w;
    w.begin = before < 0 ? 0 : static_cast<int>(left) + 1;
    w.end = min(static_cast<int>(last) + 1, p.out[direction]);
    return w;
}

/* Elements of a plane pixel are `channels` apart. */
TN_DEVICE int64_t offset_of(int64_t image, const int32_t (&size)[2], int row, int column,
                            int64_t channels, int64_t channel)
{
    return ((image * size[0] + row) * size[1] + column) * channels + channel;
}

/* ---- picks: several bytes are moved as one ------------------------------------------------ */

template <class I, int N> TN_DEVICE void store_picks(I *to, const int (&tap)[N])
{
    if constexpr (N == 1) {
        *to = static_cast<I>(tap[0]);
    } else {
        alignas(16) I v[N];
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = static_cast<I>(tap[j]);
#ifdef __CUDACC__
        typedef typename tn_word<N * sizeof(I)>::type word;
        *reinterpret_cast<word *>(to) = *reinterpret_cast<const word *>(v);
#else
        std::memcpy(to, v, sizeof v);
#endif
    }
}

template <class I, int N> TN_DEVICE void load_picks(int (&tap)[N], const I *from)
{
    if constexpr (N == 1) {
        tap[0] = *from;
    } else {
        alignas(16) I v[N];
#ifdef __CUDACC__
        typedef typename tn_word<N * sizeof(I)>::type word;
        *reinterpret_cast<word *>(v) = *reinterpret_cast<const word *>(from);
#else
        std::memcpy(v, from, sizeof v);
#endif
        TN_UNROLL
        for (int j = 0; j < N; j++)
            tap[j] = v[j];
    }
}

/* What the windows over one pixel of x give it: of dy of those whose pick it is. */
template <class T, class I, int N>
TN_DEVICE void gather_picked(float (&sum)[N], const tnk_pool_args &p, const place &to, const T *dy,
                             const I *pick)
{
    const windows rows = windows_over(p, 0, to.at[0]), columns = windows_over(p, 1, to.at[1]);
    for (int r = rows.begin; r < rows.end; r++)
        for (int c = columns.begin; c < columns.end; c++) {
            const int64_t at = offset_of(to.image, p.out, r, c, p.channels, to.channel);
            const int down = tap_at(p, 0, r, to.at[0]), across = tap_at(p, 1, c, to.at[1]);
            const int here = down * p.kernel[1] + across;
            int tap[N];
            if (down < 0 || across < 0)
                continue;
            float v[N];
            load_picks(tap, pick + at);
            tn_load_all(v, dy + at);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                if (tap[j] == here)
                    sum[j] += v[j];
        }
}

#endif
