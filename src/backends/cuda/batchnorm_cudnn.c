/*
 * batchnorm by cuDNN, where a device has cudnn=all: on an H100 it takes ten and more times as long as ours.
 * Images are in nhwc, N x C are images of one pixel. Parameters and statistics are f32 in
 * every precision.
 *
 * Saved: mean and 1 / sqrt(var + epsilon), where ours has var. So if cuDNN has done forward and refuses
 * backward, that is an error.
 */
#include "backends/cuda/cudnn/legacy.h"

extern const tn_kernel tn_cuda_batchnorm_native;

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

/* Not SPATIAL_PERSISTENT, which is faster for some and may overflow. */
static const cudnnBatchNormMode_t mode = CUDNN_BATCHNORM_SPATIAL;

typedef struct batchnorm {
    tn_cudnn_legacy legacy;
    cudnnTensorDescriptor_t channel; /* a number for each */
    void *native;                    /* state of our own kernel */
    size_t mean, inv;                /* where in saved */
    size_t dweight, dbias;           /* where in scratch goes what nobody asked for */
} batchnorm;

static void release(void *state)
{
    batchnorm *s = state;
    tn_cudnn_legacy_close(&s->legacy);
    if (s->channel)
        cudnnDestroyTensorDescriptor(s->channel);
    tn_free(s);
}

/* Beside what ours asks for: nothing of it is used in the same run. */
static void place_memory(batchnorm *s, tn_binding *b, size_t bytes)
{
    size_t saved = 0, scratch = 0;
    s->mean = tn_cuda_part(&saved, bytes);
    s->inv = tn_cuda_part(&saved, bytes);
    s->dweight = tn_cuda_part(&scratch, b->training && !b->dw[WEIGHT] ? bytes : 0);
    s->dbias = tn_cuda_part(&scratch, b->training && !b->dw[BIAS] ? bytes : 0);
    b->saved_bytes = saved > b->saved_bytes ? saved : b->saved_bytes;
    b->scratch_bytes = scratch > b->scratch_bytes ? scratch : b->scratch_bytes;
}

static tn_status fill(tn_backend_device *d, const tn_node *n, tn_binding *b, batchnorm *s)
{
    const tn_shape channel = TN_SHAPE(1, n->x[0].dim[1], 1, 1);
    if (tn_elements(&n->x[0]) == n->x[0].dim[1])
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: one element a channel is left to ours",
                       n->name);
    if (b->training && !b->dx[0])
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: cuDNN gives dx, and nobody wants it",
                       n->name);
    TN_TRY(tn_cudnn_legacy_open(d, n, b, CUDNN_TENSOR_NHWC, &tn_cuda_batchnorm_native, &s->legacy));
    TN_TRY(tn_cudnn_legacy_describe(d, n, CUDNN_TENSOR_NHWC, TN_F32, &channel, &s->channel));
    TN_TRY(tn_cuda_batchnorm_native.prepare(d, n, b));
    s->legacy.state = b->state;
    place_memory(s, b, (size_t)n->x[0].dim[1] * sizeof(float));
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cudnn_legacy_asked(d, n));
    if (b->shares > 0)
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: cuDNN takes statistics of its own rows",
                       n->name);
    if (n->post[0])
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: cuDNN does no %s behind it", n->name,
                       n->post[0]->op->name);
    if (tn_is_frozen(n))
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "batchnorm %s: cuDNN trains with statistics of the batch", n->name);
    if (tn_counts_rows(n, b->batch))
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "batchnorm %s: cuDNN takes statistics of rows without a sample too",
                       n->name);
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    const tn_status status = fill(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->inplace = b->inplace_backward = false; /* cuDNN does not promise it */
    b->state = s;
    return TN_OK;
}

static double epsilon_of(const tn_node *n)
{
    return (double)((const tn_batchnorm_opts *)n->opts)->epsilon;
}

static tn_status train(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const batchnorm *s = c->state;
    const cudnnTensorDescriptor_t x = s->legacy.tensor;
    const tn_batchnorm_opts *o = c->node->opts;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnBatchNormalizationForwardTraining(
                 d->cudnn->handle, mode, &one, &zero, x, c->x[0], x, c->y[0], s->channel,
                 c->w[WEIGHT], c->w[BIAS], (double)o->momentum, c->w[RUNNING_MEAN],
                 c->w[RUNNING_VAR], epsilon_of(c->node), tn_cuda_at(c->saved, s->mean),
                 tn_cuda_at(c->saved, s->inv)));
    return TN_OK;
}

static tn_status infer(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const batchnorm *s = c->state;
    const cudnnTensorDescriptor_t x = s->legacy.tensor;
    const float one = 1, zero = 0;
    TN_CUDNN(d, c->node,
             cudnnBatchNormalizationForwardInference(d->cudnn->handle, mode, &one, &zero, x,
                                                     c->x[0], x, c->y[0], s->channel, c->w[WEIGHT],
                                                     c->w[BIAS], c->w[RUNNING_MEAN],
                                                     c->w[RUNNING_VAR], epsilon_of(c->node)));
    return TN_OK;
}

static tn_status ask_backward(const tn_call *c)
{
    const tn_backend_device *d = c->device;
    const batchnorm *s = c->state;
    const cudnnTensorDescriptor_t x = s->legacy.tensor;
    const float one = 1, zero = 0;
    void *dweight = c->dw[WEIGHT] ? c->dw[WEIGHT] : tn_cuda_at(c->scratch, s->dweight);
    void *dbias = c->dw[BIAS] ? c->dw[BIAS] : tn_cuda_at(c->scratch, s->dbias);
    TN_CUDNN(d, c->node,
             cudnnBatchNormalizationBackward(
                 d->cudnn->handle, mode, &one, &zero, &one, &zero, x, c->x[0], x, c->dy[0], x,
                 c->dx[0], s->channel, c->w[WEIGHT], dweight, dbias, epsilon_of(c->node),
                 tn_cuda_at(c->saved, s->mean), tn_cuda_at(c->saved, s->inv)));
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    batchnorm *s = c->state;
    return tn_cudnn_legacy_forward(&s->legacy, c, c->run->training ? train : infer);
}

static tn_status backward(const tn_call *c)
{
    batchnorm *s = c->state;
    return s->legacy.refused ? tn_cudnn_legacy_backward(&s->legacy, c, ask_backward)
                             : ask_backward(c);
}

static const char *describe(const void *state)
{
    const batchnorm *s = state;
    return tn_cudnn_legacy_tell(&s->legacy);
}

const tn_kernel tn_cuda_batchnorm_cudnn = {
    .op = "batchnorm",
    .name = "cudnn",
    .rank = 1,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}}, /* left to ours */
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
