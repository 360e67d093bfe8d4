/*
 * pool2d by cuDNN, in nhwc, where a device has cudnn=all: on an H100 it takes twice the time of ours.
 *
 * For dx of a maximum it looks for y in x once more, so both are kept, where ours keeps a byte for each
 * element of y: more memory for layers in front of which nothing else keeps x. Means need dy alone. Only
 * what is marked so adds in the same order every time.
 */
#include "backends/cuda/cudnn/legacy.h"

extern const tn_kernel tn_cuda_pool2d_native;

typedef struct pool {
    tn_cudnn_legacy legacy; /* its tensor: of x */
    cudnnTensorDescriptor_t y;
    cudnnPoolingDescriptor_t what;
    bool max;
} pool;

static void release(void *state)
{
    pool *s = state;
    tn_cudnn_legacy_close(&s->legacy);
    if (s->y)
        cudnnDestroyTensorDescriptor(s->y);
    if (s->what)
        cudnnDestroyPoolingDescriptor(s->what);
    tn_free(s);
}

/* cuDNN has one padding for both sides and no dilation, and does not say what it divides by beyond it. */
static tn_status supports(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    if (o->pad_extra[0] || o->pad_extra[1])
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: cuDNN pads both sides alike", n->name);
    if (o->dilation[0] > 1 || o->dilation[1] > 1)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: cuDNN's taps lie side by side", n->name);
    for (int i = 0; i < 2; i++)
        if (o->kind == TN_POOL_MEAN_PAD && (n->y[0].dim[2 + i] - 1) * o->stride[i] + o->kernel[i] >
                                               tn_padded(&n->x[0], o->pad, o->pad_extra, i))
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "pool2d %s: cuDNN cannot leave out taps beyond the padding", n->name);
    return tn_cuda_pool2d_native.supports(n); /* which may have to take over */
}

static tn_status fill(tn_backend_device *d, const tn_node *n, const tn_binding *b, pool *s)
{
    const tn_pool2d_opts *o = n->opts;
    const cudnnPoolingMode_t mode[] = {
        [TN_POOL_MAX] = d->opts.deterministic ? CUDNN_POOLING_MAX_DETERMINISTIC : CUDNN_POOLING_MAX,
        [TN_POOL_MEAN] = CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING,
        [TN_POOL_MEAN_PAD] = CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING,
    };
    s->max = o->kind == TN_POOL_MAX;
    TN_TRY(tn_cudnn_legacy_open(d, n, b, CUDNN_TENSOR_NHWC, &tn_cuda_pool2d_native, &s->legacy));
    TN_TRY(tn_cudnn_legacy_describe(d, n, CUDNN_TENSOR_NHWC, tn_cuda_type_of(b->precision),
                                    &n->y[0], &s->y));
    if (d->index < 0)
        return TN_OK;
    TN_CUDNN(d, n, cudnnCreatePoolingDescriptor(&s->what));
    TN_CUDNN(d, n,
             cudnnSetPooling2dDescriptor(s->what, mode[o->kind], CUDNN_PROPAGATE_NAN, o->kernel[0],
                                         o->kernel[1], o->pad[0], o->pad[1], o->stride[0],
                                         o->stride[1]));
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cudnn_legacy_asked(d, n));
    TN_TRY(tn_cuda_pool2d_native.prepare(d, n, b));
    pool *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("pool2d", sizeof *s);
    const tn_status status = fill(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->backward_reads_x[0] = b->backward_reads_y = s->max;
    b->state = s;
    return TN_OK;
}

static tn_status ask_forward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const pool *s = c->state;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnPoolingForward(d->cudnn->handle, s->what, &one, s->legacy.tensor, c->x[0], &zero,
                                 s->y, c->y[0]));
    return TN_OK;
}

/* It wants pointers to x and y of a mean too, and has nothing to read there. */
static tn_status ask_backward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const pool *s = c->state;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnPoolingBackward(d->cudnn->handle, s->what, &one, s->y,
                                  s->max ? c->y[0] : c->dy[0], s->y, c->dy[0], s->legacy.tensor,
                                  s->max ? c->x[0] : c->dx[0], &zero, s->legacy.tensor, c->dx[0]));
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    pool *s = c->state;
    return tn_cudnn_legacy_forward(&s->legacy, c, ask_forward);
}

/* Our backward wants to know which taps were the largest: if it takes over only now, nobody has looked. */
static tn_status backward(const tn_call *c)
{
    pool *s = c->state;
    if (!c->dx[0] || s->legacy.refused)
        return s->legacy.other->backward(c);
    tn_status status;
    if (tn_cudnn_legacy_do(&s->legacy, c, ask_backward, &status))
        return status;
    if (s->max)
        TN_TRY(s->legacy.other->forward(c));
    return tn_cudnn_legacy_backward(&s->legacy, c, ask_backward);
}

static const char *describe(const void *state)
{
    const pool *s = state;
    return tn_cudnn_legacy_tell(&s->legacy);
}

const tn_kernel tn_cuda_pool2d_cudnn = {
    .op = "pool2d",
    .name = "cudnn",
    .rank = 1,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
