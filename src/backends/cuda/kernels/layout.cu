#include "backends/cuda/kernels/layout.h"
#include "backends/cuda/kernels/vector.h"

/* ---- types -------------------------------------------------------------------------------- */

template <class T, class From> TN_DEVICE void convert_from(const tnk_convert_args &p)
{
    constexpr int N = TNK_CONVERT;
    const From *from = static_cast<const From *>(p.from);
    T *to = static_cast<T *>(p.to);
    const bool whole = tn_aligned<From, N>(from) && tn_aligned<T, N>(to);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float v[N];
        tn_read(v, from, i, p.count, whole);
        tn_write(to, v, i, p.count, whole);
    }
}
template <class T> TN_DEVICE void convert(const tnk_convert_args &p)
{
    if (p.from_type == TN_F16)
        convert_from<T, __half>(p);
    else if (p.from_type == TN_BF16)
        convert_from<T, __nv_bfloat16>(p);
    else
        convert_from<T, float>(p);
}
TN_KERNEL_TYPES(tnk_convert, struct tnk_convert_args, convert)

/* ---- transposition ------------------------------------------------------------------------ */

/* Both sides are read and written along their rows; the corner is turned in shared memory, whose lines are one
 * longer, so that a column of the tile lies in 32 different banks. */
template <class T, class From>
TN_DEVICE void transpose_from(const tnk_transpose_args &p, float *tile)
{
    constexpr int line = TNK_TILE + 1;
    const int64_t tile_rows = tn_groups<TNK_TILE>(p.to_rows),
                  tile_cols = tn_groups<TNK_TILE>(p.cols);
    const int x = static_cast<int>(threadIdx.x) % TNK_TILE;
    const int y = static_cast<int>(threadIdx.x) / TNK_TILE;
    const From *from = static_cast<const From *>(p.from);
    T *to = static_cast<T *>(p.to);
    for (int64_t t = blockIdx.x; t < p.batch * tile_rows * tile_cols; t += gridDim.x) {
        const int64_t n = t / (tile_rows * tile_cols);
        const int64_t row = t / tile_cols % tile_rows * TNK_TILE, col = t % tile_cols * TNK_TILE;
        TN_UNROLL
        for (int i = 0; i < TNK_TILE; i += TNK_TILE_LINES) {
            const int64_t r = row + y + i, c = col + x;
            const bool inside = r < p.rows && c < p.cols;
            tile[(y + i) * line + x] = inside ? tn_load(from + (n * p.rows + r) * p.pitch + c) : 0;
        }
        __syncthreads();
        TN_UNROLL
        for (int i = 0; i < TNK_TILE; i += TNK_TILE_LINES) {
            const int64_t r = row + x, c = col + y + i;
            if (r < p.to_rows && c < p.cols)
                tn_store(to + (n * p.cols + c) * p.to_rows + r, tile[x * line + y + i]);
        }
        __syncthreads(); /* the tile is free again */
    }
}
template <class T> TN_DEVICE void transpose(const tnk_transpose_args &p)
{
    TN_SHARED(float, tile, TNK_TILE *(TNK_TILE + 1));
    if (p.from_type == TN_F16)
        transpose_from<T, __half>(p, tile);
    else if (p.from_type == TN_BF16)
        transpose_from<T, __nv_bfloat16>(p, tile);
    else
        transpose_from<T, float>(p, tile);
}
TN_KERNEL_TYPES(tnk_transpose, struct tnk_transpose_args, transpose)

/* ---- few channels ------------------------------------------------------------------------- */

template <class T, class From> TN_DEVICE void narrow_from(const tnk_narrow_args &p)
{
    TN_GRID_STRIDE(i, p.batch * p.pixels)
    {
        const int64_t n = i / p.pixels, pixel = i % p.pixels;
        const From *from =
            static_cast<const From *>(p.from) + n * p.from_step.image + pixel * p.from_step.pixel;
        T *to = static_cast<T *>(p.to) + n * p.to_step.image + pixel * p.to_step.pixel;
        for (int c = 0; c < p.to_channels; c++)
            tn_store(to + c * p.to_step.channel,
                     c < p.channels ? tn_load(from + c * p.from_step.channel) : 0.0f);
    }
}
template <class T> TN_DEVICE void narrow(const tnk_narrow_args &p)
{
    if (p.from_type == TN_F16)
        narrow_from<T, __half>(p);
    else if (p.from_type == TN_BF16)
        narrow_from<T, __nv_bfloat16>(p);
    else
        narrow_from<T, float>(p);
}
TN_KERNEL_TYPES(tnk_narrow, struct tnk_narrow_args, narrow)

/* ---- scalars ----------------------------------------------------------------------------- */

TN_KERNEL(tnk_tally, struct tnk_tally_args)
{
    if (p.control->fault)
        return;
    p.sum[1] += 1;
    *p.sum += p.is_i32 ? static_cast<double>(*static_cast<const int32_t *>(p.x))
                       : static_cast<double>(*static_cast<const float *>(p.x));
}
