#include "backends/cuda/kernels/team.h"
#include "backends/cuda/kernels/xent.h"

/* What one thread, and then its team, finds out about a label's logits. */
struct row_sums {
    float exponentials,
        logits;     /* both less the largest logit; logits times their classes' weights */
    int32_t better; /* classes above the label, or equal and before it */
};

TN_DEVICE float weight_of(const float *weights, int64_t i)
{
    return weights ? weights[i] : 1.0f;
}

/* Class k, whose logit is v; the label's is `own`. */
TN_DEVICE void add_class(row_sums &s, float v, float most, float own, int64_t k, int32_t label,
                         const float *class_weights)
{
    s.exponentials += expf(v - most);
    s.logits += weight_of(class_weights, k) * (v - most);
    /* A NaN is not below anything. */
    s.better += !(v < own || (v == own && k >= label));
}

/* `all`: the sum of classes' weights. */
TN_DEVICE void write_label(const tnk_xent_args &p, int64_t row, const row_sums &s, float most,
                           float own, float all)
{
    const float log_sum = logf(s.exponentials);
    float loss =
        (1 - p.smoothing) * (log_sum - (own - most)) * weight_of(p.class_weights, p.labels[row]);
    if (p.smoothing > 0) /* or 0 times an infinite logit would be NaN */
        loss += p.smoothing * (log_sum * all - s.logits) / static_cast<float>(p.classes);
    p.loss[row] = loss;
    p.better[row] = s.exponentials == s.exponentials ? s.better : static_cast<int32_t>(p.classes);
    if (p.most) {
        p.most[row] = most;
        p.share[row] = 1 / s.exponentials;
    }
}

/* Is it left out, or none that there is? Then that is said. */
TN_DEVICE bool is_out(const tnk_xent_args &p, int64_t row, bool tells)
{
    const int32_t label = p.labels[row];
    if (label >= 0 && label < p.classes)
        return false;
    if (tells) {
        p.loss[row] = 0;
        p.better[row] = label == -1 ? TNK_XENT_LEFT_OUT : TNK_XENT_BAD;
    }
    return true;
}

template <class T, bool wide>
TN_DEVICE row_sums sum_row(const tn_team<wide> &team, const T *x, const tnk_xent_args &p,
                           int32_t label, float most)
{
    constexpr int N = tn_lanes<T>;
    const bool whole = tn_aligned<T, N>(x);
    const float own = tn_load(x + label);
    row_sums s = {0, 0, 0};
    for (int64_t i = team.rank; i < tn_groups<N>(p.classes); i += team.size) {
        float v[N];
        tn_read(v, x, i, p.classes, whole);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const int64_t k = i * N + j;
            if (k >= p.classes)
                break;
            add_class(s, v[j], most, own, k, label, p.class_weights);
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

/* Of a label's smoothing alone. */
template <bool wide> TN_DEVICE float all_weights(const tn_team<wide> &team, const tnk_xent_args &p)
{
    float all = 0;
    if (!p.class_weights || p.smoothing <= 0)
        return static_cast<float>(p.classes);
    for (int64_t k = team.rank; k < p.classes; k += team.size)
        all += p.class_weights[k];
    return team.sum(all);
}

template <class T, bool wide> TN_DEVICE void xent(const tnk_xent_args &p)
{
    const tn_team<wide> team = tn_my_team<wide>();
    const float all = all_weights(team, p);
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *x = static_cast<const T *>(p.logits) + row * p.classes;
        if (is_out(p, row, team.rank == 0))
            continue;
        const int32_t label = p.labels[row];
        const float most = largest(team, x, p.classes);
        const row_sums s = sum_row(team, x, p, label, most);
        if (team.rank == 0)
            write_label(p, row, s, most, tn_load(x + label), all);
    }
}

/* Where the logits of label `row` begin. */
TN_DEVICE int64_t across_at(int64_t row, int64_t classes, int64_t inner)
{
    return row / inner * classes * inner + row % inner;
}

template <class T> TN_DEVICE void across(const tnk_xent_args &p)
{
    float all = p.class_weights ? 0.0f : static_cast<float>(p.classes);
    for (int64_t k = 0; p.class_weights && p.smoothing > 0 && k < p.classes; k++)
        all += p.class_weights[k];
    TN_GRID_STRIDE(row, p.rows)
    {
        const T *x = static_cast<const T *>(p.logits) + across_at(row, p.classes, p.inner);
        if (is_out(p, row, true))
            continue;
        const int32_t label = p.labels[row];
        const float own = tn_load(x + label * p.inner);
        float most = -INFINITY;
        row_sums s = {0, 0, 0};
        for (int64_t k = 0; k < p.classes; k++)
            most = fmaxf(most, tn_load(x + k * p.inner));
        for (int64_t k = 0; k < p.classes; k++)
            add_class(s, tn_load(x + k * p.inner), most, own, k, label, p.class_weights);
        write_label(p, row, s, most, own, all);
    }
}
TN_KERNEL_TYPES(tnk_xent_across, struct tnk_xent_args, across)

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
    p.fault->low = 0;
    p.fault->limit = p.classes;
    p.fault->where = p.where;
    p.fault->kind = TN_FAULT_LABEL;
}

/* Of this thread's labels, then of the block's. */
TN_DEVICE tnk_xent_sums sum_block(tnk_xent_sums s)
{
    return {tn_block_sum(s.loss), tn_block_sum(s.divisor), tn_block_sum(s.first),
            tn_block_sum(s.some), tn_block_sum(s.bad)};
}

