#include "backends/cuda/kernels/batchnorm_pair.h"
#include "backends/cuda/kernels/batchnorm_parts.h"

template <int N> TN_DEVICE void load_lines_of(lines<N> &to, const tnk_norm &n, int64_t column)
{
    load_lines(to, n.mean + column, n.var + column, n.weight + column, n.bias + column, n.epsilon);
}

template <class T, int N> TN_DEVICE void add_both(const tnk_batchnorm_pair_args &p)
{
    const share s = share_of(p.grid, N);
    if (!s.any)
        return;
    const T *x0 = static_cast<const T *>(p.of[0].x), *x1 = static_cast<const T *>(p.of[1].x);
    T *y = static_cast<T *>(p.y);
    lines<N> l0, l1;
    load_lines_of(l0, p.of[0], s.column);
    load_lines_of(l1, p.of[1], s.column);
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; r < p.grid.rows; r += s.step) {
        const int64_t at = r * p.grid.columns + s.column;
        float v[N], u[N];
        unsigned on = 0;
        tn_load_all(v, x0 + at);
        tn_load_all(u, x1 + at);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            v[j] = r < rows ? normal(l0, j, v[j]) + normal(l1, j, u[j]) : 0.0f;
            on |= (v[j] > 0.0f ? 1u : 0u) << j;
            v[j] = p.relu && 0.0f > v[j] ? 0.0f : v[j];
        }
        if (p.bits)
            p.bits[at / N] = static_cast<uint8_t>(on);
        tn_store_all(y + at, v);
    }
}

/* Of row r. */
template <class T, int N>
TN_DEVICE void load_let_through(float (&g)[N], const T *dy, const uint8_t *bits, int64_t at)
{
    const unsigned on = bits ? bits[at / N] : ~0u;
    tn_load_all(g, dy + at);
    TN_UNROLL
    for (int j = 0; j < N; j++)
        g[j] = on >> j & 1u ? g[j] : 0.0f;
}

template <class T, int N> TN_DEVICE void sum_both(const tnk_batchnorm_pair_sums_args &p)
{
    TN_DYNAMIC_SHARED(float, all); /* of g, of each g (x - mean) */
    const share s = share_of(p.grid, N);
    const int me = static_cast<int>(threadIdx.x);
    const T *x0 = static_cast<const T *>(p.of[0].x), *x1 = static_cast<const T *>(p.of[1].x);
    const T *dy = static_cast<const T *>(p.dy);
    float sum[3][N] = {}, mean0[N] = {}, mean1[N] = {};
    if (s.any) {
        load_floats(mean0, p.of[0].mean + s.column);
        load_floats(mean1, p.of[1].mean + s.column);
    }
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; s.any && r < rows; r += s.step) {
        const int64_t at = r * p.grid.columns + s.column;
        float u0[N], u1[N], g[N];
        tn_load_all(u0, x0 + at);
        tn_load_all(u1, x1 + at);
        load_let_through(g, dy, p.bits, at);
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            sum[0][j] += g[j];
            sum[1][j] += g[j] * (u0[j] - mean0[j]);
            sum[2][j] += g[j] * (u1[j] - mean1[j]);
        }
    }
    TN_UNROLL
    for (int k = 0; k < 3; k++) {
        TN_UNROLL
        for (int j = 0; j < N; j++)
            all[(k * N + j) * TNK_COLUMNS_BLOCK + me] = sum[k][j];
    }
    for (int d = TNK_COLUMNS_BLOCK / 2; d >= p.grid.across; d /= 2) {
        __syncthreads();
        if (me >= d)
            continue;
        TN_UNROLL
        for (int i = 0; i < 3 * N; i++)
            all[i * TNK_COLUMNS_BLOCK + me] += all[i * TNK_COLUMNS_BLOCK + me + d];
    }
    if (me >= p.grid.across || !s.any)
        return;
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        const int64_t to = 2 * ((s.column + j) * p.grid.chunks + blockIdx.x / p.grid.tiles);
        TN_UNROLL
        for (int k = 0; k < 2; k++) {
            p.part[k][to] = all[j * TNK_COLUMNS_BLOCK + me];
            p.part[k][to + 1] = all[((k + 1) * N + j) * TNK_COLUMNS_BLOCK + me];
        }
    }
}

/* One of the two. */
template <class T, int N>
TN_DEVICE void put_dx(void *to, const lines<N> &l, const float (&g)[N], const float (&x)[N],
                      const float (&even)[N], const float (&slope)[N], bool counts, int64_t at)
{
    float v[N];
    if (!to)
        return;
    TN_UNROLL
    for (int j = 0; j < N; j++)
        v[j] = counts ? slant(l, j, g[j], x[j], even[j], slope[j]) : 0.0f;
    tn_store_all(static_cast<T *>(to) + at, v);
}

template <class T, int N> TN_DEVICE void back_to_both(const tnk_batchnorm_pair_back_args &p)
{
    const share s = share_of(p.grid, N);
    if (!s.any)
        return;
    const T *x0 = static_cast<const T *>(p.of[0].x), *x1 = static_cast<const T *>(p.of[1].x);
    const T *dy = static_cast<const T *>(p.dy);
    float even[N], slope0[N], slope1[N];
    lines<N> l0, l1;
    load_lines_of(l0, p.of[0], s.column);
    load_lines_of(l1, p.of[1], s.column);
    load_coefficients(even, slope0, p.coefficient[0], s.column);
    load_coefficients(even, slope1, p.coefficient[1], s.column); /* of g alone: the same */
    const int64_t rows = counted(p.grid);
    for (int64_t r = s.first; r < p.grid.rows; r += s.step) {
        const int64_t at = r * p.grid.columns + s.column;
        float u0[N], u1[N], g[N];
        tn_load_all(u0, x0 + at);
        tn_load_all(u1, x1 + at);
        load_let_through(g, dy, p.bits, at);
        put_dx<T, N>(p.dx[0], l0, g, u0, even, slope0, r < rows, at);
        put_dx<T, N>(p.dx[1], l1, g, u1, even, slope1, r < rows, at);
    }
}

COLUMNS(tnk_batchnorm_pair, tnk_batchnorm_pair_args, add_both)
COLUMNS(tnk_batchnorm_pair_sums, tnk_batchnorm_pair_sums_args, sum_both)
COLUMNS(tnk_batchnorm_pair_back, tnk_batchnorm_pair_back_args, back_to_both)
