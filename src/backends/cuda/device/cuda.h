/*
 * A CUDA device as its kernels see it.
 *
 * All work goes to one compute stream, in the order of the plan's steps; a copy stream beside it brings
 * the next inputs. Nothing here waits for the device but what hands numbers to the host.
 *
 * Numbers are f32, f16 or bf16 in memory and always f32 in arithmetic. A layout says the type and the
 * order of elements of one tensor:
 *
 *     rows   canonical order                                     all but images; f32 rows are NULL
 *     nhwc   N x H x W x C of an N x C x H x W tensor, or K x R x S x C of weights
 *
 * Images of fewer than 4 channels have 4 in memory where a convolution reads them; the fourth is zero,
 * and so are weights and their gradients there.
 */
#ifndef TN_CUDA_H
#define TN_CUDA_H

#include <cuda_runtime_api.h>

#include "backends/backend.h"
#include "backends/cuda/kernels/gpu.h"
#include "base/base.h"

typedef enum tn_cuda_form { TN_CUDA_ROWS, TN_CUDA_NHWC } tn_cuda_form;

typedef struct tn_cuda_layout tn_cuda_layout;
struct tn_cuda_layout {
    tn_layout base; /* what the plan sees */
    tn_dtype dtype; /* f32, f16 or bf16 */
    tn_cuda_form form;
    int64_t channels; /* nhwc: in memory, >= C */
    int64_t pitch;  /* nhwc: from one pixel to the next; more than channels in a part of a tensor */
    int64_t count;  /* elements in memory */
    tn_shape shape; /* nhwc: of the tensor, canonical */
    tn_cuda_layout *next;
};

/* What follows the device's name, "cuda:0,cudnn=off,deterministic=on". */
typedef struct tn_cuda_opts {
    bool cudnn;         /* default on: use it where it is there */
    bool cudnn_all;     /* and for what our own kernels do faster, too */
    bool deterministic; /* default off: only what gives the same bits every time */
    bool autotune;      /* default off: time the best few engines of cuDNN */
    bool sums; /* default on: batchnorm's statistics where cuDNN has its convolution make them */
    bool sums_all;    /* of small tensors, too */
    bool graph;       /* default on: replay a step as one CUDA graph */
    bool sync;        /* default off: wait after each step of a plan, to name the one at fault */
    size_t workspace; /* limit of one kernel's scratch, bytes; default a share of the memory */
    bool cudnn_named, workspace_named; /* said, not left to the default */
    char gpu[256]; /* plan for this model, or for the one in this file, which need not be there */
} tn_cuda_opts;

/* The model. */
typedef struct tn_gpu {
    char name[64];
    int sm;              /* 90: compute capability 9.0 */
    int processors;      /* streaming multiprocessors */
    size_t memory_bytes; /* in all */
    const char *json;    /* for cuDNN: its properties, if it is only planned for; else NULL */
} tn_gpu;

typedef tn_status tn_cuda_settle_fn(tn_backend_device *d, cudaStream_t stream, cudaEvent_t event);

struct tn_backend_device {
    int index;     /* CUDA's; -1: only planned for, so that nothing can run */
    char name[32]; /* "cuda:0", for messages */
    char *text;    /* what describe says */
    tn_cuda_opts opts;
    tn_gpu gpu;
    cudaStream_t compute, copy;
    struct tn_cudnn *cudnn;          /* NULL: off, or not there */
    struct tn_cublaslt *blas;        /* NULL: only planned for */
    struct tn_cuda_faults *faults;   /* what kernels found wrong, see fault.c */
    const void *running;             /* the control of the plan that ran last */
    bool capturing;                  /* what is launched is written down, not done */
    struct tn_cuda_beside *beside;   /* NULL: never was one of several */
    struct tn_cuda_stamps *stamps;   /* NULL: never was in a profile */
    struct tn_cuda_surface *surface; /* NULL: never was given one */
    tn_cuda_settle_fn *settle;       /* of one that was, see tn_cuda_settle(); else NULL */
    void *reduce; /* device: TN_CUDA_REDUCE_BYTES for sums that kernels end in a second launch */
    tn_cuda_layout *layouts; /* every one met so far */
    char *own_json;          /* gpu=FILE: its text */
};

