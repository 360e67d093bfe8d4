/* What kernels have in common that find elements by numbers of the program's, input 1. */
#ifndef TN_CUDA_INDEX_H
#define TN_CUDA_INDEX_H

#include "backends/cuda/device/cuda.h"

typedef struct tn_cuda_index {
    tn_backend_device *device; /* for release() alone, as what follows */
    const void *control;       /* of the plan, once it has run */
} tn_cuda_index;

/* x[0] and y[0] in rows of the plan's type, all else canonical; makes the state. */
tn_status tn_cuda_index_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
void tn_cuda_index_release(void *state);

/* Has the run fail, once it is done, if one of them is neither in [low, high) nor `allowed`; kind: TN_FAULT_... */
tn_status tn_cuda_index_check(const tn_call *c, int64_t low, int64_t high, int64_t allowed,
                              int kind);

#endif
