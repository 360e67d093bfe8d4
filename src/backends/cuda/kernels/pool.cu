#include "backends/cuda/kernels/pooling.h"

/* ---- the largest -------------------------------------------------------------------------- */

template <class T, class I, int N> TN_DEVICE void max_forward(const tnk_pool_args &p)
{
    const T *x = static_cast<const T *>(p.from);
    T *y = static_cast<T *>(p.to);
    I *pick = static_cast<I *>(p.pick);
    TN_GRID_STRIDE(i, p.count)
    {
        const place to = place_of<N>(p, i);
        const span rows = span_of(p, 0, to.at[0]), columns = span_of(p, 1, to.at[1]);
        const int first = rows.begin * p.kernel[1] + columns.begin;
        float best[N];
        int tap[N];
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            best[j] = -INFINITY;
            tap[j] = first;
        }
        for (int r = rows.begin; r < rows.end; r++)
            for (int c = columns.begin; c < columns.end; c++) {
                const int h = rows.first + r * rows.step, w = columns.first + c * columns.step;
                const int here = r * p.kernel[1] + c;
                float v[N];
                tn_load_all(v, x + offset_of(to.image, p.in, h, w, p.channels, to.channel));
                TN_UNROLL
                for (int j = 0; j < N; j++)
                    if (!(v[j] <= best[j]) && best[j] == best[j]) {
                        best[j] = v[j];
                        tap[j] = here;
                    }
            }
        const int64_t at = i * N;
        tn_store_all(y + at, best);
        if (pick)
            store_picks(pick + at, tap);
    }
}

template <class T, class I, int N> TN_DEVICE void max_back(const tnk_pool_args &p)
{
    const T *dy = static_cast<const T *>(p.from);
    T *dx = static_cast<T *>(p.to);
    const I *pick = static_cast<const I *>(p.pick);
    TN_GRID_STRIDE(i, p.count)
    {
        const place to = place_of<N>(p, i);
        float sum[N] = {};
        gather_picked<T, I, N>(sum, p, to, dy, pick);
        tn_store_all(dx + i * N, sum);
    }
}

/* ---- means -------------------------------------------------------------------------------- */

template <class T, class I, int N> TN_DEVICE void mean_forward(const tnk_pool_args &p)
{
    const T *x = static_cast<const T *>(p.from);
    T *y = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.count)
    {
        const place to = place_of<N>(p, i);
        const span rows = span_of(p, 0, to.at[0]), columns = span_of(p, 1, to.at[1]);
        float sum[N] = {};
        for (int r = rows.begin; r < rows.end; r++)
            for (int c = columns.begin; c < columns.end; c++) {
                const int h = rows.first + r * rows.step, w = columns.first + c * columns.step;
                float v[N];
                tn_load_all(v, x + offset_of(to.image, p.in, h, w, p.channels, to.channel));
                TN_UNROLL
                for (int j = 0; j < N; j++)
                    sum[j] += v[j];
            }
        const float taps = static_cast<float>(rows.taps) * static_cast<float>(columns.taps);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            sum[j] /= taps;
        tn_store_all(y + i * N, sum);
    }
}

template <class T, class I, int N> TN_DEVICE void mean_back(const tnk_pool_args &p)
{
    const T *dy = static_cast<const T *>(p.from);
    T *dx = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.count)
    {
        const place to = place_of<N>(p, i);
        const windows rows = windows_over(p, 0, to.at[0]), columns = windows_over(p, 1, to.at[1]);
        float sum[N] = {};
        for (int r = rows.begin; r < rows.end; r++)
            for (int c = columns.begin; c < columns.end; c++) {
                if (tap_at(p, 0, r, to.at[0]) < 0 || tap_at(p, 1, c, to.at[1]) < 0)
                    continue;
                const float share = 1.0f / (static_cast<float>(span_of(p, 0, r).taps) *
                                            static_cast<float>(span_of(p, 1, c).taps));
                float v[N];
                tn_load_all(v, dy + offset_of(to.image, p.out, r, c, p.channels, to.channel));
                TN_UNROLL
                for (int j = 0; j < N; j++)
                    sum[j] += v[j] * share;
            }
        tn_store_all(dx + i * N, sum);
    }
}

/* ---- kernels ------------------------------------------------------------------------------ */

/* Windows of more than 256 taps are rare enough to go channel by channel. */
#define POOL(name, pass)                                           \
    template <class T> TN_DEVICE void name(const tnk_pool_args &p) \
    {                                                              \
        if (p.pick_bytes == 4)                                     \
            pass<T, int32_t, 1>(p);                                \
        else if (p.lanes > 1)                                      \
            pass<T, uint8_t, tn_lanes<T>>(p);                      \
        else                                                       \
            pass<T, uint8_t, 1>(p);                                \
    }                                                              \
    TN_KERNEL_TYPES(tnk_##name, struct tnk_pool_args, name)

POOL(pool_max, max_forward)
POOL(pool_max_back, max_back)
POOL(pool_mean, mean_forward)
POOL(pool_mean_back, mean_back)
