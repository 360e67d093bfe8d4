/*
 * One batch normalisation in a node's kernel: its statistics, forward, and its sums, backward.
 *
 * Where devices share a batch and statistics are to be the whole's: with m, v the mean and variance of a share
 * and p its part of all rows that hold a sample, mean = sum of p m, var = sum of p (v + (m - mean)^2), each sum taken
 * over the devices; and backward sums up the two coefficients of dx, which are linear in dy. dweight and dbias stay those
 * of the share: the plan sums up gradients.
 */
#ifndef TN_CUDA_NORM_H
#define TN_CUDA_NORM_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/batchnorm.h"

enum { TN_NORM_WEIGHT, TN_NORM_BIAS, TN_NORM_MEAN, TN_NORM_VAR };

typedef struct tn_cuda_norm {
    struct tnk_columns grid;
    int x, w; /* which input of the node, and which of its parameters is the first */
    tn_dtype dtype;
    float momentum, epsilon;
    bool frozen;              /* training is done with the running statistics too */
    bool short_batches;       /* there may be rows that hold no sample */
    bool summed;              /* x comes with its sums */
    size_t mean, var;         /* where in saved */
    size_t part, coefficient; /* where in scratch */
    int shares; /* of the batch that statistics are summed up over; 0: they are of these rows */
} tn_cuda_norm;

/* Bytes of x that it reads for its statistics: none where they are there. */
static inline size_t tn_cuda_norm_reads(const tn_node *n, const tn_cuda_norm *s)
{
    return s->summed ? 0 : (size_t)tn_elements(&n->x[0]) * tn_dtype_bytes(s->dtype);
}

/* Of input `x`, parameters from `w` on and the options of `of`: asks for it as columns, and adds what it needs to saved and
 * scratch. */
tn_status tn_cuda_norm_prepare(tn_backend_device *d, const tn_node *n, const tn_node *of, int x,
                               int w, tn_binding *b, tn_cuda_norm *s);
/* Input i as columns, N x C or nhwc. */
tn_status tn_cuda_want_columns(tn_backend_device *d, const tn_node *n, tn_binding *b, int i);

/* Threads side by side for the C columns of M numbers, then as many blocks for the rows as keep the device busy. */
struct tnk_columns tn_cuda_columns(const tn_backend_device *d, int64_t M, int64_t C,
                                   tn_dtype dtype);
/* Blocks that are launched over it, of TNK_COLUMNS_BLOCK threads. */
static inline unsigned tn_cuda_columns_blocks(const struct tnk_columns *g)
{
    return (unsigned)(g->tiles * g->chunks);
}

/* Of a run, and of one in training. */
struct tnk_columns tn_cuda_norm_grid(const tn_call *c, const tn_cuda_norm *s);
static inline bool tn_cuda_norm_measures(const tn_call *c, const tn_cuda_norm *s)
{
    return c->run->training && !s->frozen;
}
/* Those of the batch where it measures, else the running ones. */
const float *tn_cuda_norm_mean(const tn_call *c, const tn_cuda_norm *s);
const float *tn_cuda_norm_var(const tn_call *c, const tn_cuda_norm *s);

/* Those of x in training. */
tn_status tn_cuda_norm_measure(const tn_call *c, const tn_cuda_norm *s);
/* The sums over x and dy of what `gate` lets through, `grid` being what those two have. */
tn_status tn_cuda_norm_sums(const tn_call *c, const tn_cuda_norm *s, const struct tnk_columns *grid,
                            const void *x, struct tnk_batchnorm_gate gate);
/* Then dweight, dbias and, of all shares, dx's coefficients, from the sums' parts; `chunks`: how many a column. */
tn_status tn_cuda_norm_add_up(const tn_call *c, const tn_cuda_norm *s, int chunks);

#endif
