/*
 * What dense and conv2d do beside their products and convolutions, with cuDNN or without.
 */
#ifndef TN_CUDA_LINEAR_H
#define TN_CUDA_LINEAR_H

#include "backends/cuda/device/cuda.h"

/* Parameter i, in the plan's type. */
static inline const void *tn_cuda_param(const tn_call *c, int i)
{
    return c->half[i] ? c->half[i] : c->w[i];
}

/* y = f(y + bias + z), rows x cols of one type; f is max(., 0) or nothing, bias and z (of y's type) may be NULL. */
tn_status tn_cuda_bias_relu(const tn_call *c, tn_dtype dtype, void *y, const void *bias,
                            const void *z, int64_t rows, int64_t cols, bool relu);

/* y = from, rows x cols of one type, where rows of y are `pitch` elements apart; of a tn_cuda_part_layout. */
tn_status tn_cuda_place(const tn_call *c, tn_dtype dtype, void *y, const void *from, int64_t rows,
                        int64_t cols, int64_t pitch);

/*
 * What backward begins with: the gradient of an absorbed relu, and that of the bias, in one pass.
 *     dz = dy where y > 0, else 0        only if `relu`; otherwise dz is dy
 *     db[c] = sum over r of dz[r, c]     in f32 and always the same order; only where c->dw[1] is wanted
 * dy, y, dz: rows x cols in the plan's type.
 */
typedef struct tn_cuda_sums {
    tn_dtype dtype;
    bool relu;
    int64_t rows, cols;
    int64_t pitch;     /* from one row of dy and y to the next: cols, unless it is set to more */
    int64_t tiles;     /* that the columns are cut into, one a block */
    int across, parts; /* threads beside each other; parts that the rows are cut into */
    size_t dz, sums;   /* where in the scratch these lie */
} tn_cuda_sums;

/* Adds what it needs to *scratch_bytes (tn_cuda_part). db: it will be asked for. */
tn_cuda_sums tn_cuda_sums_plan(const tn_backend_device *d, tn_dtype dtype, int64_t rows,
                               int64_t cols, bool relu, bool db, size_t *scratch_bytes);
/* What backward moves of dy and dz beside dy once, if each gradient is a pass of its own. */
tn_moved tn_cuda_sums_moved(const tn_cuda_sums *s, const tn_binding *b);
/* Does both from c->dy[0] and c->y[0]; *dz is c->dy[0] or in c->scratch. */
tn_status tn_cuda_sums_run(const tn_cuda_sums *s, const tn_call *c, const void **dz);

#endif
