#include "backends/cuda/kernels/loss.h"
#include "backends/cuda/kernels/team.h"

/* ---- softmax_xent -------------------------------------------------------------------------- */

/* What one thread, and then its team, finds out about a row. */
struct row_sums {
    float exponentials, logits; /* both less the largest logit */
    int32_t better;             /* classes above the label, or equal and before it */
};

template <class T, bool wide>
TN_DEVICE row_sums sum_row(const tn_team<wide> &team, const T *x, int64_t classes, int32_t label,
                           float most)
{
    constexpr int N = tn_lanes<T>;
    const bool whole = tn_aligned<T, N>(x);
    const float own = tn_load(x + label);
    row_sums s = {0, 0, 0};
    for (int64_t i = team.rank; i < tn_groups<N>(classes); i += team.size) {
        float v[N];
        tn_read(v, x, i, classes, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const int64_t k = i * N + j;
            if (k >= classes)
                break;
            s.exponentials += expf(v[j] - most);
            s.logits += v[j] - most;
            /* A NaN is not below anything. */
            s.better += !(v[j] < own || (v[j] == own && k >= label));
        }
    }
    return {team.sum(s.exponentials), team.sum(s.logits), team.sum(s.better)};
}

template <class T, bool wide>
TN_DEVICE float largest(const tn_team<wide> &team, const T *x, int64_t classes)
{
    constexpr int N = tn_lanes<T>;
    const bool whole = tn_aligned<T, N>(x);
    float most = -INFINITY;
    for (int64_t i = team.rank; i < tn_groups<N>(classes); i += team.size) {
        float v[N];
        tn_read(v, x, i, classes, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            if (i * N + j < classes)
                most = fmaxf(most, v[j]); /* a NaN shows in the sums */
    }
    return team.max(most);
}

template <class T, bool wide> TN_DEVICE void xent(const tnk_xent_args &p)
{
    const tn_team<wide> team = tn_my_team<wide>();
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *x = static_cast<const T *>(p.logits) + row * p.classes;
        const int32_t label = p.labels[row];
        if (label < 0 || label >= p.classes) {
            if (team.rank == 0)
                p.better[row] = label == -1 ? TNK_XENT_LEFT_OUT : TNK_XENT_BAD;
            continue;
        }
        const float most = largest(team, x, p.classes);
        const row_sums s = sum_row(team, x, p.classes, label, most);
        if (team.rank != 0)
            continue;
        const float log_sum = logf(s.exponentials);
        float loss = (1 - p.smoothing) * (log_sum - (tn_load(x + label) - most));
        if (p.smoothing > 0) /* or 0 times an infinite logit would be NaN */
            loss += p.smoothing * (log_sum - s.logits / static_cast<float>(p.classes));
        p.loss[row] = loss;
        p.better[row] =
            s.exponentials == s.exponentials ? s.better : static_cast<int32_t>(p.classes);
        if (p.most) {
            p.most[row] = most;
            p.share[row] = 1 / s.exponentials;
        }
    }
}

TN_DEVICE void report(const tnk_xent_sum_args &p)
{
    int64_t row = 0;
    while (p.better[row] != TNK_XENT_BAD)
        row++;
    p.control->fault = 1;
    if (p.fault->kind != TN_FAULT_NONE)
        return;
    p.fault->value = p.labels[row];
    p.fault->row = row;
    p.fault->limit = p.classes;
    p.fault->where = p.where;
    p.fault->kind = TN_FAULT_LABEL;
}

TN_KERNEL(tnk_xent_sum, struct tnk_xent_sum_args)
{
    double loss = 0;
    int64_t counted = 0, first = 0, some = 0, bad = 0;
    for (int64_t row = threadIdx.x; row < p.rows; row += blockDim.x) {
        const int32_t better = p.better[row];
        bad += better == TNK_XENT_BAD;
        if (better < 0)
            continue;
        loss += static_cast<double>(p.loss[row]);
        counted++;
        first += better < 1;
        some += better < p.top_k;
    }
    loss = tn_block_sum(loss);
    counted = tn_block_sum(counted);
    first = tn_block_sum(first);
    some = tn_block_sum(some);
    bad = tn_block_sum(bad);
    if (threadIdx.x != 0)
        return;
    const float share = p.control->share_rows;
    const double own = counted > 0 ? static_cast<double>(counted) : 1.0;
    const double rows = share > 0 ? static_cast<double>(share) : own;
    if (p.mean)
        *p.mean = bad ? NAN : static_cast<float>(loss / rows);
    if (p.top_1)
        *p.top_1 = static_cast<int32_t>(first);
    if (p.top_k_count)
        *p.top_k_count = static_cast<int32_t>(some);
    if (p.each)
        *p.each = static_cast<float>(1 / rows);
    if (bad)
        report(p);
}

