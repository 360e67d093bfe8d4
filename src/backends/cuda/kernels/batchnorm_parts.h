/*
 * What kernels of batchnorm have in common, for .cu files: who does what, and what a number becomes.
 */
#ifndef TN_BATCHNORM_PARTS_H
#define TN_BATCHNORM_PARTS_H

#include "backends/cuda/kernels/batchnorm.h"
#include "backends/cuda/kernels/team.h"

/* ---- who does what ------------------------------------------------------------------------ */

/* This thread's columns, `column` to column + N - 1, and its rows, first, first + step, ... */
struct share {
    int64_t column, first, step;
    bool any; /* has columns at all */
};

TN_DEVICE share share_of(const tnk_columns &g, int lanes)
{
    const int down = static_cast<int>(blockDim.x) / g.across;
    const int tile = static_cast<int>(blockIdx.x) % g.tiles;
    const int chunk = static_cast<int>(blockIdx.x) / g.tiles;
    const int x = static_cast<int>(threadIdx.x) % g.across,
              y = static_cast<int>(threadIdx.x) / g.across;
    share s;
    s.column = (static_cast<int64_t>(tile) * g.across + x) * lanes;
    s.first = static_cast<int64_t>(chunk) * down + y;
    s.step = static_cast<int64_t>(g.chunks) * down;
    s.any = s.column < g.columns;
    return s;
}

/* How many of the first rows count here, and in all shares that statistics are of. */
TN_DEVICE int64_t counted(const tnk_columns &g)
{
    return g.control ? g.control->rows * g.area : g.rows;
}
TN_DEVICE int64_t counted_in_all(const tnk_columns &g)
{
    if (g.shares == 0)
        return counted(g);
    return g.control ? g.control->all_rows * g.area : g.rows * g.shares;
}
TN_DEVICE float part_of(const tnk_columns &g)
{
    const int64_t all = counted_in_all(g);
    return all > 0 ? static_cast<float>(counted(g)) / static_cast<float>(all) : 0.0f;
}

/* Rows that all threads of a chunk see together. */
TN_DEVICE int64_t count_of_chunk(const tnk_columns &g, int chunk)
{
    const int64_t down = TNK_COLUMNS_BLOCK / g.across, step = g.chunks * down;
    const int64_t rows = counted(g), rest = rows % step - chunk * down;
    return rows / step * down + max(static_cast<int64_t>(0), min(rest, down));
}

/* N floats at p, whatever it is aligned to. */
template <int N> TN_DEVICE void load_floats(float (&to)[N], const float *p)
{
    TN_UNROLL
    for (int j = 0; j < N; j++)
        to[j] = p[j];
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* What N columns are normalised with. */
template <int N> struct lines {
    float mean[N], scale[N], bias[N];
};

template <int N>
TN_DEVICE void load_lines(lines<N> &to, const float *mean, const float *var, const float *weight,
                          const float *bias, float epsilon)
{
    load_floats(to.mean, mean);
    load_floats(to.bias, bias);
    TN_UNROLL
    for (int j = 0; j < N; j++)
        to.scale[j] = weight[j] / sqrtf(var[j] + epsilon);
}

template <int N> TN_DEVICE float normal(const lines<N> &l, int j, float x)
{
    return (x - l.mean[j]) * l.scale[j] + l.bias[j];
}

/* What N columns of row r get of dy, g. */
template <int N>
TN_DEVICE void pass_gate(float (&g)[N], const tnk_batchnorm_gate &gate, const lines<N> &l,
                         const float (&x)[N], int64_t at)
{
    if (gate.bits) {
        const unsigned on = gate.bits[at / N];
        TN_UNROLL
        for (int j = 0; j < N; j++)
            g[j] = on >> j & 1u ? g[j] : 0.0f;
    } else if (gate.relu) {
        TN_UNROLL
        for (int j = 0; j < N; j++)
            g[j] = normal(l, j, x[j]) > 0.0f ? g[j] : 0.0f;
    }
}

/* What the sums have left of dx for the columns from `column` on; without them mean and var are constants. */
template <int N>
TN_DEVICE void load_coefficients(float (&even)[N], float (&slope)[N], const float *coefficient,
                                 int64_t column)
{
    TN_UNROLL
    for (int j = 0; j < N; j++) {
        even[j] = coefficient ? coefficient[2 * (column + j)] : 0.0f;
        slope[j] = coefficient ? coefficient[2 * (column + j) + 1] : 0.0f;
    }
}

/* dx, of what was let through. */
template <int N>
TN_DEVICE float slant(const lines<N> &l, int j, float g, float x, float even, float slope)
{
    return l.scale[j] * (g - even - (x - l.mean[j]) * slope);
}

/* ---- kernels ------------------------------------------------------------------------------ */

#define COLUMNS(name, args, pass)                               \
    template <class T> TN_DEVICE void name##_any(const args &p) \
    {                                                           \
        if (p.grid.lanes == 1)                                  \
            pass<T, 1>(p);                                      \
        else                                                    \
            pass<T, tn_lanes<T>>(p);                            \
    }                                                           \
    TN_KERNEL_TYPES(name, struct args, name##_any)

#endif
