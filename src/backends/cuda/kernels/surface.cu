#include "backends/cuda/kernels/surface.h"
#include "backends/cuda/kernels/vector.h"

/* What pixel i out is made of: pixels [first, end), cut at the picture's edge and not at the box's. */
struct taps {
    float centre;
    int first, end;
};
TN_DEVICE taps taps_of(const tnk_window &w, int i)
{
    taps t;
    t.centre = w.start + (static_cast<float>(i) + 0.5f) * w.ratio;
    t.first = min(max(static_cast<int>(floorf(t.centre - w.reach + 0.5f)), 0), w.in - 1);
    t.end = max(min(static_cast<int>(floorf(t.centre + w.reach + 0.5f)), w.in), t.first + 1);
    return t;
}
TN_DEVICE float weight_of(const tnk_window &w, const taps &t, int j)
{
    return fmaxf(0.0f, 1 - fabsf(static_cast<float>(j) + 0.5f - t.centre) / w.reach);
}

/* Samples of 16 bits have 8 that matter here above 8 that refine them. */
template <class S> TN_DEVICE float sample(const S *p)
{
    return static_cast<float>(*p) * (sizeof(S) == 1 ? 1.0f : 1.0f / 256);
}

/* Chroma of pixel i lies between that of its own pair and that of the nearer neighbour, which is three times as far away. */
TN_DEVICE int neighbour(int i, int size)
{
    return min(max(i / 2 + (i % 2 ? 1 : -1), 0), (size + 1) / 2 - 1);
}

template <class S> TN_DEVICE const S *row_of(const void *plane, int64_t stride, int row)
{
    return reinterpret_cast<const S *>(static_cast<const unsigned char *>(plane) + row * stride);
}

TN_DEVICE float to_byte(float x)
{
    return static_cast<float>(static_cast<int>(fminf(fmaxf(x, 0.0f), 255.0f) + 0.5f));
}

/* One pixel in, as RGB of whole bytes: what the CPU has before it scales. */
template <class S>
TN_DEVICE void add_pixel(float (&sum)[3], const tnk_surface_args &p, int row, int column,
                         float weight)
{
    const int c = column / 2, beside = neighbour(column, p.across.in);
    const S *near = row_of<S>(p.chroma, p.chroma_stride, row / 2);
    const S *far = row_of<S>(p.chroma, p.chroma_stride, neighbour(row, p.down.in));
    float uv[2];
    TN_UNROLL
    for (int k = 0; k < 2; k++)
        uv[k] = p.chroma_scale *
                (0.5625f * sample(near + 2 * c + k) + 0.1875f * sample(near + 2 * beside + k) +
                 0.1875f * sample(far + 2 * c + k) + 0.0625f * sample(far + 2 * beside + k) - 128);
    const float y =
        p.luma_scale * (sample(row_of<S>(p.luma, p.luma_stride, row) + column) - p.black);
    sum[0] += weight * to_byte(y + p.red_v * uv[1]);
    sum[1] += weight * to_byte(y + p.green_u * uv[0] + p.green_v * uv[1]);
    sum[2] += weight * to_byte(y + p.blue_u * uv[0]);
}

/* A thread does one pixel out. */
template <class S> TN_DEVICE void fit(const tnk_surface_args &p)
{
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t row = static_cast<uint32_t>(i);
        const uint32_t column = divide(row, p.columns);
        const taps down = taps_of(p.down, static_cast<int>(row));
        const taps across = taps_of(p.across, static_cast<int>(column));
        float sum[3] = {}, all = 0;
        for (int y = down.first; y < down.end; y++) {
            const float by_row = weight_of(p.down, down, y);
            for (int x = across.first; x < across.end; x++) {
                const float weight = by_row * weight_of(p.across, across, x);
                all += weight;
                add_pixel<S>(sum, p, y, x, weight);
            }
        }
        TN_UNROLL
        for (int k = 0; k < 3; k++)
            p.rgb[3 * i + k] = static_cast<uint8_t>(sum[k] / all + 0.5f);
    }
}

TN_KERNEL(tnk_surface, struct tnk_surface_args)
{
    if (p.wide)
        fit<uint16_t>(p);
    else
        fit<uint8_t>(p);
}
