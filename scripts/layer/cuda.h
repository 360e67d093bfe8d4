#ifndef TN_NAME_H
#define TN_NAME_H

#include "backends/cuda/kernels/gpu.h"

/* to = factor * from, count of them; may be in place. */
struct tnk_NAME_args {
    const void *from;
    void *to;
    int64_t count;
    float factor;
};
TN_KERNEL_DECL_TYPES(tnk_NAME, struct tnk_NAME_args);

#endif