template <class T, bool wide> TN_DEVICE void xent_back(const tnk_xent_back_args &p)
{
    constexpr int N = tn_lanes<T>;
    const tn_team<wide> team = tn_my_team<wide>();
    const float factor = *p.dy * *p.each, even = p.smoothing / static_cast<float>(p.classes);
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *x = static_cast<const T *>(p.logits) + row * p.classes;
        T *dx = static_cast<T *>(p.dx) + row * p.classes;
        const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(dx);
        const int32_t label = p.labels[row];
        const bool counts = label >= 0 && label < p.classes;
        const float most = counts ? p.most[row] : 0.0f, share = counts ? p.share[row] : 0.0f;
        for (int64_t i = team.rank; i < tn_groups<N>(p.classes); i += team.size) {
            float v[N];
            tn_read(v, x, i, p.classes, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                const float target = even + (i * N + j == label ? 1 - p.smoothing : 0.0f);
                v[j] = counts ? factor * (expf(v[j] - most) * share - target) : 0.0f;
            }
            tn_write(dx, v, i, p.classes, whole);
        }
    }
}

#define ROWS(name, args, pass)                                  \
    template <class T> TN_DEVICE void name##_any(const args &p) \
    {                                                           \
        if (p.classes > TNK_XENT_WARP)                          \
            pass<T, true>(p);                                   \
        else                                                    \
            pass<T, false>(p);                                  \
    }                                                           \
    TN_KERNEL_TYPES(name, struct args, name##_any)

ROWS(tnk_xent, tnk_xent_args, xent)
ROWS(tnk_xent_back, tnk_xent_back_args, xent_back)

/* ---- mse ----------------------------------------------------------------------------------- */

TN_DEVICE int64_t counted(const tnk_mse_rows &r)
{
    return r.control ? r.control->rows * r.each : r.count;
}
TN_DEVICE double divisor(const tnk_mse_rows &r)
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

template <class T> TN_DEVICE void mse(const tnk_mse_args &p)
{
    constexpr int N = tn_lanes<T>;
    const int64_t count = counted(p.rows);
    float sum = 0;
    TN_GRID_STRIDE(i, tn_groups<N>(count))
    {
        float u[N], v[N], part = 0; /* both zero past the end */
        read_either<T>(u, p.x[0], p.is_f32[0], i, count);
        read_either<T>(v, p.x[1], p.is_f32[1], i, count);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            part += (u[j] - v[j]) * (u[j] - v[j]);
        sum += part;
    }
    sum = tn_block_sum(sum);
    if (threadIdx.x == 0)
        p.part[blockIdx.x] = sum;
}
TN_KERNEL_TYPES(tnk_mse, struct tnk_mse_args, mse)

TN_KERNEL(tnk_mse_sum, struct tnk_mse_sum_args)
{
    double sum = 0;
    for (int64_t i = threadIdx.x; i < p.parts; i += blockDim.x)
        sum += static_cast<double>(p.part[i]);
    sum = tn_block_sum(sum);
    if (threadIdx.x == 0)
        *p.mean = static_cast<float>(sum / divisor(p.rows));
}

template <class T> TN_DEVICE void mse_back(const tnk_mse_back_args &p)
{
    constexpr int N = tn_lanes<T>;
    const int64_t all = p.rows.count, count = counted(p.rows);
    const float factor = static_cast<float>(2 / divisor(p.rows)) * *p.dy;
    TN_GRID_STRIDE(i, tn_groups<N>(all))
    {
        float u[N], v[N];
        read_either<T>(u, p.x[0], p.is_f32[0], i, all);
        read_either<T>(v, p.x[1], p.is_f32[1], i, all);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            u[j] = i * N + j < count ? factor * (u[j] - v[j]) : 0.0f;
            v[j] = -u[j];
        }
        if (p.dx[0])
            write_either<T>(p.dx[0], u, p.is_f32[0], i, all);
        if (p.dx[1])
            write_either<T>(p.dx[1], v, p.is_f32[1], i, all);
    }
}
TN_KERNEL_TYPES(tnk_mse_back, struct tnk_mse_back_args, mse_back)
