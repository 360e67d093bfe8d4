/*
 * cuDNN's graphs: described, an engine chosen when a plan is made, run many times.
 *
 * A graph is a plain struct of tensors and of operations on them. What an engine for it may be follows from
 * the device's options and from the precision:
 *
 *     never          sums in less than f32, inputs rounded to less than their type
 *     f32            no tensor cores: they round f32 to TF32
 *     deterministic  no engine that is noted to give other bits another time
 *
 * Of those that are left and need no more workspace than the device's limit, the first that cuDNN's
 * heuristics name and that it can build is taken; with autotune the fastest of the first few. If there is
 * none, one of those that it falls back on, with tensor cores rather than without. Everything is
 * asked through a descriptor of device properties, never through the handle: so a plan for a GPU that is not
 * there comes from the same code as one for a GPU that is.
 *
 * What is chosen is kept, for equal graphs of the same device, and of a device that can run also on disk.
 */
#ifndef TN_CUDNN_H
#define TN_CUDNN_H

#include <cudnn.h>

#include "backends/cuda/device/cuda.h"

/* Sets d->cudnn, of a device that is this thread's; the library is open. */
tn_status tn_cudnn_open(tn_backend_device *d);
void tn_cudnn_close(tn_backend_device *d);
/* "cuDNN 9.19.0". */
const char *tn_cudnn_describe(const tn_backend_device *d);
/* That many bytes of zeros on the device, for a bias that is not there; NULL on one only planned for. */
enum { TN_CUDNN_ZEROS = 1 << 16 };
const void *tn_cudnn_zeros(const tn_backend_device *d);

/* ---- graphs ------------------------------------------------------------------------------- */

enum { TN_CUDNN_TENSORS = 16, TN_CUDNN_OPS = 4, TN_CUDNN_SLOTS = 12, TN_CUDNN_DIMS = 4 };

typedef struct tn_cudnn_tensor {
    cudnnDataType_t type;
    int64_t dim[TN_CUDNN_DIMS], stride[TN_CUDNN_DIMS]; /* N, C, H, W; elements */
    bool is_virtual;                                   /* goes from one operation to the next */
    bool by_value;                                     /* a scalar in the host's memory */
} tn_cudnn_tensor;

/* Of a convolution or of pooling: vertical, horizontal. */
typedef struct tn_cudnn_window {
    int64_t size[2], stride[2], before[2], after[2], dilation[2];
} tn_cudnn_window;

/* What an operation is to cuDNN. In brackets its tensors, in this order; 0 for one it does without. */
typedef struct tn_cudnn_kind tn_cudnn_kind;
extern const tn_cudnn_kind tn_cudnn_conv;  /* x, w, y */
extern const tn_cudnn_kind tn_cudnn_dgrad; /* dy, w, dx */
extern const tn_cudnn_kind tn_cudnn_wgrad; /* x, dy, dw */
extern const tn_cudnn_kind tn_cudnn_sums;  /* x, its sums over each channel, those of its squares */
extern const tn_cudnn_kind tn_cudnn_pointwise; /* x, b, y; mode: cudnnPointwiseMode_t */

typedef struct tn_cudnn_op {
    const tn_cudnn_kind *kind;
    int tensor[TN_CUDNN_SLOTS];
    int mode;
    bool adds; /* of a convolution: to what is there */
    tn_cudnn_window window;
} tn_cudnn_op;

typedef struct tn_cudnn_graph {
    int tensors, ops;
    tn_cudnn_tensor tensor[TN_CUDNN_TENSORS];
    tn_cudnn_op op[TN_CUDNN_OPS];
} tn_cudnn_graph;

/* Each adds a tensor and returns its number, from 1: of N x C x H x W in nhwc order, with `pitch` elements
 * from one pixel to the next (0: C, without gaps); the same between two operations, in f32. */
int tn_cudnn_add_nhwc(tn_cudnn_graph *g, tn_dtype type, const int64_t dim[4], int64_t pitch);
int tn_cudnn_add_virtual(tn_cudnn_graph *g, const int64_t dim[4]);
void tn_cudnn_add(tn_cudnn_graph *g, const tn_cudnn_op *op);

/* ---- plans -------------------------------------------------------------------------------- */

typedef struct tn_cudnn_plan tn_cudnn_plan;

/* A plan in one kernel's hands. */
typedef struct tn_cudnn_run {
    const tn_cudnn_plan *plan; /* NULL: none was asked for */
    int count;                 /* tensors in memory */
    int64_t uid[TN_CUDNN_TENSORS];
    void *pointer[TN_CUDNN_TENSORS], *workspace; /* that `pack` was made with */
    cudnnBackendDescriptor_t pack;
} tn_cudnn_run;

/* Chooses. TN_ERR_UNSUPPORTED says why cuDNN does not do it; `what` names the graph there: "dgrad". */
tn_status tn_cudnn_prepare(tn_backend_device *d, const tn_node *n, tn_precision precision,
                           const char *what, const tn_cudnn_graph *g, tn_cudnn_run *out);
/* Bytes of scratch; 0 of a run that was not prepared. */
size_t tn_cudnn_workspace(const tn_cudnn_run *r);
bool tn_cudnn_uses_tensor_cores(const tn_cudnn_run *r);
/* `pointers`: to each tensor that is not virtual, in the order in which they were added. Makes a descriptor
 * only where they are others than before. */
tn_status tn_cudnn_execute(tn_cudnn_run *r, const tn_call *c, void *const *pointers,
                           void *workspace);
/* Of one that is all zero: nothing. */
void tn_cudnn_release(tn_cudnn_run *r);

/* For descriptions: adds "y 28 12.1MB TC" of the engine to a text; of a run that was not prepared nothing. */
void tn_cudnn_tell(const tn_cudnn_run *r, const char *what, char *text, size_t size);

#endif
