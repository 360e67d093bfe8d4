#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/vector.h"

/* ---- biases ------------------------------------------------------------------------------- */

template <class T> TN_DEVICE void bias_relu(const tnk_bias_relu_args &p)
{
    constexpr int N = tn_lanes<T>;
    T *y = static_cast<T *>(p.y);
    const T *bias = static_cast<const T *>(p.bias);
    const T *z = static_cast<const T *>(p.z);
    const bool whole = tn_aligned<T, N>(y) && (!z || tn_aligned<T, N>(z));
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float v[N], also[N] = {};
        tn_read(v, y, i, p.count, whole);
        if (z)
            tn_read(also, z, i, p.count, whole);
        int64_t c = i * N % p.cols;
        TN_UNROLL
        for (int j = 0; j < N; j++) {
            if (bias && c < p.biases)
                v[j] += tn_load(bias + c);
            v[j] += also[j];
            if (p.relu)
                v[j] = v[j] <= 0 ? 0.0f : v[j];
            c = c + 1 == p.cols ? 0 : c + 1;
        }
        tn_write(y, v, i, p.count, whole);
    }
}
TN_KERNEL_TYPES(tnk_bias_relu, struct tnk_bias_relu_args, bias_relu)

/* ---- sums over rows ----------------------------------------------------------------------- */

/* The sums that the threads below each other have, for those of the first row. */
template <int N> TN_DEVICE void sum_down(float (&sum)[N], int across)
{
    TN_SHARED(float, part, N *TNK_SUM_BLOCK);
    const int t = static_cast<int>(threadIdx.x);
    TN_UNROLL
    for (int j = 0; j < N; j++)
        part[j * TNK_SUM_BLOCK + t] = sum[j];
    for (int below = TNK_SUM_BLOCK / 2; below >= across; below /= 2) {
        __syncthreads();
        if (t < below) {
            TN_UNROLL
            for (int j = 0; j < N; j++)
                part[j * TNK_SUM_BLOCK + t] += part[j * TNK_SUM_BLOCK + t + below];
        }
    }
    TN_UNROLL
    for (int j = 0; j < N; j++)
        sum[j] = part[j * TNK_SUM_BLOCK + t]; /* of the first row: this thread wrote it */
}

template <class T> TN_DEVICE void sum_rows(const tnk_sum_rows_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *dy = static_cast<const T *>(p.dy), *y = static_cast<const T *>(p.y);
    T *dz = static_cast<T *>(p.dz);
    const bool whole = p.cols % N == 0 && p.pitch % N == 0 && tn_aligned<T, N>(dy) &&
                       tn_aligned<T, N>(y) && tn_aligned<T, N>(dz);
    const int64_t part = blockIdx.x / p.tiles, tile = blockIdx.x % p.tiles;
    const int64_t group = tile * p.across + threadIdx.x % p.across;
    const int64_t down = blockDim.x / p.across, each = (p.rows + p.parts - 1) / p.parts;
    const int64_t end = (part + 1) * each < p.rows ? (part + 1) * each : p.rows;
    const bool inside = group * N < p.cols;
    float sum[N] = {0};
    for (int64_t r = part * each + threadIdx.x / p.across; inside && r < end; r += down) {
        float v[N];
        tn_read(v, dy + r * p.pitch, group, p.cols, whole);
        if (y) {
            float u[N];
            tn_read(u, y + r * p.pitch, group, p.cols, whole);
            TN_UNROLL
            for (int j = 0; j < N; j++)
                v[j] = u[j] > 0 ? v[j] : 0.0f;
            tn_write(dz + r * p.cols, v, group, p.cols, whole);
        }
        TN_UNROLL
        for (int j = 0; j < N; j++)
            sum[j] += v[j];
    }
    if (!p.sum)
        return;
    sum_down(sum, p.across);
    float *to = p.sum + part * p.cols;
    if (inside && static_cast<int>(threadIdx.x) < p.across)
        tn_write(to, sum, group, p.cols, p.cols % N == 0 && tn_aligned<float, N>(p.sum));
}
TN_KERNEL_TYPES(tnk_sum_rows, struct tnk_sum_rows_args, sum_rows)

