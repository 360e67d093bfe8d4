/*
 * What the ops that go element by element have in common: x and y in the same layout, whichever it is.
 */
#ifndef TN_CUDA_ELEMENTWISE_H
#define TN_CUDA_ELEMENTWISE_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/elementwise.h"

typedef struct tn_elementwise {
    tn_dtype dtype;
    int64_t count; /* elements in memory */
    unsigned grid; /* of a launch over vectors of them */
} tn_elementwise;

/* y in the layout that x comes in, which backward reads. */
tn_status tn_elementwise_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
/* The same with b->x and b->y already set. */
tn_status tn_elementwise_state(tn_backend_device *d, const tn_node *n, tn_binding *b);
void tn_elementwise_release(void *state);
/* What that is, of b->x[0]: for a state that begins with it. */
tn_elementwise tn_elementwise_of(const tn_backend_device *d, const tn_node *n, const tn_binding *b);

/* What activations are launched with. */
struct tnk_map_args tn_elementwise_args(const tn_call *c, float slope);
struct tnk_map_back_args tn_elementwise_back_args(const tn_call *c, float slope);

/* to = from, unless they are one. */
tn_status tn_elementwise_copy(const tn_call *c, void *to, const void *from);

/* Launches a kernel over all elements, one vector a thread. */
#define TN_ELEMENTWISE(c, name, argp)                                                    \
    TN_CUDA((c)->device, (c)->node,                                                      \
            TN_LAUNCH_TYPE(((const tn_elementwise *)(c)->state)->dtype, name,            \
                           ((const tn_elementwise *)(c)->state)->grid, TN_CUDA_BLOCK, 0, \
                           (c)->device->compute, (argp)))

#endif
