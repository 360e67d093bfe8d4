/*
 * conv_transpose2d as the adjoint of a conv2d: of the convolution from y to x with the same weights, y is the gradient of
 * its input where x is that of its output. So a kernel of conv2d does all three passes, each the other way round:
 *
 *     y = its gradient of x       dx = its y       dw = its gradient of w, from dy and x in each other's place
 *
 * What remains is the bias.
 */
#ifndef TN_ADJOINT_H
#define TN_ADJOINT_H

#include "backends/backend.h"

typedef struct tn_adjoint {
    const tn_kernel *kernel; /* of conv2d */
    void *state;             /* its own */
    tn_node node;            /* the convolution */
    tn_conv2d_opts opts;
} tn_adjoint;

/* Sets the layouts of b, its scratch memory and what backward reads; those of y are what the kernel wants to read. On
 * failure there is nothing to release. */
tn_status tn_adjoint_prepare(tn_adjoint *a, const tn_kernel *kernel, tn_backend_device *d,
                             const tn_node *n, tn_binding *b);
void tn_adjoint_release(tn_adjoint *a);

/* y without the bias. */
tn_status tn_adjoint_forward(const tn_adjoint *a, const tn_call *c);
/* dx and dw[0], where they are asked for. */
tn_status tn_adjoint_backward(const tn_adjoint *a, const tn_call *c);

#endif
