#include "backends/cuda/kernels/batchnorm_parts.h"

/* ---- statistics --------------------------------------------------------------------------- */

/* Of some numbers: how many, their mean, the sum of their squared distances from it. */
struct moments {
    float count, mean, square;
};

TN_DEVICE moments merge(const moments &a, const moments &b)
{
    const float count = a.count + b.count, off = b.mean - a.mean;
    const float part = count > 0 ? b.count / count : 0.0f;
    return {count, a.mean + off * part, a.square + b.square + off * off * a.count * part};
}

/* What sums make of a column; false: they do not count the same rows, or what is left of the variance is too little. Two kernels ask
 * and must hear the same, so no compiler is left to choose what is one rounding. */
TN_DEVICE bool from_sums(moments &to, const tnk_columns &g, const float *sums, int64_t column)
{
    constexpr float most = 1024; /* of the mean's square: then 2^-14 of the variance is rounding */
    const float count = static_cast<float>(g.rows);
    if (!sums || counted(g) != g.rows)
        return false;
    const float mean = sums[column] / count;
    const float var = fmaf(-mean, mean, sums[g.columns + column] / count);
    to = {count, mean, var * count};
    return var * most > mean * mean;
}

template <class T, int N> TN_DEVICE void stats(const tnk_batchnorm_stats_args &p)
{
    TN_DYNAMIC_SHARED(float, counts);
    float *const means = counts + TNK_COLUMNS_BLOCK, *const squares = means + TNK_COLUMNS_BLOCK * N;
    const share s = share_of(p.grid, N);
    const int me = static_cast<int>(threadIdx.x);
    const T *x = static_cast<const T *>(p.x);
    float mean[N] = {}, square[N] = {}, count = 0;
    const int64_t rows = counted(p.grid);
    bool reads = false;
    for (int j = 0; j < N && s.any; j++) {
        moments unused;
        reads |= !from_sums(unused, p.grid, p.sums, s.column + j);
    }
    for (int64_t r = s.first; reads && r < rows; r += s.step) {
        float v[N];
        tn_load_all(v, x + r * p.grid.columns + s.column);
        count += 1;
        const float part = 1 / count;
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const float off = v[j] - mean[j];
            mean[j] += off * part;
            square[j] += off * (v[j] - mean[j]);
        }
    }
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        means[j * TNK_COLUMNS_BLOCK + me] = mean[j];
        squares[j * TNK_COLUMNS_BLOCK + me] = square[j];
    }
    counts[me] = count;
    for (int d = TNK_COLUMNS_BLOCK / 2; d >= p.grid.across; d /= 2) {
        __syncthreads();
        if (me >= d)
            continue;
        moments sum = {};
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const int a = j * TNK_COLUMNS_BLOCK + me, b = a + d;
            sum = merge({counts[me], means[a], squares[a]}, {counts[me + d], means[b], squares[b]});
            means[a] = sum.mean;
            squares[a] = sum.square;
        }
        counts[me] = sum.count;
    }
    if (me >= p.grid.across || !s.any)
        return;
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        float *to = p.part + 2 * ((s.column + j) * p.grid.chunks + blockIdx.x / p.grid.tiles);
        to[0] = means[j * TNK_COLUMNS_BLOCK + me];
        to[1] = squares[j * TNK_COLUMNS_BLOCK + me];
    }
}

/* One element has no variance, and the running one stays what it is. */
TN_DEVICE void move(float momentum, int64_t count, float mean, float var, float *running_mean,
                    float *running_var)
{
    if (count < 2)
        return;
    const float unbiased = static_cast<float>(count) / static_cast<float>(count - 1);
    *running_mean += momentum * (mean - *running_mean);
    *running_var += momentum * (var * unbiased - *running_var);
}

