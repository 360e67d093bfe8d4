#include "backends/cuda/kernels/batchnorm_parts.h"
#include "backends/cuda/kernels/batchnorm_pool.h"
#include "backends/cuda/kernels/pooling.h"

/* Those of the channels from `channel` on; a thread mostly stays with the same. */
template <int N>
TN_DEVICE void load_lines_of(lines<N> &to, const tnk_batchnorm_pool_args &p, int64_t channel)
{
    load_lines(to, p.mean + channel, p.var + channel, p.weight + channel, p.bias + channel,
               p.epsilon);
}

/* Images that count. */
TN_DEVICE int64_t images_of(const tnk_columns &g)
{
    return counted(g) / g.area;
}

template <class T, int N> TN_DEVICE void largest(const tnk_batchnorm_pool_args &p)
{
    const tnk_pool_args &o = p.pool;
    const T *x = static_cast<const T *>(o.from);
    T *y = static_cast<T *>(o.to), *raw = static_cast<T *>(p.largest);
    uint8_t *pick = static_cast<uint8_t *>(o.pick);
    const int64_t images = images_of(p.grid);
    int64_t channel = -1;
    lines<N> l = {};
    TN_GRID_STRIDE(i, o.count)
    {
        const place to = place_of<N>(o, i);
        const span rows = span_of(o, 0, to.at[0]), columns = span_of(o, 1, to.at[1]);
        float best[N], from[N] = {};
        int tap[N];
        if (to.channel != channel)
            load_lines_of(l, p, channel = to.channel);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            best[j] = -INFINITY;
            tap[j] = rows.begin * o.kernel[1] + columns.begin;
        }
        for (int r = rows.begin; r < rows.end; r++)
            for (int c = columns.begin; c < columns.end; c++) {
                const int h = rows.first + r * rows.step, w = columns.first + c * columns.step;
                float u[N];
                tn_load_all(u, x + offset_of(to.image, o.in, h, w, o.channels, to.channel));
                TN_UNROLL
                for (int j = 0; j < N; j++) {
                    const float v = normal(l, j, u[j]);
                    if (!(v <= best[j]) && best[j] == best[j]) {
                        best[j] = v;
                        from[j] = u[j];
                        tap[j] = r * o.kernel[1] + c;
                    }
                }
            }
        TN_UNROLL
        for (int j = 0; j < N; j++)
            best[j] = to.image >= images || (p.relu && 0.0f > best[j]) ? 0.0f : best[j];
        tn_store_all(y + i * N, best);
        if (pick)
            store_picks(pick + i * N, tap);
        if (raw)
            tn_store_all(raw + i * N, from);
    }
}

template <class T, int N> TN_DEVICE void largest_back(const tnk_batchnorm_pool_args &p)
{
    const tnk_pool_args &o = p.pool;
    const T *dy = static_cast<const T *>(o.from), *x = static_cast<const T *>(p.x);
    T *dx = static_cast<T *>(o.to);
    const uint8_t *pick = static_cast<const uint8_t *>(o.pick);
    const tnk_batchnorm_gate gate = {nullptr, p.bias, p.relu};
    const int64_t images = images_of(p.grid);
    int64_t channel = -1;
    lines<N> l = {};
    float even[N] = {}, slope[N] = {};
    TN_GRID_STRIDE(i, o.count)
    {
        const place to = place_of<N>(o, i);
        float u[N], g[N] = {};
        if (to.channel != channel) {
            load_lines_of(l, p, channel = to.channel);
            load_coefficients(even, slope, p.coefficient, channel);
        }
        tn_load_all(u, x + i * N);
        gather_picked<T, uint8_t, N>(g, o, to, dy, pick);
        pass_gate(g, gate, l, u, 0);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            g[j] = to.image < images ? slant(l, j, g[j], u[j], even[j], slope[j]) : 0.0f;
        tn_store_all(dx + i * N, g);
    }
}

#define POOLED(name, pass)                                                         \
    template <class T> TN_DEVICE void name##_any(const tnk_batchnorm_pool_args &p) \
    {                                                                              \
        if (p.pool.lanes == 1)                                                     \
            pass<T, 1>(p);                                                         \
        else                                                                       \
            pass<T, tn_lanes<T>>(p);                                               \
    }                                                                              \
    TN_KERNEL_TYPES(name, struct tnk_batchnorm_pool_args, name##_any)

POOLED(tnk_batchnorm_pool, largest)
POOLED(tnk_batchnorm_pool_back, largest_back)
