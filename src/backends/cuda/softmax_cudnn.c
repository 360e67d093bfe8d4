/* softmax by cuDNN, where a device has cudnn=all: a row is an image of one pixel, with K channels. A row of -inf
 * alone comes out as zeros (cuDNN 9.19, seen on an H100), where ours and the CPU's have NaN. */
#include "backends/cuda/cudnn/legacy.h"

extern const tn_kernel tn_cuda_softmax_native;

static void release(void *state)
{
    tn_cudnn_legacy_close(state);
    tn_free(state);
}

static tn_status supports(const tn_node *n)
{
    if (n->x[0].ndim == 2 && ((const tn_softmax_opts *)n->opts)->axis == 1)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "softmax %s: x is not N x K, or not along K", n->name);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cudnn_legacy_asked(d, n));
    tn_cudnn_legacy *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("softmax", sizeof *s);
    tn_status status = tn_cudnn_legacy_open(d, n, b, CUDNN_TENSOR_NCHW, &tn_cuda_softmax_native, s);
    if (status == TN_OK)
        status = tn_cuda_softmax_native.prepare(d, n, b);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    s->state = b->state;
    b->inplace = false; /* cuDNN promises it of backward only */
    b->state = s;
    return TN_OK;
}

static tn_status ask_forward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const tn_cudnn_legacy *s = c->state;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnSoftmaxForward(d->cudnn->handle, CUDNN_SOFTMAX_ACCURATE,
                                 CUDNN_SOFTMAX_MODE_INSTANCE, &one, s->tensor, c->x[0], &zero,
                                 s->tensor, c->y[0]));
    return TN_OK;
}

static tn_status ask_backward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const tn_cudnn_legacy *s = c->state;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnSoftmaxBackward(d->cudnn->handle, CUDNN_SOFTMAX_ACCURATE,
                                  CUDNN_SOFTMAX_MODE_INSTANCE, &one, s->tensor, c->y[0], s->tensor,
                                  c->dy[0], &zero, s->tensor, c->dx[0]));
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    return tn_cudnn_legacy_forward(c->state, c, ask_forward);
}

static tn_status backward(const tn_call *c)
{
    if (!c->dx[0])
        return TN_OK;
    return tn_cudnn_legacy_backward(c->state, c, ask_backward);
}

static const char *describe(const void *state)
{
    return tn_cudnn_legacy_tell(state);
}

const tn_kernel tn_cuda_softmax_cudnn = {
    .op = "softmax",
    .name = "cudnn",
    .rank = 1,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
