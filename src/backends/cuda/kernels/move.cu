#include "backends/cuda/kernels/move.h"
#include "backends/cuda/kernels/vector.h"

template <int unit> TN_DEVICE void move(const tnk_move_args &p)
{
    typedef typename tn_word<unit>::type word;
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t n = static_cast<uint32_t>(i);
        int64_t from = p.from_at, to = p.to_at;
        for (int d = p.ndim - 1; d >= 0; d--) {
            const uint32_t at = divide(n, p.dim[d]);
            from += at * p.from_step[d];
            to += at * p.to_step[d];
        }
        static_cast<word *>(p.to)[to] = static_cast<const word *>(p.from)[from];
    }
}

TN_KERNEL(tnk_move, struct tnk_move_args)
{
    if (p.unit == 16)
        move<16>(p);
    else if (p.unit == 8)
        move<8>(p);
    else if (p.unit == 4)
        move<4>(p);
    else
        move<2>(p);
}

template <class T> TN_DEVICE void fill(const tnk_fill_args &p)
{
    constexpr int N = tn_lanes<T>;
    T *to = static_cast<T *>(p.to);
    float v[N];
    TN_UNROLL
    for (int j = 0; j < N; j++)
        v[j] = p.value;
    const bool whole = tn_aligned<T, N>(to);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    tn_write(to, v, i, p.count, whole);
}
TN_KERNEL_TYPES(tnk_fill, struct tnk_fill_args, fill)
