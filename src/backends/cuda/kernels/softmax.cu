#include "backends/cuda/kernels/softmax.h"
#include "backends/cuda/kernels/team.h"

/* What y is of x less the largest, and of what its line's exponentials sum up to; what dx is of y (or x), dy and a sum. */
TN_DEVICE float scaled(float x, float scale, bool log)
{
    return log ? x - scale : expf(x) * scale;
}
TN_DEVICE float slope(const tnk_softmax_back_args &p, int64_t line, float y, float dy, float sum)
{
    return p.log ? dy - expf(y - p.less[2 * line] - p.less[2 * line + 1]) * sum : y * (dy - sum);
}

TN_DEVICE void keep(const tnk_softmax_args &p, int64_t line, float most, float log_sum)
{
    if (!p.less)
        return;
    p.less[2 * line] = most;
    p.less[2 * line + 1] = log_sum;
}

template <class T, bool wide> TN_DEVICE void forward(const tnk_softmax_args &p)
{
    constexpr int N = tn_lanes<T>;
    const tn_team<wide> team = tn_my_team<wide>();
    const int64_t groups = tn_groups<N>(p.columns);
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *x = static_cast<const T *>(p.x) + row * p.columns;
        T *y = static_cast<T *>(p.y) + row * p.columns;
        const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(y);
        float v[N], most = -INFINITY, sum = 0;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(v, x, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                if (i * N + j < p.columns)
                    most = fmaxf(most, v[j]); /* a NaN shows in the sum */
        }
        most = team.max(most);
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(v, x, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                sum += i * N + j < p.columns ? expf(v[j] - most) : 0.0f;
        }
        sum = team.sum(sum);
        const float scale = p.log ? logf(sum) : 1 / sum;
        if (team.rank == 0)
            keep(p, row, most, scale);
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(v, x, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = scaled(v[j] - most, scale, p.log);
            tn_write(y, v, i, p.columns, whole);
        }
    }
}

template <class T, bool wide> TN_DEVICE void back(const tnk_softmax_back_args &p)
{
    constexpr int N = tn_lanes<T>;
    const tn_team<wide> team = tn_my_team<wide>();
    const int64_t groups = tn_groups<N>(p.columns);
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *y = static_cast<const T *>(p.y) + row * p.columns;
        const T *dy = static_cast<const T *>(p.dy) + row * p.columns;
        T *dx = static_cast<T *>(p.dx) + row * p.columns;
        const bool whole = tn_aligned<T, N>(y) && tn_aligned<T, N>(dy) && tn_aligned<T, N>(dx);
        float u[N], v[N], sum = 0;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(u, y, i, p.columns, whole);
            tn_read(v, dy, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                sum += p.log ? v[j] : u[j] * v[j];
        }
        sum = team.sum(sum);
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(u, y, i, p.columns, whole);
            tn_read(v, dy, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = slope(p, row, u[j], v[j], sum);
            tn_write(dx, v, i, p.columns, whole);
        }
    }
}

template <class T> TN_DEVICE void across(const tnk_softmax_args &p)
{
    TN_GRID_STRIDE(i, p.rows * p.inner)
    {
        const int64_t at = i / p.inner * p.columns * p.inner + i % p.inner;
        const T *x = static_cast<const T *>(p.x) + at;
        T *y = static_cast<T *>(p.y) + at;
        float most = -INFINITY, sum = 0;
        for (int64_t k = 0; k < p.columns; k++)
            most = fmaxf(most, tn_load(x + k * p.inner)); /* a NaN shows in the sum */
        for (int64_t k = 0; k < p.columns; k++)
            sum += expf(tn_load(x + k * p.inner) - most);
        const float scale = p.log ? logf(sum) : 1 / sum;
        keep(p, i, most, scale);
        for (int64_t k = 0; k < p.columns; k++)
            tn_store(y + k * p.inner, scaled(tn_load(x + k * p.inner) - most, scale, p.log));
    }
}
TN_KERNEL_TYPES(tnk_softmax_across, struct tnk_softmax_args, across)

template <class T> TN_DEVICE void across_back(const tnk_softmax_back_args &p)
{
    TN_GRID_STRIDE(i, p.rows * p.inner)
    {
        const int64_t at = i / p.inner * p.columns * p.inner + i % p.inner;
        const T *y = static_cast<const T *>(p.y) + at, *dy = static_cast<const T *>(p.dy) + at;
        T *dx = static_cast<T *>(p.dx) + at;
        float sum = 0;
        for (int64_t k = 0; k < p.columns; k++) {
            const float v = tn_load(dy + k * p.inner);
            sum += p.log ? v : tn_load(y + k * p.inner) * v;
        }
        for (int64_t k = 0; k < p.columns; k++)
            tn_store(dx + k * p.inner,
                     slope(p, i, tn_load(y + k * p.inner), tn_load(dy + k * p.inner), sum));
    }
}
TN_KERNEL_TYPES(tnk_softmax_across_back, struct tnk_softmax_back_args, across_back)

#define ROWS(name, args, pass)                                  \
    template <class T> TN_DEVICE void name##_any(const args &p) \
    {                                                           \
        if (p.columns > TNK_SOFTMAX_WARP)                       \
            pass<T, true>(p);                                   \
        else                                                    \
            pass<T, false>(p);                                  \
    }                                                           \
    TN_KERNEL_TYPES(name, struct args, name##_any)

ROWS(tnk_softmax, tnk_softmax_args, forward)
ROWS(tnk_softmax_back, tnk_softmax_back_args, back)