/* ---- errors ------------------------------------------------------------------------------- */

/* TN_OK for cudaSuccess; else an error that names the device, the call, and the node if there is one. Every
 * call of CUDA's is checked by one of these, where it is made. */
tn_status tn_cuda_check(const tn_backend_device *d, const tn_node *n, cudaError_t e,
                        const char *call);
#define TN_CUDA(d, n, call) TN_TRY(tn_cuda_check((d), (n), (call), #call))

/* ---- layouts ------------------------------------------------------------------------------ */

/* The layout of a tensor of that shape. `channels`: 0, or how many to have in memory (nhwc). The same
 * arguments give the same object; NULL (rows of f32) is one too. */
tn_status tn_cuda_layout_of(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                            tn_cuda_form form, int64_t channels, const tn_layout **out);

/* Of input i of a node that joins, as a part of y; *out is NULL if its pixels would not be aligned. See
 * tn_backend.part_layout. */
tn_status tn_cuda_part_layout(tn_backend_device *d, tn_precision precision, const tn_node *n, int i,
                              const tn_layout **out, size_t *offset);
bool tn_cuda_is_part(const tn_layout *l);

/* What a layout says, NULL included. */
tn_dtype tn_cuda_dtype(const tn_layout *l);
static inline const tn_cuda_layout *tn_cuda_layout_from(const tn_layout *l)
{
    return (const tn_cuda_layout *)(const void *)l;
}
/* Elements in memory, padding included. */
int64_t tn_cuda_count(const tn_layout *l, const tn_shape *shape);

/* The type that a plan of this precision keeps values in. */
static inline tn_dtype tn_cuda_type_of(tn_precision p)
{
    return p == TN_PRECISION_F16 ? TN_F16 : p == TN_PRECISION_BF16 ? TN_BF16 : TN_F32;
}

/* Asks for input i in the plan's type: as it comes if it is of that type, in whatever form; nhwc without
 * padding if it is an image; rows. Each sets b->x[i]. Any is for elements, and a scalar of those is f32 in any precision:
 * a sum of losses has 24 bits of fraction then, and its gradient, the loss scale, is more than an f16 holds. So kernels
 * take the type from the layout. */
tn_status tn_cuda_want_any(tn_backend_device *d, const tn_node *n, tn_binding *b, int i);
tn_status tn_cuda_want_nhwc(tn_backend_device *d, const tn_node *n, tn_binding *b, int i);
tn_status tn_cuda_want_rows(tn_backend_device *d, const tn_node *n, tn_binding *b, int i);
/* What output 0 is written in: nhwc or rows of the plan's type. Each sets b->y[0]. */
tn_status tn_cuda_give_nhwc(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_cuda_give_rows(tn_backend_device *d, const tn_node *n, tn_binding *b);

/* ---- launches ----------------------------------------------------------------------------- */

enum { TN_CUDA_BLOCK = 256, TN_CUDA_ALIGN = 256, TN_CUDA_REDUCE_BYTES = 1 << 16 };

/* Blocks of TN_CUDA_BLOCK threads for `work` items, one a thread: enough to fill the device, for loops
 * that step by the whole grid. */
unsigned tn_cuda_grid(const tn_backend_device *d, int64_t work);

/* A kernel's scratch or saved memory has several parts: adds one of `bytes`, returns where it starts. */
static inline size_t tn_cuda_part(size_t *total, size_t bytes)
{
    const size_t offset = *total;
    *total += (bytes + TN_CUDA_ALIGN - 1) & ~(size_t)(TN_CUDA_ALIGN - 1);
    return offset;
}
static inline void *tn_cuda_at(void *memory, size_t offset)
{
    return memory ? (char *)memory + offset : NULL;
}

#endif
