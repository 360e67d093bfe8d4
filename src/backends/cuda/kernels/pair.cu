#include "backends/cuda/kernels/pair.h"
#include "backends/cuda/kernels/vector.h"

/* ---- the losses --------------------------------------------------------------------------- */

/* Of one element, and its slopes by x and by the target t. */
struct square {
    TN_DEVICE float value(float x, float t, float)
    {
        return (x - t) * (x - t);
    }
    TN_DEVICE void slopes(float &x, float &t, float)
    {
        x = 2 * (x - t);
        t = -x;
    }
};

struct absolute {
    TN_DEVICE float value(float x, float t, float)
    {
        return fabsf(x - t);
    }
    TN_DEVICE void slopes(float &x, float &t, float)
    {
        const float off = x - t;
        x = off > 0 ? 1.0f : off < 0 ? -1.0f : off; /* a NaN stays one */
        t = -x;
    }
};

struct huber {
    TN_DEVICE float value(float x, float t, float delta)
    {
        const float off = fabsf(x - t);
        return off <= delta ? 0.5f * off * off : delta * (off - 0.5f * delta);
    }
    TN_DEVICE void slopes(float &x, float &t, float delta)
    {
        const float off = x - t;
        x = off > delta ? delta : off < -delta ? -delta : off;
        t = -x;
    }
};

struct binary {
    /* log(1 + exp(-x)) */
    TN_DEVICE float softplus(float x)
    {
        return (x < 0 ? -x : 0.0f) + log1pf(expf(-fabsf(x)));
    }
    TN_DEVICE float value(float x, float t, float positive)
    {
        return (1 - t) * x + (1 + (positive - 1) * t) * softplus(x);
    }
    TN_DEVICE void slopes(float &x, float &t, float positive)
    {
        const float by_t = (positive - 1) * softplus(x) - x;
        const float e = expf(-fabsf(x)), rest = (x >= 0 ? e : 1.0f) / (1 + e); /* sigmoid(-x) */
        x = (1 - t) - (1 + (positive - 1) * t) * rest;
        t = by_t;
    }
};

/* ---- rows --------------------------------------------------------------------------------- */

TN_DEVICE int64_t counted(const tnk_pair_rows &r)
{
    return r.control ? r.control->rows * r.each : r.count;
}
TN_DEVICE double divisor(const tnk_pair_rows &r)
{
    if (!r.control)
        return static_cast<double>(r.count);
    const double all = static_cast<double>(r.control->all_rows * r.each) / r.shares;
    return all > 0 ? all : 1; /* then all sums are 0 */
}

/* Group i of N out of `count` numbers, f32 or T. */
template <class T, int N>
TN_DEVICE void read_either(float (&to)[N], const void *from, bool is_f32, int64_t i, int64_t count)
{
    if (is_f32) {
        const float *p = static_cast<const float *>(from);
        tn_read(to, p, i, count, tn_aligned<float, N>(p));
    } else {
        const T *p = static_cast<const T *>(from);
        tn_read(to, p, i, count, tn_aligned<T, N>(p));
    }
}
template <class T, int N>
TN_DEVICE void write_either(void *to, const float (&from)[N], bool is_f32, int64_t i, int64_t count)
{
    if (is_f32) {
        float *p = static_cast<float *>(to);
        tn_write(p, from, i, count, tn_aligned<float, N>(p));
    } else {
        T *p = static_cast<T *>(to);
        tn_write(p, from, i, count, tn_aligned<T, N>(p));
    }
}

/* ---- passes ------------------------------------------------------------------------------- */

template <class T, class L> TN_DEVICE void pair_of(const tnk_pair_args &p)
{
    constexpr int N = tn_lanes<T>;
    const int64_t count = counted(p.rows);
    float sum = 0;
    TN_GRID_STRIDE(i, tn_groups<N>(count))
    {
        float u[N], v[N], part = 0;
        read_either<T>(u, p.x[0], p.is_f32[0], i, count);
        read_either<T>(v, p.x[1], p.is_f32[1], i, count);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            part += i * N + j < count ? L::value(u[j], v[j], p.loss.number) : 0.0f;
        sum += part;
    }
    sum = tn_block_sum(sum);
    if (threadIdx.x == 0)
        p.part[blockIdx.x] = sum;
}

TN_KERNEL(tnk_pair_sum, struct tnk_pair_sum_args)
{
    double sum = 0;
    for (int64_t i = threadIdx.x; i < p.parts; i += blockDim.x)
        sum += static_cast<double>(p.part[i]);
    sum = tn_block_sum(sum);
    if (threadIdx.x == 0)
        *p.mean = static_cast<float>(sum / divisor(p.rows));
}

template <class T, class L> TN_DEVICE void pair_back_of(const tnk_pair_back_args &p)
{
    constexpr int N = tn_lanes<T>;
    const int64_t all = p.rows.count, count = counted(p.rows);
    const float factor = static_cast<float>(1 / divisor(p.rows)) * *p.dy;
    TN_GRID_STRIDE(i, tn_groups<N>(all))
    {
        float u[N], v[N];
        read_either<T>(u, p.x[0], p.is_f32[0], i, all);
        read_either<T>(v, p.x[1], p.is_f32[1], i, all);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            L::slopes(u[j], v[j], p.loss.number);
            u[j] = i * N + j < count ? factor * u[j] : 0.0f;
            v[j] = i * N + j < count ? factor * v[j] : 0.0f;
        }
        if (p.dx[0])
            write_either<T>(p.dx[0], u, p.is_f32[0], i, all);
        if (p.dx[1])
            write_either<T>(p.dx[1], v, p.is_f32[1], i, all);
    }
}

#define OF_KIND(name, args, pass)                         \
    template <class T> TN_DEVICE void name(const args &p) \
    {                                                     \
        switch (p.loss.kind) {                            \
        case TNK_PAIR_SQUARE:                             \
            return pass<T, square>(p);                    \
        case TNK_PAIR_L1:                                 \
            return pass<T, absolute>(p);                  \
        case TNK_PAIR_HUBER:                              \
            return pass<T, huber>(p);                     \
        case TNK_PAIR_BINARY:                             \
            return pass<T, binary>(p);                    \
        }                                                 \
    }

OF_KIND(pair, tnk_pair_args, pair_of)
OF_KIND(pair_back, tnk_pair_back_args, pair_back_of)
TN_KERNEL_TYPES(tnk_pair, struct tnk_pair_args, pair)
TN_KERNEL_TYPES(tnk_pair_back, struct tnk_pair_back_args, pair_back)