TN_KERNEL(tnk_batchnorm_merge, struct tnk_batchnorm_merge_args)
{
    const tn_team<false> team = tn_my_team<false>();
    const int64_t rows = counted(p.grid);
    for (int64_t c = team.first; c < p.grid.columns; c += team.step) {
        moments sum = {}, given = {};
        const bool is_given = from_sums(given, p.grid, p.sums, c);
        for (int chunk = team.rank; chunk < p.grid.chunks; chunk += team.size) {
            const float *from = p.part + 2 * (c * p.grid.chunks + chunk);
            sum = merge(sum, {static_cast<float>(count_of_chunk(p.grid, chunk)), from[0], from[1]});
        }
        for (int d = TN_WARP / 2; d > 0; d /= 2)
            sum = merge(sum, {__shfl_xor_sync(0xffffffffu, sum.count, d),
                              __shfl_xor_sync(0xffffffffu, sum.mean, d),
                              __shfl_xor_sync(0xffffffffu, sum.square, d)});
        if (team.rank != 0)
            continue;
        sum = is_given ? given : sum;
        const float var = rows > 0 ? sum.square / static_cast<float>(rows) : 0.0f;
        p.var[c] = var;
        if (p.own) {
            p.own[c] = sum.mean;
            p.mean[c] = sum.mean * part_of(p.grid);
        } else {
            p.mean[c] = sum.mean;
            move(p.momentum, rows, sum.mean, var, p.running_mean + c, p.running_var + c);
        }
    }
}

TN_KERNEL(tnk_batchnorm_centre, struct tnk_batchnorm_centre_args)
{
    const float part = part_of(p.grid);
    TN_GRID_STRIDE(c, p.grid.columns)
    {
        const float off = p.own[c] - p.mean[c];
        p.var[c] = part * (p.var[c] + off * off);
    }
}

TN_KERNEL(tnk_batchnorm_settle, struct tnk_batchnorm_settle_args)
{
    TN_GRID_STRIDE(c, p.grid.columns)
    {
        move(p.momentum, counted_in_all(p.grid), p.mean[c], p.var[c], p.running_mean + c,
             p.running_var + c);
    }
}

/* ---- forward ------------------------------------------------------------------------------ */

template <class T, int N> TN_DEVICE void normalise(const tnk_batchnorm_args &p)
{
    const share s = share_of(p.grid, N);
    if (!s.any)
        return;
    const T *x = static_cast<const T *>(p.x) + s.column;
    const T *z = static_cast<const T *>(p.z);
    T *y = static_cast<T *>(p.y) + s.column;
    lines<N> l;
    load_lines(l, p.mean + s.column, p.var + s.column, p.weight + s.column, p.bias + s.column,
               p.epsilon);
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; r < p.grid.rows; r += s.step) {
        float v[N];
        tn_load_all(v, x + r * p.grid.columns);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = r < rows ? normal(l, j, v[j]) : 0.0f;
        if (z) {
            float also[N];
            tn_load_all(also, z + r * p.grid.columns + s.column);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] += also[j];
        }
        if (p.relu) {
            unsigned on = 0;
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                on |= (v[j] > 0.0f ? 1u : 0u) << j;
                v[j] = 0.0f > v[j] ? 0.0f : v[j];
            }
            if (p.bits)
                p.bits[(r * p.grid.columns + s.column) / N] = static_cast<uint8_t>(on);
        }
        tn_store_all(y + r * p.grid.columns, v);
    }
}

/* ---- backward ----------------------------------------------------------------------------- */

