/* lrn by cuDNN, in nhwc, whose functions read x and y both for dx. Its alpha is over size, as ours is. */
#include "backends/cuda/cudnn/legacy.h"

extern const tn_kernel tn_cuda_lrn_native;

typedef struct lrn {
    tn_cudnn_legacy legacy;
    cudnnLRNDescriptor_t what;
} lrn;

static void release(void *state)
{
    lrn *s = state;
    tn_cudnn_legacy_close(&s->legacy);
    if (s->what)
        cudnnDestroyLRNDescriptor(s->what);
    tn_free(s);
}

static tn_status supports(const tn_node *n)
{
    const tn_lrn_opts *o = n->opts;
    if (o->size > CUDNN_LRN_MAX_N)
        return tn_fail(TN_ERR_UNSUPPORTED, "lrn %s: size %d is above cuDNN's %d", n->name, o->size,
                       CUDNN_LRN_MAX_N);
    if ((double)o->k < CUDNN_LRN_MIN_K || (double)o->beta < CUDNN_LRN_MIN_BETA)
        return tn_fail(TN_ERR_UNSUPPORTED, "lrn %s: k %g is below cuDNN's %g, or beta %g below %g",
                       n->name, (double)o->k, CUDNN_LRN_MIN_K, (double)o->beta, CUDNN_LRN_MIN_BETA);
    return tn_cuda_lrn_native.supports(n); /* which may have to take over */
}

/* cuDNN rounds its numbers to the tensors' type. */
static bool fits_f16(float x)
{
    const float least = 6.1e-5F, most = 65504;
    return x >= least && x <= most;
}

static tn_status fill(tn_backend_device *d, const tn_node *n, const tn_binding *b, lrn *s)
{
    const tn_lrn_opts *o = n->opts;
    if (b->precision == TN_PRECISION_F16 && !(fits_f16(o->alpha) && fits_f16(o->k)))
        return tn_fail(TN_ERR_UNSUPPORTED, "lrn %s: cuDNN would round alpha %g or k %g in f16",
                       n->name, (double)o->alpha, (double)o->k);
    TN_TRY(tn_cudnn_legacy_open(d, n, b, CUDNN_TENSOR_NHWC, &tn_cuda_lrn_native, &s->legacy));
    if (d->index < 0)
        return TN_OK;
    TN_CUDNN(d, n, cudnnCreateLRNDescriptor(&s->what));
    TN_CUDNN(d, n,
             cudnnSetLRNDescriptor(s->what, (unsigned)o->size, (double)o->alpha, (double)o->beta,
                                   (double)o->k));
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_nhwc(d, n, b, 0));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    lrn *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("lrn", sizeof *s);
    const tn_status status = fill(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->backward_reads_x[0] = b->backward_reads_y = true;
    b->state = s;
    return TN_OK;
}

static tn_status ask_forward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const lrn *s = c->state;
    const cudnnTensorDescriptor_t t = s->legacy.tensor;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnLRNCrossChannelForward(d->cudnn->handle, s->what, CUDNN_LRN_CROSS_CHANNEL_DIM1,
                                         &one, t, c->x[0], &zero, t, c->y[0]));
    return TN_OK;
}

static tn_status ask_backward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const lrn *s = c->state;
    const cudnnTensorDescriptor_t t = s->legacy.tensor;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnLRNCrossChannelBackward(d->cudnn->handle, s->what, CUDNN_LRN_CROSS_CHANNEL_DIM1,
                                          &one, t, c->y[0], t, c->dy[0], t, c->x[0], &zero, t,
                                          c->dx[0]));
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    lrn *s = c->state;
    return tn_cudnn_legacy_forward(&s->legacy, c, ask_forward);
}

static tn_status backward(const tn_call *c)
{
    lrn *s = c->state;
    if (!c->dx[0])
        return TN_OK;
    return tn_cudnn_legacy_backward(&s->legacy, c, ask_backward);
}

static const char *describe(const void *state)
{
    const lrn *s = state;
    return tn_cudnn_legacy_tell(&s->legacy);
}

const tn_kernel tn_cuda_lrn_cudnn = {
    .op = "lrn",
    .name = "cudnn",
    .rank = 1,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
