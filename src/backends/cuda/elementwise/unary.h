/* Functions of one value, element by element: x and y in the same layout, whichever it is. */
#ifndef TN_CUDA_UNARY_H
#define TN_CUDA_UNARY_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/unary.h"

typedef struct tn_unary_spec {
    enum tnk_unary_formula formula;
    bool reads_y; /* backward does, and else x */
    float k[2];
} tn_unary_spec;

tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_spec *spec);
tn_status tn_unary_forward(const tn_call *c);
tn_status tn_unary_backward(const tn_call *c);
void tn_unary_release(void *state);

#endif