template <class T, int N> TN_DEVICE void sums(const tnk_batchnorm_sums_args &p)
{
    TN_DYNAMIC_SHARED(float, bias);
    float *const weight = bias + TNK_COLUMNS_BLOCK * N;
    const share s = share_of(p.grid, N);
    const int me = static_cast<int>(threadIdx.x);
    const T *x = static_cast<const T *>(p.x) + s.column;
    const T *dy = static_cast<const T *>(p.dy) + s.column;
    float db[N] = {}, dw[N] = {};
    lines<N> l = {};
    if (s.any)
        load_lines(l, p.mean + s.column, p.var + s.column, p.weight + s.column,
                   p.gate.bias + s.column, p.epsilon);
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; s.any && r < rows; r += s.step) {
        float u[N], v[N];
        tn_load_all(u, x + r * p.grid.columns);
        tn_load_all(v, dy + r * p.grid.columns);
        pass_gate(v, p.gate, l, u, r * p.grid.columns + s.column);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            db[j] += v[j];
            dw[j] += v[j] * (u[j] - l.mean[j]);
        }
    }
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        bias[j * TNK_COLUMNS_BLOCK + me] = db[j];
        weight[j * TNK_COLUMNS_BLOCK + me] = dw[j];
    }
    for (int d = TNK_COLUMNS_BLOCK / 2; d >= p.grid.across; d /= 2) {
        __syncthreads();
        if (me >= d)
            continue;
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            const int a = j * TNK_COLUMNS_BLOCK + me;
            bias[a] += bias[a + d];
            weight[a] += weight[a + d];
        }
    }
    if (me >= p.grid.across || !s.any)
        return;
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        float *to = p.part + 2 * ((s.column + j) * p.grid.chunks + blockIdx.x / p.grid.tiles);
        to[0] = bias[j * TNK_COLUMNS_BLOCK + me];
        to[1] = weight[j * TNK_COLUMNS_BLOCK + me];
    }
}

TN_KERNEL(tnk_batchnorm_add, struct tnk_batchnorm_add_args)
{
    const tn_team<false> team = tn_my_team<false>();
    const int64_t all = counted_in_all(p.grid);
    const float each = all > 0 ? 1 / static_cast<float>(all) : 0.0f;
    for (int64_t c = team.first; c < p.grid.columns; c += team.step) {
        float db = 0, dw = 0;
        for (int chunk = team.rank; chunk < p.grid.chunks; chunk += team.size) {
            const float *from = p.part + 2 * (c * p.grid.chunks + chunk);
            db += from[0];
            dw += from[1];
        }
        db = team.sum(db);
        dw = team.sum(dw);
        if (team.rank != 0)
            continue;
        const float scale = 1 / sqrtf(p.var[c] + p.epsilon);
        if (p.dbias)
            p.dbias[c] = db;
        if (p.dweight)
            p.dweight[c] = dw * scale;
        p.coefficient[2 * c] = db * each;
        p.coefficient[2 * c + 1] = dw * scale * scale * each;
    }
}

template <class T, int N> TN_DEVICE void back(const tnk_batchnorm_back_args &p)
{
    const share s = share_of(p.grid, N);
    if (!s.any)
        return;
    const T *x = static_cast<const T *>(p.x) + s.column;
    const T *dy = static_cast<const T *>(p.dy) + s.column;
    T *dx = static_cast<T *>(p.dx);
    T *dz = static_cast<T *>(p.dz);
    float even[N], slope[N];
    lines<N> l;
    load_lines(l, p.mean + s.column, p.var + s.column, p.weight + s.column, p.gate.bias + s.column,
               p.epsilon);
    load_coefficients(even, slope, p.coefficient, s.column);
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; r < p.grid.rows; r += s.step) {
        float u[N], v[N];
        tn_load_all(u, x + r * p.grid.columns);
        tn_load_all(v, dy + r * p.grid.columns);
        pass_gate(v, p.gate, l, u, r * p.grid.columns + s.column);
        if (dz)
            tn_store_all(dz + r * p.grid.columns + s.column, v);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            v[j] = r < rows ? slant(l, j, v[j], u[j], even[j], slope[j]) : 0.0f;
        if (dx)
            tn_store_all(dx + r * p.grid.columns + s.column, v);
    }
}

/* ---- kernels ------------------------------------------------------------------------------ */

COLUMNS(tnk_batchnorm_stats, tnk_batchnorm_stats_args, stats)
COLUMNS(tnk_batchnorm, tnk_batchnorm_args, normalise)
COLUMNS(tnk_batchnorm_sums, tnk_batchnorm_sums_args, sums)
COLUMNS(tnk_batchnorm_back, tnk_batchnorm_back_args, back)
