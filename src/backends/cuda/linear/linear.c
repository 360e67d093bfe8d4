#include "backends/cuda/linear/linear.h"

#include "backends/cuda/kernels/concat.h"
#include "backends/cuda/kernels/linear.h"

enum { VECTOR_BYTES = 16 };

tn_status tn_cuda_bias_relu(const tn_call *c, tn_dtype dtype, void *y, const void *bias,
                            const void *z, int64_t rows, int64_t cols, bool relu)
{
    tn_backend_device *d = c->device;
    struct tnk_bias_relu_args a = {.y = y,
                                   .bias = bias,
                                   .z = z,
                                   .count = rows * cols,
                                   .cols = cols,
                                   .biases = cols,
                                   .relu = relu};
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(dtype);
    const unsigned grid = tn_cuda_grid(d, (a.count + lanes - 1) / lanes);
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(dtype, tnk_bias_relu, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_place(const tn_call *c, tn_dtype dtype, void *y, const void *from, int64_t rows,
                        int64_t cols, int64_t pitch)
{
    tn_backend_device *d = c->device;
    const int64_t bytes = (int64_t)tn_dtype_bytes(dtype);
    int32_t unit = VECTOR_BYTES;
    while (cols * bytes % unit)
        unit /= 2;
    struct tnk_place_args a = {.part = from,
                               .whole = y,
                               .count = rows * cols * bytes / unit,
                               .pitch = pitch * bytes / unit,
                               .width = tnk_divisor_of(cols * bytes / unit),
                               .unit = unit};
    const unsigned grid = tn_cuda_grid(d, a.count);
    TN_CUDA(d, c->node, TN_LAUNCH(tnk_place, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

/* Blocks of TNK_SUM_BLOCK threads: as wide as the columns are or as `widest`, and as many parts as fill the
 * device if each thread still has a few rows to itself. */
static void cut(const tn_backend_device *d, tn_dtype dtype, int64_t rows, int64_t cols, int widest,
                tn_cuda_sums *s)
{
    enum { ROWS_A_THREAD = 8 };
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(dtype);
    const int64_t vectors = (cols + lanes - 1) / lanes;
    s->across = 1;
    while (s->across < vectors && s->across < widest)
        s->across *= 2;
    s->tiles = (vectors + s->across - 1) / s->across;
    const int64_t down = TNK_SUM_BLOCK / s->across;
    const int64_t most = (rows + down * ROWS_A_THREAD - 1) / (down * ROWS_A_THREAD);
    const int64_t fill = tn_cuda_grid(d, INT64_MAX / 2) / s->tiles;
    s->parts = (int)(fill < 1 ? 1 : fill < most ? fill : most);
}

/* What is read from memory, a warp at a time; what is in the cache, by as many blocks as may be: a thread that
 * adds up hundreds of rows waits for each of them. */
enum { WIDE = 32, NARROW = 2 };

tn_cuda_sums tn_cuda_sums_plan(const tn_backend_device *d, tn_dtype dtype, int64_t rows,
                               int64_t cols, bool relu, bool db, size_t *scratch_bytes)
{
    tn_cuda_sums s = {.dtype = dtype, .relu = relu, .rows = rows, .cols = cols, .pitch = cols};
    cut(d, dtype, rows, cols, WIDE, &s);
    if (relu)
        s.dz = tn_cuda_part(scratch_bytes, (size_t)(rows * cols) * tn_dtype_bytes(dtype));
    if (db && s.parts > 1)
        s.sums = tn_cuda_part(scratch_bytes, (size_t)(s.parts * cols) * sizeof(float));
    return s;
}

tn_moved tn_cuda_sums_moved(const tn_cuda_sums *s, const tn_binding *b)
{
    const size_t bytes = (size_t)(s->rows * s->cols) * tn_dtype_bytes(s->dtype);
    const size_t readers = (size_t)b->dx[0] + b->dw[0] + (b->dw[1] && !s->relu);
    if (s->relu)
        return (tn_moved){.read = readers * bytes, .written = bytes};
    return (tn_moved){.read = readers > 1 ? (readers - 1) * bytes : 0};
}

static tn_status launch(const tn_cuda_sums *s, const tn_call *c, tn_dtype dtype,
                        struct tnk_sum_rows_args a)
{
    tn_backend_device *d = c->device;
    a.tiles = s->tiles;
    a.across = s->across;
    a.parts = s->parts;
    const unsigned grid = (unsigned)(s->tiles * s->parts);
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(dtype, tnk_sum_rows, grid, TNK_SUM_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_sums_run(const tn_cuda_sums *s, const tn_call *c, const void **dz)
{
    float *db = c->dw[1];
    float *sums = db && s->parts > 1 ? tn_cuda_at(c->scratch, s->sums) : db;
    void *masked = s->relu ? tn_cuda_at(c->scratch, s->dz) : NULL;
    *dz = s->relu ? masked : c->dy[0];
    if (!s->relu && !db)
        return TN_OK;
    TN_TRY(launch(s, c, s->dtype,
                  (struct tnk_sum_rows_args){.dy = c->dy[0],
                                             .y = s->relu ? c->y[0] : NULL,
                                             .dz = masked,
                                             .sum = sums,
                                             .rows = s->rows,
                                             .cols = s->cols,
                                             .pitch = s->pitch}));
    if (sums == db)
        return TN_OK;
    tn_cuda_sums rest = *s; /* the parts' sums are rows again, of f32 */
    cut(c->device, TN_F32, s->parts, s->cols, NARROW, &rest);
    rest.parts = 1;
    return launch(&rest, c, TN_F32,
                  (struct tnk_sum_rows_args){
                      .dy = sums, .sum = db, .rows = s->parts, .cols = s->cols, .pitch = s->cols});
}
