#include "backends/cuda/kernels/normalize.h"
#include "backends/cuda/kernels/team.h"

/* Element i of a row: where it is behind the row's first, and its channel in the group. */
struct spot {
    int64_t at;
    uint32_t channel;
};

TN_DEVICE spot spot_of(const tnk_norm_rows &r, int64_t i)
{
    uint32_t run = static_cast<uint32_t>(i);
    uint32_t channel = divide(run, r.run);
    const int64_t at = run * r.pitch + channel;
    divide(channel, r.area);
    return {at, channel};
}

TN_DEVICE int64_t first_of(const tnk_norm_rows &r, int64_t row)
{
    return row / r.groups * r.image + row % r.groups * r.group;
}

/* The channel of lane j: lanes lie in one, or a channel each. */
TN_DEVICE uint32_t lane_of(const tnk_norm_rows &r, uint32_t channel, int j)
{
    return r.area.by == 1 ? channel + static_cast<uint32_t>(j) : channel;
}

/* ---- forward ------------------------------------------------------------------------------ */

template <class T, int N, bool wide> TN_DEVICE void normalise(const tnk_norm_args &p)
{
    const tn_team<wide> team = tn_my_team<wide>();
    const tnk_norm_rows &r = p.rows;
    const int64_t groups = r.count / N;
    const float part = 1 / static_cast<float>(r.count);
    for (int64_t row = team.first; row < r.images * r.groups; row += team.step) {
        const int64_t first = first_of(r, row), channel = row % r.groups * r.channels;
        const T *x = static_cast<const T *>(p.x) + first;
        T *y = static_cast<T *>(p.y) + first;
        const float any = tn_load(x); /* less that, sums of what is far from 0 stay small */
        float v[N], mean = 0, square = 0;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_load_all(v, x + spot_of(r, i * N).at);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                mean += v[j] - any;
        }
        mean = any + team.sum(mean) * part;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            tn_load_all(v, x + spot_of(r, i * N).at);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                square += (v[j] - mean) * (v[j] - mean);
        }
        const float inverse = 1 / sqrtf(team.sum(square) * part + p.epsilon);
        if (p.mean && team.rank == 0) {
            p.mean[row] = mean;
            p.inverse[row] = inverse;
        }
        for (int64_t i = team.rank; i < groups; i += team.size) {
            const spot s = spot_of(r, i * N);
            tn_load_all(v, x + s.at);
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                const int64_t c = channel + lane_of(r, s.channel, j);
                v[j] = (v[j] - mean) * inverse * (p.weight ? p.weight[c] : 1.0f) +
                       (p.bias ? p.bias[c] : 0.0f);
            }
            tn_store_all(y + s.at, v);
        }
    }
}

/* ---- backward ----------------------------------------------------------------------------- */

template <class T, int N, bool wide> TN_DEVICE void back(const tnk_norm_back_args &p)
{
    const tn_team<wide> team = tn_my_team<wide>();
    const tnk_norm_rows &r = p.rows;
    const int64_t groups = r.count / N;
    const float part = 1 / static_cast<float>(r.count);
    for (int64_t row = team.first; row < r.images * r.groups; row += team.step) {
        const int64_t first = first_of(r, row), channel = row % r.groups * r.channels;
        const T *x = static_cast<const T *>(p.x) + first,
                *dy = static_cast<const T *>(p.dy) + first;
        T *dx = static_cast<T *>(p.dx) + first;
        const float mean = p.mean[row], inverse = p.inverse[row];
        float v[N], d[N], even = 0, slope = 0;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            const spot s = spot_of(r, i * N);
            tn_load_all(v, x + s.at);
            tn_load_all(d, dy + s.at);
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                const float w = p.weight ? p.weight[channel + lane_of(r, s.channel, j)] : 1.0f;
                even += w * d[j];
                slope += w * d[j] * (v[j] - mean) * inverse;
            }
        }
        even = team.sum(even) * part;
        slope = team.sum(slope) * part;
        for (int64_t i = team.rank; i < groups; i += team.size) {
            const spot s = spot_of(r, i * N);
            tn_load_all(v, x + s.at);
            tn_load_all(d, dy + s.at);
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                const float w = p.weight ? p.weight[channel + lane_of(r, s.channel, j)] : 1.0f;
                v[j] = inverse * (w * d[j] - even - (v[j] - mean) * inverse * slope);
            }
            tn_store_all(dx + s.at, v);
        }
    }
}

