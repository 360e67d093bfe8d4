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
        const windows rows = windows_over(p, 0, to.at[0]), columns = windows_over(p, 1, to.at[1]);
        float sum[N] = {};
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
