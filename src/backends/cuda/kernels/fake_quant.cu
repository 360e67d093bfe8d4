#include "backends/cuda/kernels/fake_quant.h"
#include "backends/cuda/kernels/vector.h"

TN_DEVICE float scale_of(const tnk_fake_quant_args &p, int64_t i)
{
    if (!p.scales)
        return p.scale;
    if (p.channels.by == 1)
        return p.scales[0];
    uint32_t line = static_cast<uint32_t>(i);
    divide(line, p.inner);
    return p.scales[divide(line, p.channels)];
}

/* A NaN stays one. */
template <class T> TN_DEVICE void fake_quant(const tnk_fake_quant_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *x = static_cast<const T *>(p.x), *dy = static_cast<const T *>(p.dy);
    T *to = static_cast<T *>(p.to);
    const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(to) && (!dy || tn_aligned<T, N>(dy));
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float u[N], v[N];
        tn_read(u, x, i, p.count, whole);
        if (dy)
            tn_read(v, dy, i, p.count, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const int64_t at = i * N + j;
            const float scale = scale_of(p, at < p.count ? at : 0), number = rintf(u[j] / scale);
            const bool below = number<p.low, above = number> p.high;
            if (dy)
                v[j] = below || above ? 0 : v[j];
            else
                v[j] = (below ? p.low : above ? p.high : number) * scale;
        }
        tn_write(to, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_fake_quant, struct tnk_fake_quant_args, fake_quant)

template <class T> TN_DEVICE void find_scales(const tnk_fake_quant_scales_args &p)
{
    const T *x = static_cast<const T *>(p.x);
    for (int64_t c = blockIdx.x; c < p.channels; c += gridDim.x) {
        float most = 0;
        for (int64_t o = 0; o < p.outer; o++)
            for (int64_t i = threadIdx.x; i < p.inner; i += blockDim.x) {
                const float size = fabsf(tn_load(x + (o * p.channels + c) * p.inner + i));
                most = size > most ? size : most;
            }
        most = tn_block_max(most);
        if (threadIdx.x == 0)
            p.scales[c] = most > 0 ? most / p.high : 1.0f;
    }
}
TN_KERNEL_TYPES(tnk_fake_quant_scales, struct tnk_fake_quant_scales_args, find_scales)
