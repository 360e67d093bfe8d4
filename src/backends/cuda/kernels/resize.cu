#include "backends/cuda/kernels/resize.h"
#include "backends/cuda/kernels/vector.h"

/* A thread does N channels of one pixel: those from `channel` on. */
struct place {
    int64_t image, channel;
    int row, column;
};

template <int N> TN_DEVICE place place_of(const tnk_resize_args &p, int64_t i)
{
    uint32_t n = static_cast<uint32_t>(i);
    place r;
    r.channel = static_cast<int64_t>(divide(n, p.groups)) * N;
    r.column = static_cast<int>(divide(n, p.columns));
    r.row = static_cast<int>(divide(n, p.rows));
    r.image = n;
    return r;
}

/* As tn_resample_low(), tn_resample_first(). */
TN_DEVICE int low_of(const tnk_resample &r, int p, float &share)
{
    const int at = r.scale * p + r.shift;
    const int low = at < 0 ? 0 : min(at / r.by, r.in - 1);
    share = at < 0 || r.nearest || low == r.in - 1
                ? 0.0f
                : static_cast<float>(at % r.by) / static_cast<float>(r.by);
    return low;
}
TN_DEVICE int first_of(const tnk_resample &r, int i)
{
    const int wanted = i * r.by - r.shift;
    if (wanted <= 0)
        return 0;
    return r.scale == 0 ? r.out : min((wanted + r.scale - 1) / r.scale, r.out);
}

struct users {
    int first, end;
};
TN_DEVICE users users_of(const tnk_resample &r, int i)
{
    return {i == 0 ? 0 : first_of(r, i - 1), i == r.in - 1 ? r.out : first_of(r, i + 1)};
}
TN_DEVICE float share_of(const tnk_resample &r, int i, int p)
{
    float share;
    const int low = low_of(r, p, share);
    return i == low ? 1 - share : i == low + 1 ? share : 0.0f;
}

template <class T, int N>
TN_DEVICE void load_at(float (&to)[N], const tnk_resize_args &p, const place &at, int rows,
                       int columns, int row, int column)
{
    const T *from = static_cast<const T *>(p.from);
    tn_load_all(to, from + ((at.image * rows + row) * columns + column) * p.channels + at.channel);
}

template <class T, int N> TN_DEVICE void forward(const tnk_resize_args &p)
{
    T *y = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.count)
    {
        const place at = place_of<N>(p, i);
        const int H = p.down.in, W = p.across.in;
        float down, across, v[N], right[N], below[N], corner[N];
        const int h = low_of(p.down, at.row, down), w = low_of(p.across, at.column, across);
        const int h1 = down > 0 ? h + 1 : h, w1 = across > 0 ? w + 1 : w;
        load_at<T>(v, p, at, H, W, h, w);
        if (!p.down.nearest) {
            load_at<T>(right, p, at, H, W, h, w1);
            load_at<T>(below, p, at, H, W, h1, w);
            load_at<T>(corner, p, at, H, W, h1, w1);
            TN_UNROLL
            for (int j = 0; j < N; j++) {
                const float top = v[j] + across * (right[j] - v[j]);
                v[j] = top + down * (below[j] + across * (corner[j] - below[j]) - top);
            }
        }
        tn_store_all(y + i * N, v);
    }
}

template <class T, int N> TN_DEVICE void back(const tnk_resize_args &p)
{
    T *dx = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.count)
    {
        const place at = place_of<N>(p, i);
        const users rows = users_of(p.down, at.row), columns = users_of(p.across, at.column);
        float sum[N] = {};
        for (int r = rows.first; r < rows.end; r++) {
            const float down = share_of(p.down, at.row, r);
            for (int c = columns.first; c < columns.end && down > 0; c++) {
                const float share = down * share_of(p.across, at.column, c);
                float v[N];
                if (share == 0)
                    continue;
                load_at<T>(v, p, at, p.down.out, p.across.out, r, c);
                TN_UNROLL
                for (int j = 0; j < N; j++)
                    sum[j] += share * v[j];
            }
        }
        tn_store_all(dx + i * N, sum);
    }
}

#define RESIZE(name, pass)                                                 \
    template <class T> TN_DEVICE void name##_any(const tnk_resize_args &p) \
    {                                                                      \
        if (p.lanes > 1)                                                   \
            pass<T, tn_lanes<T>>(p);                                       \
        else                                                               \
            pass<T, 1>(p);                                                 \
    }                                                                      \
    TN_KERNEL_TYPES(name, struct tnk_resize_args, name##_any)

RESIZE(tnk_resize, forward)
RESIZE(tnk_resize_back, back)