TN_DEVICE tnk_xent_sums sum_labels(const tnk_xent_sum_args &p, int64_t begin, int64_t end)
{
    tnk_xent_sums s = {0, 0, 0, 0, 0};
    for (int64_t row = begin + threadIdx.x; row < end; row += blockDim.x) {
        const int32_t better = p.better[row];
        s.bad += better == TNK_XENT_BAD;
        if (better < 0)
            continue;
        s.loss +=
            static_cast<double>(p.loss[row]) * static_cast<double>(weight_of(p.row_weights, row));
        s.divisor += p.class_weights ? static_cast<double>(p.class_weights[p.labels[row]]) : 1.0;
        s.first += better < 1;
        s.some += better < p.top_k;
    }
    return sum_block(s);
}

TN_KERNEL(tnk_xent_part, struct tnk_xent_sum_args)
{
    const int64_t each = (p.rows + p.parts - 1) / p.parts, begin = blockIdx.x * each;
    const tnk_xent_sums s = sum_labels(p, begin, min(begin + each, p.rows));
    if (threadIdx.x == 0)
        p.part[blockIdx.x] = s;
}

TN_DEVICE tnk_xent_sums sum_parts(const tnk_xent_sum_args &p)
{
    tnk_xent_sums s = {0, 0, 0, 0, 0};
    for (int i = static_cast<int>(threadIdx.x); i < p.parts; i += static_cast<int>(blockDim.x)) {
        s.loss += p.part[i].loss;
        s.divisor += p.part[i].divisor;
        s.first += p.part[i].first;
        s.some += p.part[i].some;
        s.bad += p.part[i].bad;
    }
    return sum_block(s);
}

TN_KERNEL(tnk_xent_sum, struct tnk_xent_sum_args)
{
    const tnk_xent_sums s = p.part ? sum_parts(p) : sum_labels(p, 0, p.rows);
    float all = 0;
    for (int64_t k = threadIdx.x; p.class_weights && k < p.classes; k += blockDim.x)
        all += p.class_weights[k];
    all = tn_block_sum(all);
    if (threadIdx.x != 0)
        return;
    const float share = p.control->share_rows[p.number];
    const double own = s.divisor > 0 || s.divisor < 0 ? s.divisor : 1.0;
    const double rows = share > 0 ? static_cast<double>(share) : own;
    if (p.mean)
        *p.mean = s.bad ? NAN : static_cast<float>(s.loss / rows);
    if (p.top_1)
        *p.top_1 = static_cast<int32_t>(s.first);
    if (p.top_k_count)
        *p.top_k_count = static_cast<int32_t>(s.some);
    if (p.each) {
        p.each[0] = static_cast<float>(1 / rows);
        p.each[1] = p.class_weights ? all : static_cast<float>(p.classes);
    }
    if (s.bad)
        report(p);
}

/* What a label's gradient is made of: p * share - even * its class's weight, less `own` at the label. */
struct factors {
    bool counts;
    float most, share, even, own;
};

TN_DEVICE factors factors_of(const tnk_xent_back_args &p, int64_t row)
{
    const int32_t label = p.labels[row];
    if (label < 0 || label >= p.classes)
        return {false, 0, 0, 0, 0};
    const float scale = *p.dy * p.each[0] * weight_of(p.row_weights, row);
    const float own = (1 - p.smoothing) * weight_of(p.class_weights, label);
    const float even = p.smoothing / static_cast<float>(p.classes);
    return {true, p.most[row], scale * (own + even * p.each[1]) * p.share[row], scale * even,
            scale * own};
}

TN_DEVICE float gradient(const tnk_xent_back_args &p, const factors &f, float x, int64_t k,
                         int32_t label)
{
    const float target = f.even * weight_of(p.class_weights, k) + (k == label ? f.own : 0.0f);
    return f.counts ? expf(x - f.most) * f.share - target : 0.0f;
}

template <class T, bool wide> TN_DEVICE void xent_back(const tnk_xent_back_args &p)
{
    constexpr int N = tn_lanes<T>;
    const tn_team<wide> team = tn_my_team<wide>();
    for (int64_t row = team.first; row < p.rows; row += team.step) {
        const T *x = static_cast<const T *>(p.logits) + row * p.classes;
        T *dx = static_cast<T *>(p.dx) + row * p.classes;
        const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(dx);
        const int32_t label = p.labels[row];
        const factors f = factors_of(p, row);
        for (int64_t i = team.rank; i < tn_groups<N>(p.classes); i += team.size) {
            float v[N];
            tn_read(v, x, i, p.classes, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                if (i * N + j < p.classes)
                    v[j] = gradient(p, f, v[j], i * N + j, label);
            tn_write(dx, v, i, p.classes, whole);
        }
    }
}

template <class T> TN_DEVICE void across_back(const tnk_xent_back_args &p)
{
    TN_GRID_STRIDE(row, p.rows)
    {
        const int64_t at = across_at(row, p.classes, p.inner);
        const T *x = static_cast<const T *>(p.logits) + at;
        T *dx = static_cast<T *>(p.dx) + at;
        const int32_t label = p.labels[row];
        const factors f = factors_of(p, row);
        for (int64_t k = 0; k < p.classes; k++)
            tn_store(dx + k * p.inner, gradient(p, f, tn_load(x + k * p.inner), k, label));
    }
}
TN_KERNEL_TYPES(tnk_xent_across_back, struct tnk_xent_back_args, across_back)

TN_KERNEL(tnk_xent_rows_back, struct tnk_xent_rows_back_args)
{
    TN_GRID_STRIDE(row, p.rows)
    {
        p.dx[row] = p.better[row] < 0 ? 0.0f : *p.dy * p.each[0] * p.loss[row];
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
