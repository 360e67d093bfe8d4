#include "backends/cuda/kernels/top.h"
#include "backends/cuda/kernels/vector.h"

/* As tn_comes_first(). */
TN_DEVICE bool comes_first(const tnk_top_args &p, float a, int64_t i, float b, int64_t j)
{
    const bool nan_a = a != a, nan_b = b != b;
    if (nan_a != nan_b)
        return nan_a;
    if (nan_a || a == b)
        return p.last ? i > j : i < j;
    return p.smallest ? a < b : a > b;
}

template <class T> TN_DEVICE void top(const tnk_top_args &p)
{
    T *values = static_cast<T *>(p.values);
    TN_GRID_STRIDE(n, p.outer * p.size * p.inner)
    {
        const int64_t inner = n % p.inner, i = n / p.inner % p.size, outer = n / p.inner / p.size;
        const T *x = static_cast<const T *>(p.x) + outer * p.size * p.inner + inner;
        const float own = tn_load(x + i * p.inner);
        int64_t before = 0;
        for (int64_t j = 0; j < p.size && before < p.k; j++)
            before += comes_first(p, tn_load(x + j * p.inner), j, own, i);
        const int64_t to = (outer * p.k + before) * p.inner + inner;
        if (before < p.k && values)
            values[to] = x[i * p.inner];
        if (before < p.k && p.indices)
            p.indices[to] = static_cast<int32_t>(i);
    }
}
TN_KERNEL_TYPES(tnk_top, struct tnk_top_args, top)
