#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/kernels/team.h"

TN_DEVICE int64_t place(const tnk_axes &a, int64_t number)
{
    uint32_t n = static_cast<uint32_t>(number);
    int64_t at = 0;
    for (int d = a.ndim - 1; d >= 0; d--)
        at += divide(n, a.dim[d]) * a.step[d];
    return at;
}

TN_DEVICE int64_t counted(const tnk_reduce_rows &r)
{
    return r.control ? r.control->rows * r.each : r.met;
}
TN_DEVICE float divisor(const tnk_reduce_rows &r)
{
    if (!r.control)
        return static_cast<float>(r.met);
    const double all = static_cast<double>(r.control->all_rows * r.each) / r.shares;
    return all > 0 ? static_cast<float>(all) : 1.0f; /* then all sums are 0 */
}

template <class T> TN_DEVICE float read(const void *p, int64_t i, bool is_f32)
{
    return is_f32 ? static_cast<const float *>(p)[i] : tn_load(static_cast<const T *>(p) + i);
}
template <class T> TN_DEVICE void write(void *p, int64_t i, bool is_f32, float x)
{
    if (is_f32)
        static_cast<float *>(p)[i] = x;
    else
        tn_store(static_cast<T *>(p) + i, x);
}

TN_DEVICE bool same(float a, float b)
{
    return a == b || (a != a && b != b);
}

/* ---- two become one ------------------------------------------------------------------------- */

TN_DEVICE float start(int kind)
{
    return kind == TNK_REDUCE_MAX ? -INFINITY : kind == TNK_REDUCE_MIN ? INFINITY : 0.0f;
}

/* NaN if one is. */
TN_DEVICE float meet(int kind, float a, float b)
{
    if (kind == TNK_REDUCE_MAX)
        return b > a || b != b ? b : a;
    if (kind == TNK_REDUCE_MIN)
        return b < a || b != b ? b : a;
    return a + b;
}

template <bool wide> TN_DEVICE float meet_all(const tn_team<wide> &team, int kind, float x)
{
    tn_team<wide> t = team;
    if (kind == TNK_REDUCE_MAX)
        return t.max(x);
    if (kind == TNK_REDUCE_MIN)
        return -t.max(-x);
    return t.sum(x);
}

TN_DEVICE float end(const tnk_reduce_args &p, float x)
{
    if (counted(p.rows) == 0)
        return 0;
    return p.kind == TNK_REDUCE_MEAN ? x / divisor(p.rows) : x;
}

/* ---- loops ---------------------------------------------------------------------------------- */

template <class T, bool wide> TN_DEVICE void by_rows(const tnk_reduce_args &p)
{
    const tn_team<wide> team = tn_my_team<wide>();
    const T *x = static_cast<const T *>(p.x);
    const int64_t met = counted(p.rows);
    const bool equal = p.kind == TNK_REDUCE_EQUAL;
    for (int64_t i = team.first; i < p.outputs; i += team.step) {
        const T *from = x + place(p.kept, i);
        const float of = equal ? read<T>(p.of, i, p.is_f32) : 0.0f;
        float sum = start(p.kind);
        for (int64_t k = team.rank; k < met; k += team.size) {
            const float v = tn_load(from + place(p.met, k));
            sum = meet(p.kind, sum, equal ? (same(v, of) ? 1.0f : 0.0f) : v);
        }
        sum = meet_all(team, p.kind, sum);
        if (team.rank == 0)
            write<T>(p.y, i, equal || p.is_f32, end(p, sum));
    }
}

template <class T> TN_DEVICE void rows(const tnk_reduce_args &p)
{
    if (p.wide)
        by_rows<T, true>(p);
    else
        by_rows<T, false>(p);
}
TN_KERNEL_TYPES(tnk_reduce_rows, struct tnk_reduce_args, rows)

template <class T> TN_DEVICE void columns(const tnk_reduce_args &p)
{
    TN_SHARED(float, part, TNK_REDUCE_WIDTH *TNK_REDUCE_LINES);
    const T *x = static_cast<const T *>(p.x);
    const int column = static_cast<int>(threadIdx.x) % TNK_REDUCE_WIDTH;
    const int line = static_cast<int>(threadIdx.x) / TNK_REDUCE_WIDTH;
    const int64_t met = counted(p.rows), tiles = tn_groups<TNK_REDUCE_WIDTH>(p.outputs);
    const bool equal = p.kind == TNK_REDUCE_EQUAL;
    for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
        const int64_t i = t * TNK_REDUCE_WIDTH + column;
        const bool inside = i < p.outputs;
        const T *from = x + (inside ? place(p.kept, i) : 0);
        const float of = equal && inside ? read<T>(p.of, i, p.is_f32) : 0.0f;
        float sum = start(p.kind);
        for (int64_t k = line; k < met && inside; k += TNK_REDUCE_LINES) {
            const float v = tn_load(from + place(p.met, k));
            sum = meet(p.kind, sum, equal ? (same(v, of) ? 1.0f : 0.0f) : v);
        }
        part[threadIdx.x] = sum;
        __syncthreads();
        if (line == 0 && inside) {
            for (int k = 1; k < TNK_REDUCE_LINES; k++)
                sum = meet(p.kind, sum, part[k * TNK_REDUCE_WIDTH + column]);
            write<T>(p.y, i, equal || p.is_f32, end(p, sum));
        }
        __syncthreads(); /* the parts are free again */
    }
}
TN_KERNEL_TYPES(tnk_reduce_columns, struct tnk_reduce_args, columns)

template <class T> TN_DEVICE void back(const tnk_reduce_back_args &p)
{
    const T *x = static_cast<const T *>(p.x);
    T *dx = static_cast<T *>(p.dx);
    const float by = p.kind == TNK_REDUCE_MEAN ? 1 / divisor(p.rows) : 1.0f;
    const int64_t end = p.rows.control ? p.rows.control->rows * p.row : p.count;
    TN_GRID_STRIDE(i, p.count)
    {
        float v = 0;
        if (i < end) {
            const int64_t to = place(p.to, i);
            v = read<T>(p.dy, to, p.is_f32) * by;
            if (p.equal)
                v = same(tn_load(x + i), read<T>(p.y, to, p.is_f32)) ? v / p.equal[to] : 0.0f;
        }
        tn_store(dx + i, v);
    }
}
TN_KERNEL_TYPES(tnk_reduce_back, struct tnk_reduce_back_args, back)
