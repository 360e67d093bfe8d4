#include "backends/cuda/kernels/blocks.h"
#include "backends/cuda/kernels/vector.h"

enum { PIXEL = TNK_BLOCKS_CHANNELS };

TN_DEVICE void load_bytes(float (&to)[PIXEL], const tnk_blocks_args &p, int64_t pixel)
{
    TN_UNROLL
    for (int c = 0; c < PIXEL; c++)
        to[c] = c < p.depth
                    ? (static_cast<float>(p.bytes[pixel * p.depth + c]) - p.mean[c]) * p.scale[c]
                    : 0.0f;
}

/* One row of a block a thread: `side` pixels beside each other in x, and in X too. */
template <class T, int side, int channels> TN_DEVICE void blocks_of(const tnk_blocks_args &p)
{
    constexpr int row = side * channels, piece = row % 4 == 0 ? 4 : 2;
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t n = static_cast<uint32_t>(i);
        const int a = static_cast<int>(divide(n, p.side));
        const int w = static_cast<int>(divide(n, p.columns)) * side - p.pad[1];
        const int h = static_cast<int>(divide(n, p.rows)) * side + a - p.pad[0];
        const T *x = static_cast<const T *>(p.x);
        const int64_t line = (static_cast<int64_t>(n) * p.height + h) * p.width;
        const bool inside = h >= 0 && h < p.height;
        float v[row];
        TN_UNROLL
        for (int b = 0; b < side; b++) {
            float pixel[PIXEL] = {};
            if (inside && w + b >= 0 && w + b < p.width) {
                if (p.bytes)
                    load_bytes(pixel, p, line + w + b);
                else
                    tn_load_all(pixel, x + (line + w + b) * PIXEL);
            }
            TN_UNROLL
            for (int c = 0; c < channels; c++)
                v[b * channels + c] = pixel[c];
        }
        T *to = static_cast<T *>(p.blocks) + i * row;
        TN_UNROLL
        for (int k = 0; k < row; k += piece) {
            float part[piece];
            TN_UNROLL
            for (int j = 0; j < piece; j++)
                part[j] = v[k + j];
            tn_store_all(to + k, part);
        }
    }
}
template <class T> TN_DEVICE void blocks(const tnk_blocks_args &p)
{
    if (p.side.by == 4 && p.channels == 3)
        blocks_of<T, 4, 3>(p);
    else if (p.side.by == 4)
        blocks_of<T, 4, 4>(p);
    else if (p.channels == 3)
        blocks_of<T, 2, 3>(p);
    else
        blocks_of<T, 2, 4>(p);
}
TN_KERNEL_TYPES(tnk_blocks, struct tnk_blocks_args, blocks)

template <class T> TN_DEVICE void block_weights(const tnk_block_weights_args &p)
{
    const int side = static_cast<int>(p.side.by);
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t n = static_cast<uint32_t>(i);
        const int c = static_cast<int>(divide(n, p.channels));
        const int b = static_cast<int>(divide(n, p.side)), a = static_cast<int>(divide(n, p.side));
        const int s = static_cast<int>(divide(n, p.columns)) * side + b;
        const int r = static_cast<int>(divide(n, p.rows)) * side + a;
        const bool inside = r < p.kernel[0] && s < p.kernel[1];
        const int64_t from =
            ((static_cast<int64_t>(n) * p.kernel[0] + r) * p.kernel[1] + s) * PIXEL + c;
        tn_store(static_cast<T *>(p.blocks) + i,
                 inside ? tn_load(static_cast<const T *>(p.w) + from) : 0.0f);
    }
}
TN_KERNEL_TYPES(tnk_block_weights, struct tnk_block_weights_args, block_weights)

template <class T> TN_DEVICE void unblock_weights(const tnk_unblock_weights_args &p)
{
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t n = static_cast<uint32_t>(i / PIXEL);
        const int c = static_cast<int>(i % PIXEL);
        uint32_t s = divide(n, p.kernel[1]), r = divide(n, p.kernel[0]);
        const uint32_t b = divide(s, p.side), a = divide(r, p.side);
        const int64_t block = (static_cast<int64_t>(n) * p.rows + r) * p.columns + s;
        const int64_t from = ((block * p.side.by + a) * p.side.by + b) * p.channels + c;
        p.dw[i] = c < p.channels ? tn_load(static_cast<const T *>(p.blocks) + from) : 0.0f;
    }
}
TN_KERNEL_TYPES(tnk_unblock_weights, struct tnk_unblock_weights_args, unblock_weights)
