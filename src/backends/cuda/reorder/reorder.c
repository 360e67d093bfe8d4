/*
 * A tensor of N x C x P elements, P pixels (H x W, or R x S of weights), lies in one of two orders:
 *
 *     rows   n, c, p
 *     nhwc   n, p, c   with as many channels in memory as the layout says; those beyond C are zero
 *
 * Between them there is a plain copy (same type and order), a conversion of types alone, a transposition
 * of each n through shared memory, or, for few channels, one thread a pixel.
 */
#include "backends/cuda/reorder/reorder.h"

#include "backends/cuda/device/device.h"
#include "backends/cuda/kernels/elementwise.h"
#include "backends/cuda/kernels/layout.h"

enum { NARROW = 8 /* channels, up to which a transposition would leave most of its tile empty */ };

typedef struct reorder reorder;
struct reorder {
    tn_backend_device *device;
    cudaError_t (*launch)(const reorder *r, void *to, const void *from);
    tn_dtype from_type, to_type;
    bool from_nhwc, to_nhwc;
    int64_t N, C, P;
    int64_t from_channels, to_channels; /* in memory */
    unsigned grid;
};

/* ---- ways --------------------------------------------------------------------------------- */

static cudaError_t copy(const reorder *r, void *to, const void *from)
{
    const size_t bytes = (size_t)(r->N * r->to_channels * r->P) * tn_dtype_bytes(r->to_type);
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, r->device->compute);
}

static cudaError_t convert(const reorder *r, void *to, const void *from)
{
    struct tnk_convert_args a = {.from = from,
                                 .to = to,
                                 .count = r->N * r->to_channels * r->P,
                                 .from_type = (int32_t)r->from_type};
    return TN_LAUNCH_TYPE(r->to_type, tnk_convert, r->grid, TN_CUDA_BLOCK, 0, r->device->compute,
                          &a);
}

static cudaError_t transpose(const reorder *r, void *to, const void *from)
{
    struct tnk_transpose_args a = {
        .from = from,
        .to = to,
        .batch = r->N,
        .rows = r->from_nhwc ? r->P : r->C,
        .cols = r->from_nhwc ? r->C : r->P,
        .pitch = r->from_nhwc ? r->from_channels : r->P,
        .to_rows = r->from_nhwc ? r->P : r->to_channels,
        .from_type = (int32_t)r->from_type,
    };
    return TN_LAUNCH_TYPE(r->to_type, tnk_transpose, r->grid, TNK_TILE * TNK_TILE_LINES, 0,
                          r->device->compute, &a);
}

static struct tnk_strides strides(int64_t P, bool nhwc, int64_t channels)
{
    return (struct tnk_strides){
        .image = P * channels, .pixel = nhwc ? channels : 1, .channel = nhwc ? 1 : P};
}

static cudaError_t narrow(const reorder *r, void *to, const void *from)
{
    struct tnk_narrow_args a = {
        .from = from,
        .to = to,
        .batch = r->N,
        .pixels = r->P,
        .from_step = strides(r->P, r->from_nhwc, r->from_channels),
        .to_step = strides(r->P, r->to_nhwc, r->to_channels),
        .channels = (int32_t)r->C,
        .to_channels = (int32_t)r->to_channels,
        .from_type = (int32_t)r->from_type,
    };
    return TN_LAUNCH_TYPE(r->to_type, tnk_narrow, r->grid, TN_CUDA_BLOCK, 0, r->device->compute,
                          &a);
}

/* ---- choice ------------------------------------------------------------------------------- */

static void choose(reorder *r)
{
    const int64_t most = r->from_channels > r->to_channels ? r->from_channels : r->to_channels;
    /* A single pixel or channel lies the same in both orders. */
    const bool same_order = r->from_nhwc == r->to_nhwc || r->P == 1 || r->C == 1;
    if (same_order && r->from_channels == r->to_channels) {
        r->launch = r->from_type == r->to_type ? copy : convert;
        r->grid = tn_cuda_grid(r->device, (r->N * most * r->P + TNK_CONVERT - 1) / TNK_CONVERT);
    } else if (r->from_nhwc == r->to_nhwc || most <= NARROW) {
        r->launch = narrow;
        r->grid = tn_cuda_grid(r->device, r->N * r->P);
    } else {
        const int64_t tiles =
            (most + TNK_TILE - 1) / TNK_TILE * ((r->P + TNK_TILE - 1) / TNK_TILE) * r->N;
        r->launch = transpose;
        r->grid = tn_cuda_grid(r->device, tiles * TN_CUDA_BLOCK);
    }
}