TN_KERNEL(tnk_sum_parts, struct tnk_sum_parts_args)
{
    TN_GRID_STRIDE(i, p.count)
    {
        float sum = p.add ? p.y[i] : 0.0f;
        for (int k = 0; k < p.parts; k++)
            sum += p.part[k * p.count + i];
        p.y[i] = sum;
    }
}

/* ---- convolutions as matrix products ------------------------------------------------------ */

template <int bytes> TN_DEVICE void im2col(const tnk_im2col_args &p)
{
    typedef typename tn_word<bytes>::type word;
    const word *x = static_cast<const word *>(p.x);
    word *col = static_cast<word *>(p.col);
    const tnk_window &o = p.window;
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t n = static_cast<uint32_t>(i);
        const uint32_t unit = divide(n, p.units);
        const int s = divide(n, o.S), r = divide(n, o.R);
        const uint32_t g = divide(n, o.G);
        const int q = divide(n, o.Q), p0 = divide(n, o.P);
        const int h = p0 * o.stride[0] + r * o.dilation[0] - o.pad[0];
        const int w = q * o.stride[1] + s * o.dilation[1] - o.pad[1];
        word v = {};
        if (h >= 0 && h < o.height && w >= 0 && w < o.width) {
            const int64_t pixel = (static_cast<int64_t>(n) * o.height + h) * o.width + w;
            v = x[(pixel * o.G.by + g) * p.units.by + unit];
        }
        col[i] = v;
    }
}
TN_KERNEL(tnk_im2col_2, struct tnk_im2col_args)
{
    im2col<2>(p);
}
TN_KERNEL(tnk_im2col_4, struct tnk_im2col_args)
{
    im2col<4>(p);
}
TN_KERNEL(tnk_im2col_8, struct tnk_im2col_args)
{
    im2col<8>(p);
}
TN_KERNEL(tnk_im2col_16, struct tnk_im2col_args)
{
    im2col<16>(p);
}

/* Which of `count` rows of y has tap `tap` on `at`, -1 for none. */
TN_DEVICE int row_of(const tnk_window &o, int axis, int at, int tap, int count)
{
    const int from = at + o.pad[axis] - tap * o.dilation[axis];
    const int row = from / o.stride[axis];
    return from >= 0 && row * o.stride[axis] == from && row < count ? row : -1;
}

template <class T, int N> TN_DEVICE void col2im_by(const tnk_col2im_args &a)
{
    const tnk_window &o = a.window;
    const int P = o.P.by, Q = o.Q.by, R = o.R.by, S = o.S.by;
    T *dx = static_cast<T *>(a.dx);
    TN_GRID_STRIDE(i, a.count / N)
    {
        uint32_t n = static_cast<uint32_t>(i);
        const uint32_t channel = divide(n, a.vectors) * N;
        const int w = divide(n, a.width), h = divide(n, a.height);
        uint32_t g = channel;
        const uint32_t c = divide(g, a.channels);
        float sum[N] = {0};
        for (int r = 0; r < R; r++) {
            const int p = row_of(o, 0, h, r, P);
            for (int s = 0; p >= 0 && s < S; s++) {
                const int q = row_of(o, 1, w, s, Q);
                if (q < 0)
                    continue;
                float v[N];
                const int64_t y = (static_cast<int64_t>(n) * P + p) * Q + q;
                const int64_t tap = ((y * o.G.by + g) * R + r) * S + s;
                tn_load_all(v, a.col + tap * a.channels.by + c);
                TN_UNROLL
                for (int j = 0; j < N; j++)
                    sum[j] += v[j];
            }
        }
        tn_store_all(dx + i * N, sum);
    }
}
template <class T> TN_DEVICE void col2im(const tnk_col2im_args &p)
{
    if (p.lanes == 8)
        col2im_by<T, 8>(p);
    else if (p.lanes == 4)
        col2im_by<T, 4>(p);
    else
        col2im_by<T, 1>(p);
}
TN_KERNEL_TYPES(tnk_col2im, struct tnk_col2im_args, col2im)
