/*
 * Functions of two values, element by element with broadcasting. x[0] and x[1] come as one of them is laid out, if that has
 * all of y's elements; the other then is in rows. Scalars give a scalar in f32 in any precision: see tn_cuda_want_any(). Of
 * a node with one input the second is its first parameter, and a second parameter goes to TNK_SCALE. The gradient of an input
 * that was taken again is a sum, always in the same order.
 */
#ifndef TN_CUDA_BINARY_H
#define TN_CUDA_BINARY_H

#include "backends/broadcast.h"
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/binary.h"

typedef struct tn_binary_spec {
    enum tnk_formula y, gradient[2];
    bool reads[2][2]; /* [i][j]: the gradient of input i reads input j */
} tn_binary_spec;

tn_status tn_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                            const tn_binary_spec *spec);
tn_status tn_binary_forward(const tn_call *c);
tn_status tn_binary_backward(const tn_call *c);
void tn_binary_release(void *state);

#endif
