#include "backends/cuda/kernels/softmax.h"
#include "backends/cuda/kernels/team.h"

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
        const float share = 1 / team.sum(sum);
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(v, x, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = expf(v[j] - most) * share;
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
                sum += u[j] * v[j];
        }
        sum = team.sum(sum);
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_read(u, y, i, p.columns, whole);
            tn_read(v, dy, i, p.columns, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = u[j] * (v[j] - sum);
            tn_write(dx, v, i, p.columns, whole);
        }
    }
}

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