#define ROWS(name, args, pass)                                  \
    template <class T> TN_DEVICE void name##_any(const args &p) \
    {                                                           \
        if (p.rows.lanes == 1 && p.rows.count > TNK_NORM_WARP)  \
            pass<T, 1, true>(p);                                \
        else if (p.rows.lanes == 1)                             \
            pass<T, 1, false>(p);                               \
        else if (p.rows.count > TNK_NORM_WARP)                  \
            pass<T, tn_lanes<T>, true>(p);                      \
        else                                                    \
            pass<T, tn_lanes<T>, false>(p);                     \
    }                                                           \
    TN_KERNEL_TYPES(name, struct args, name##_any)

ROWS(tnk_norm, tnk_norm_args, normalise)
ROWS(tnk_norm_back, tnk_norm_back_args, back)

/* ---- sums of channels --------------------------------------------------------------------- */

template <class T> TN_DEVICE void sums(const tnk_norm_sums_args &p)
{
    TN_SHARED(float, bias, TNK_NORM_BLOCK);
    TN_SHARED(float, weight, TNK_NORM_BLOCK);
    const int me = static_cast<int>(threadIdx.x), down = TNK_NORM_BLOCK / p.across;
    const int tile = static_cast<int>(blockIdx.x) % p.tiles;
    const int chunk = static_cast<int>(blockIdx.x) / p.tiles;
    const int64_t c = static_cast<int64_t>(tile) * p.across + me % p.across;
    float db = 0, dw = 0;
    uint32_t group = static_cast<uint32_t>(c);
    divide(group, p.channels);
    for (int64_t i = static_cast<int64_t>(chunk) * down + me / p.across;
         c < p.columns && i < p.pixels; i += static_cast<int64_t>(p.chunks) * down) {
        uint32_t image = static_cast<uint32_t>(i);
        const uint32_t pixel = divide(image, p.area);
        const int64_t at = image * p.image + c * p.column + pixel * p.pixel;
        const int64_t row = image * p.groups + group;
        const float d = tn_load(static_cast<const T *>(p.dy) + at);
        db += d;
        dw += d * (tn_load(static_cast<const T *>(p.x) + at) - p.mean[row]) * p.inverse[row];
    }
    bias[me] = db;
    weight[me] = dw;
    for (int d = TNK_NORM_BLOCK / 2; d >= p.across; d /= 2) {
        __syncthreads();
        if (me < d) {
            bias[me] += bias[me + d];
            weight[me] += weight[me + d];
        }
    }
    if (me >= p.across || c >= p.columns)
        return;
    float *to = p.part + 2 * (c * p.chunks + chunk);
    to[0] = bias[me];
    to[1] = weight[me];
}
TN_KERNEL_TYPES(tnk_norm_sums, struct tnk_norm_sums_args, sums)

TN_KERNEL(tnk_norm_add, struct tnk_norm_add_args)
{
    const tn_team<false> team = tn_my_team<false>();
    for (int64_t c = team.first; c < p.columns; c += team.step) {
        float db = 0, dw = 0;
        for (int chunk = team.rank; chunk < p.chunks; chunk += team.size) {
            const float *from = p.part + 2 * (c * p.chunks + chunk);
            db += from[0];
            dw += from[1];
        }
        db = team.sum(db);
        dw = team.sum(dw);
        if (team.rank != 0)
            continue;
        if (p.dbias)
            p.dbias[c] = db;
        if (p.dweight)
            p.dweight[c] = dw;
    }
}
