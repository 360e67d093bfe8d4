#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/elementwise.h"
#include "backends/cuda/kernels/vector.h"

/* ---- activations -------------------------------------------------------------------------- */

struct relu {
    TN_DEVICE float of(float x, float slope)
    {
        return !(x <= 0) ? x : slope == 0 ? 0.0f : slope * x;
    }
    TN_DEVICE float back(float y, float dy, float slope)
    {
        return y > 0 ? dy : slope == 0 ? 0.0f : slope * dy;
    }
};
struct sigmoid {
    TN_DEVICE float of(float x, float)
    {
        return 1 / (1 + expf(-x));
    }
    TN_DEVICE float back(float y, float dy, float)
    {
        return dy * y * (1 - y);
    }
};
struct hyperbolic {
    TN_DEVICE float of(float x, float)
    {
        return tanhf(x);
    }
    TN_DEVICE float back(float y, float dy, float)
    {
        return dy * (1 - y * y);
    }
};

template <class F> struct map {
    template <class T> TN_DEVICE void forward(const tnk_map_args &p)
    {
        constexpr int N = tn_lanes<T>;
        const T *x = static_cast<const T *>(p.x);
        T *y = static_cast<T *>(p.y);
        const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(y);
        TN_GRID_STRIDE(i, tn_groups<N>(p.count))
        {
            float v[N];
            tn_read(v, x, i, p.count, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = F::of(v[j], p.slope);
            tn_write(y, v, i, p.count, whole);
        }
    }
    template <class T> TN_DEVICE void back(const tnk_map_back_args &p)
    {
        constexpr int N = tn_lanes<T>;
        const T *y = static_cast<const T *>(p.y), *dy = static_cast<const T *>(p.dy);
        T *dx = static_cast<T *>(p.dx);
        const bool whole = tn_aligned<T, N>(y) && tn_aligned<T, N>(dy) && tn_aligned<T, N>(dx);
        TN_GRID_STRIDE(i, tn_groups<N>(p.count))
        {
            float u[N], v[N];
            tn_read(u, y, i, p.count, whole);
            tn_read(v, dy, i, p.count, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = F::back(u[j], v[j], p.slope);
            tn_write(dx, v, i, p.count, whole);
        }
    }
};
TN_KERNEL_TYPES(tnk_relu, struct tnk_map_args, map<relu>::forward)
TN_KERNEL_TYPES(tnk_relu_back, struct tnk_map_back_args, map<relu>::back)
TN_KERNEL_TYPES(tnk_sigmoid, struct tnk_map_args, map<sigmoid>::forward)
TN_KERNEL_TYPES(tnk_sigmoid_back, struct tnk_map_back_args, map<sigmoid>::back)
TN_KERNEL_TYPES(tnk_tanh, struct tnk_map_args, map<hyperbolic>::forward)
TN_KERNEL_TYPES(tnk_tanh_back, struct tnk_map_back_args, map<hyperbolic>::back)

/* ---- sums --------------------------------------------------------------------------------- */

template <class T> TN_DEVICE void add(const tnk_add_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *a = static_cast<const T *>(p.a), *b = static_cast<const T *>(p.b);
    T *y = static_cast<T *>(p.y);
    const bool whole = tn_aligned<T, N>(a) && tn_aligned<T, N>(b) && tn_aligned<T, N>(y);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float u[N], v[N];
        tn_read(u, a, i, p.count, whole);
        tn_read(v, b, i, p.count, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] += u[j];
        tn_write(y, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_add, struct tnk_add_args, add)

/* ---- dropout ------------------------------------------------------------------------------ */

/* Four numbers of the stream from `at` on. It is made of groups of four; a share of a batch may begin inside
 * of one. */
TN_DEVICE tn_philox4 four_from(uint64_t seed, uint64_t stream, uint64_t at)
{
    tn_philox4 r = tn_philox_dropout(seed, stream, at / 4);
    if (at % 4 == 0)
        return r;
    const tn_philox4 next = tn_philox_dropout(seed, stream, at / 4 + 1);
    uint32_t w[8];
    TN_UNROLL
    for (int k = 0; k < 4; k++) {
        w[k] = r.word[k];
        w[k + 4] = next.word[k];
    }
    TN_UNROLL
    for (int k = 0; k < 4; k++) { /* no index that is known only then: w stays in registers */
        const uint32_t even = at & 2 ? w[k + 2] : w[k];
        const uint32_t odd = at & 2 ? w[k + 3] : w[k + 1];
        r.word[k] = at & 1 ? odd : even;
    }
    return r;
}

template <class T> TN_DEVICE void dropout(const tnk_dropout_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *x = static_cast<const T *>(p.x);
    T *y = static_cast<T *>(p.y);
    const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(y);
    const uint64_t seed = p.control->seed;
    const uint64_t stream = p.name ^ (p.control->step * UINT64_C(0x9E3779B97F4A7C15));
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float v[N];
        tn_read(v, x, i, p.count, whole);
        TN_UNROLL
        for (int j = 0; j < N; j += 4) {
            const tn_philox4 r =
                four_from(seed, stream, static_cast<uint64_t>(p.first + i * N + j));
            TN_UNROLL
            for (int k = 0; k < 4; k++)
                v[j + k] = r.word[k] < p.threshold ? 0.0f : v[j + k] * p.scale;
        }
        tn_write(y, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_dropout, struct tnk_dropout_args, dropout)

/* ---- images ------------------------------------------------------------------------------- */

template <class T> TN_DEVICE void image(const tnk_image_args &p)
{
    T *y = static_cast<T *>(p.y);
    TN_GRID_STRIDE(i, p.pixels)
    {
        const uint8_t *x = p.x + i * p.channels;
        float v[4];
        TN_UNROLL
        for (int c = 0; c < 4; c++)
            v[c] = c < p.channels ? (static_cast<float>(x[c]) - p.mean[c]) * p.scale[c] : 0.0f;
        tn_store_all(y + 4 * i, v);
    }
}
TN_KERNEL_TYPES(tnk_image, struct tnk_image_args, image)