static bool is_nhwc(const tn_layout *l)
{
    return l && tn_cuda_layout_from(l)->form == TN_CUDA_NHWC;
}

static int64_t channels(const tn_layout *l, int64_t C)
{
    return is_nhwc(l) ? tn_cuda_layout_from(l)->channels : C;
}

tn_status tn_cuda_reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                 const tn_layout *from, const tn_layout *to, void **out)
{
    const bool image = is_nhwc(from) || is_nhwc(to);
    if (from != to && (dtype != TN_F32 || (image && shape->ndim < 2) || tn_cuda_is_part(from) ||
                       tn_cuda_is_part(to)))
        return tn_fail(TN_ERR_UNSUPPORTED, "reorder on %s: %s %s from %s to %s", d->name,
                       tn_shape_format(shape).text, tn_dtype_name(dtype),
                       from ? from->name : "rows", to ? to->name : "rows");
    reorder *r = tn_alloc(1, sizeof *r);
    if (!r)
        return tn_no_memory("reorder", sizeof *r);
    *r = (reorder){
        .device = d,
        .from_type = dtype == TN_F32 ? tn_cuda_dtype(from) : dtype,
        .to_type = dtype == TN_F32 ? tn_cuda_dtype(to) : dtype,
        .from_nhwc = is_nhwc(from),
        .to_nhwc = is_nhwc(to),
        .N = image ? shape->dim[0] : 1,
        .C = image ? shape->dim[1] : 1,
    };
    r->P = tn_elements(shape) / (r->N * r->C);
    r->from_channels = channels(from, r->C);
    r->to_channels = channels(to, r->C);
    choose(r);
    *out = r;
    return TN_OK;
}

tn_status tn_cuda_reorder_run(void *state, void *to, const void *from)
{
    const reorder *r = state;
    return tn_cuda_check(r->device, NULL, r->launch(r, to, from), "reorder");
}

void tn_cuda_reorder_destroy(void *state)
{
    tn_free(state);
}

/* ---- sums and copies ---------------------------------------------------------------------- */

tn_status tn_cuda_accumulate(tn_backend_device *d, const tn_layout *layout, void *y, const void *x,
                             size_t bytes)
{
    enum { VECTOR_BYTES = 16 };
    const tn_dtype dtype = tn_cuda_dtype(layout);
    struct tnk_add_args a = {
        .a = y, .b = x, .y = y, .count = (int64_t)(bytes / tn_dtype_bytes(dtype))};
    const unsigned grid = tn_cuda_grid(d, (int64_t)((bytes + VECTOR_BYTES - 1) / VECTOR_BYTES));
    TN_CUDA(d, NULL, TN_LAUNCH_TYPE(dtype, tnk_add, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_tally(tn_backend_device *d, const tn_run_state *run, double *sum, const void *x,
                        tn_dtype dtype)
{
    struct tnk_tally_args a = {
        .control = run->control, .sum = sum, .x = x, .is_i32 = dtype == TN_I32};
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_tally, 1, 1, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_halve(tn_backend_device *d, tn_precision precision, void *half, const float *w,
                        size_t count)
{
    struct tnk_convert_args a = {
        .from = w, .to = half, .count = (int64_t)count, .from_type = (int32_t)TN_F32};
    const unsigned grid = tn_cuda_grid(d, (a.count + TNK_CONVERT - 1) / TNK_CONVERT);
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL,
            TN_LAUNCH_TYPE(tn_cuda_type_of(precision), tnk_convert, grid, TN_CUDA_BLOCK, 0,
                           d->compute, &a));
    return TN_OK;
}
