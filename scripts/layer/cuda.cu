#include "backends/cuda/kernels/NAME.h"
#include "backends/cuda/kernels/vector.h"

template <class T> TN_DEVICE void NAME(const tnk_NAME_args &p)
{
    constexpr int N = tn_lanes<T>; /* 16 bytes a thread */
    const T *from = static_cast<const T *>(p.from);
    T *to = static_cast<T *>(p.to);
    const bool whole = tn_aligned<T, N>(from) && tn_aligned<T, N>(to);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float v[N];
        tn_read(v, from, i, p.count, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = p.factor * v[j];
        tn_write(to, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_NAME, struct tnk_NAME_args, NAME)
