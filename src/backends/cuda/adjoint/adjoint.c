#include "backends/cuda/adjoint/adjoint.h"

#include <stdio.h>

#include "backends/adjoint.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/linear/linear.h"

enum { VECTOR_BYTES = 16 };

typedef struct deconv {
    tn_adjoint adjoint;
    tn_dtype type;
    int64_t pixels, pitch; /* of y; pitch: channels in memory */
    tn_cuda_sums sums;     /* of the bias */
    char text[224];
} deconv;

void tn_cuda_adjoint_release(void *state)
{
    tn_adjoint_release(&((deconv *)state)->adjoint);
    tn_free(state);
}

tn_status tn_cuda_adjoint_prepare(const tn_kernel *kernel, tn_backend_device *d, const tn_node *n,
                                  tn_binding *b)
{
    const int64_t K = n->y[0].dim[1];
    deconv *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv_transpose2d", sizeof *s);
    const tn_status status = tn_adjoint_prepare(&s->adjoint, kernel, d, n, b);
    if (status != TN_OK) {
        tn_free(s);
        return status;
    }
    size_t backward = 0;
    s->type = tn_cuda_type_of(b->precision);
    s->pixels = tn_elements(&n->y[0]) / K;
    s->pitch = tn_cuda_layout_from(b->y[0])->channels;
    if (b->training) {
        s->sums = tn_cuda_sums_plan(d, s->type, s->pixels, K, false, b->dw[1], &backward);
        s->sums.pitch = s->pitch;
    }
    if (backward > b->scratch_bytes)
        b->scratch_bytes = backward;
    /* What it calls y is dx here, and the other way round. */
    snprintf(s->text, sizeof s->text, "of conv2d: %s", kernel->describe(s->adjoint.state));
    b->state = s;
    return TN_OK;
}

/* y may have more channels in memory than there are, which stay 0. */
static tn_status add_bias(const tn_call *c, const deconv *s)
{
    struct tnk_bias_relu_args a = {.y = c->y[0],
                                   .bias = tn_cuda_param(c, 1),
                                   .count = s->pixels * s->pitch,
                                   .cols = s->pitch,
                                   .biases = c->node->y[0].dim[1]};
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(s->type);
    const unsigned grid = tn_cuda_grid(c->device, (a.count + lanes - 1) / lanes);
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->type, tnk_bias_relu, grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_adjoint_forward(const tn_call *c)
{
    const deconv *s = c->state;
    TN_TRY(tn_adjoint_forward(&s->adjoint, c));
    return c->node->num_params > 1 ? add_bias(c, s) : TN_OK;
}

tn_status tn_cuda_adjoint_backward(const tn_call *c)
{
    const deconv *s = c->state;
    const void *dy;
    TN_TRY(tn_cuda_sums_run(&s->sums, c, &dy));
    return tn_adjoint_backward(&s->adjoint, c);
}

const char *tn_cuda_adjoint_describe(const void *state)
{
    return ((const deconv *)state)->text;
}
