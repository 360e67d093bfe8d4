#include "backends/cuda/kernels/lrn.h"
#include "backends/cuda/kernels/vector.h"

/* A tile: channels from `channel` on of pixels from `pixel` on. */
struct tile {
    int64_t pixel, channel;
};

TN_DEVICE int64_t tiles_across(const tnk_lrn_args &p)
{
    return (p.channels + p.tile - 1) / p.tile;
}
TN_DEVICE int64_t count_tiles(const tnk_lrn_args &p)
{
    return (p.pixels + p.together - 1) / p.together * tiles_across(p);
}
TN_DEVICE tile tile_at(const tnk_lrn_args &p, int64_t i)
{
    const int64_t across = tiles_across(p);
    return {i / across * p.together, i % across * p.tile};
}

/* Element i of a tile with `margin` more channels on either side: where it is in memory, -1 if nowhere. */
TN_DEVICE int64_t find(const tnk_lrn_args &p, const tile &t, int margin, int i)
{
    const int span = p.tile + 2 * margin;
    const int64_t pixel = t.pixel + i / span, channel = t.channel + i % span - margin;
    const bool inside = pixel < p.pixels && channel >= 0 && channel < p.channels;
    return inside ? pixel * p.channels + channel : -1;
}

/* to[i] = x there, 0 outside. */
template <class T>
TN_DEVICE void bring(float *to, const T *x, const tnk_lrn_args &p, const tile &t, int margin)
{
    const int count = p.together * (p.tile + 2 * margin), step = static_cast<int>(blockDim.x);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += step) {
        const int64_t at = find(p, t, margin, i);
        to[i] = at < 0 ? 0.0f : tn_load(x + at);
    }
}

/* The 2 reach + 1 numbers from v on: their sum, and that of their squares. */
TN_DEVICE float sum_around(const tnk_lrn_args &p, const float *v)
{
    float sum = 0;
    for (int i = 0; i <= 2 * p.reach; i++)
        sum += v[i];
    return sum;
}
TN_DEVICE float squares_around(const tnk_lrn_args &p, const float *v)
{
    float sum = 0;
    for (int i = 0; i <= 2 * p.reach; i++)
        sum += v[i] * v[i];
    return sum;
}

/* u ^ -beta. 0.75 is what all known networks have. */
TN_DEVICE float power(float u, float beta)
{
    if (beta == 0.75f) {
        const float root = sqrtf(u);
        return 1 / (root * sqrtf(root));
    }
    return powf(u, -beta);
}

template <class T> TN_DEVICE void lrn(const tnk_lrn_args &p)
{
    TN_DYNAMIC_SHARED(float, near);
    T *y = static_cast<T *>(p.y);
    const int span = p.tile + 2 * p.reach, count = p.together * p.tile;
    for (int64_t i = blockIdx.x; i < count_tiles(p); i += gridDim.x) {
        const tile t = tile_at(p, i);
        __syncthreads(); /* the last tile has been read */
        bring(near, static_cast<const T *>(p.x), p, t, p.reach);
        __syncthreads();
        for (int j = static_cast<int>(threadIdx.x); j < count; j += static_cast<int>(blockDim.x)) {
            const int64_t at = find(p, t, 0, j);
            const float *x = near + j / p.tile * span + j % p.tile;
            const float u = p.k + p.scale * squares_around(p, x);
            if (at >= 0)
                tn_store(y + at, x[p.reach] * power(u, p.beta));
        }
    }
}
TN_KERNEL_TYPES(tnk_lrn, struct tnk_lrn_args, lrn)

/* dx = dy u^-beta - 2 scale beta x (sum around of dy x u^-beta / u). */
template <class T> TN_DEVICE void back(const tnk_lrn_args &p)
{
    TN_DYNAMIC_SHARED(float, near);
    const int wide = p.tile + 4 * p.reach, span = p.tile + 2 * p.reach;
    const int count = p.together * p.tile, step = static_cast<int>(blockDim.x);
    float *const direct = near + p.together * wide, *const shared = direct + p.together * span;
    const T *dy = static_cast<const T *>(p.dy);
    T *dx = static_cast<T *>(p.y);
    const float factor = 2 * p.scale * p.beta;
    for (int64_t i = blockIdx.x; i < count_tiles(p); i += gridDim.x) {
        const tile t = tile_at(p, i);
        __syncthreads();
        bring(near, static_cast<const T *>(p.x), p, t, 2 * p.reach);
        __syncthreads();
        for (int j = static_cast<int>(threadIdx.x); j < p.together * span; j += step) {
            const int64_t at = find(p, t, p.reach, j);
            const float *x = near + j / span * wide + j % span;
            const float u = p.k + p.scale * squares_around(p, x);
            const float part = at < 0 ? 0.0f : tn_load(dy + at) * power(u, p.beta);
            direct[j] = part;
            shared[j] = part * x[p.reach] / u;
        }
        __syncthreads();
        for (int j = static_cast<int>(threadIdx.x); j < count; j += step) {
            const int64_t at = find(p, t, 0, j);
            const int row = j / p.tile, column = j % p.tile;
            const float x = near[row * wide + column + 2 * p.reach];
            const float others = sum_around(p, shared + row * span + column);
            if (at >= 0)
                tn_store(dx + at, direct[row * span + column + p.reach] - factor * x * others);
        }
    }
}
TN_KERNEL_TYPES(tnk_lrn_back, struct tnk_lrn_args, back)
