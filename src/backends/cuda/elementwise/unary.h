/* Functions of one value, element by element: x and y in the same layout, whichever it is. An op's file is one line,
 * TN_UNARY_KERNEL(op, formula, reads_y). */
#ifndef TN_CUDA_UNARY_H
#define TN_CUDA_UNARY_H

#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/unary.h"

typedef struct tn_unary_spec {
    enum tnk_unary_formula formula;
    bool reads_y; /* backward does, and else x */
} tn_unary_spec;

tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_spec *spec);
tn_status tn_unary_forward(const tn_call *c);
tn_status tn_unary_backward(const tn_call *c);
void tn_unary_release(void *state);

/* The kernel tn_cuda_<op>. */
#define TN_UNARY_KERNEL(stem, which, of_y)                                                     \
    static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)            \
    {                                                                                          \
        return tn_unary_prepare(d, n, b, &(tn_unary_spec){.formula = which, .reads_y = of_y}); \
    }                                                                                          \
    const tn_kernel tn_cuda_##stem = {                                                         \
        .op = #stem,                                                                           \
        .prepare = prepare,                                                                    \
        .forward = tn_unary_forward,                                                           \
        .backward = tn_unary_backward,                                                         \
        .release = tn_unary_release,                                                           \
    }

#endif
