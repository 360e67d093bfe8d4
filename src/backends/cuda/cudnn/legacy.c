#include "backends/cuda/cudnn/legacy.h"

#include <limits.h>

tn_status tn_cudnn_legacy_describe(tn_backend_device *d, const tn_node *n,
                                   cudnnTensorFormat_t format, tn_dtype type, const tn_shape *shape,
                                   cudnnTensorDescriptor_t *out)
{
    int dim[] = {1, 1, 1, 1};
    for (int i = 0; i < shape->ndim; i++)
        dim[i] = (int)shape->dim[i];
    if (d->index < 0)
        return TN_OK;
    TN_CUDNN(d, n, cudnnCreateTensorDescriptor(out));
    TN_CUDNN(d, n,
             cudnnSetTensor4dDescriptor(*out, format, tn_cudnn_type(type), dim[0], dim[1], dim[2],
                                        dim[3]));
    return TN_OK;
}

tn_status tn_cudnn_legacy_asked(const tn_backend_device *d, const tn_node *n)
{
    if (d->opts.cudnn_all)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s %s on %s: Tenon's own is faster than cuDNN's",
                   n->op->name, n->name, d->name);
}

tn_status tn_cudnn_legacy_open(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                               cudnnTensorFormat_t format, const tn_kernel *other,
                               tn_cudnn_legacy *out)
{
    const int64_t count = tn_elements(&n->x[0]);
    *out = (tn_cudnn_legacy){.other = other};
    if (!d->cudnn)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s on %s: there is no cuDNN, or it is off",
                       n->op->name, n->name, d->name);
    if (count > INT_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s on %s: cuDNN does not count to %lld elements",
                       n->op->name, n->name, d->name, (long long)count);
    const tn_status status = tn_cudnn_legacy_describe(d, n, format, tn_cuda_type_of(b->precision),
                                                      &n->x[0], &out->tensor);
    if (status != TN_OK)
        tn_cudnn_legacy_close(out);
    return status;
}

void tn_cudnn_legacy_close(tn_cudnn_legacy *l)
{
    if (l->tensor)
        cudnnDestroyTensorDescriptor(l->tensor);
    if (l->state)
        l->other->release(l->state);
    l->tensor = NULL;
    l->state = NULL;
}

static tn_status by_the_other(const tn_cudnn_legacy *l, const tn_call *c,
                              tn_cudnn_legacy_pass *pass)
{
    tn_call call = *c;
    call.state = l->state;
    return pass(&call);
}

bool tn_cudnn_legacy_do(tn_cudnn_legacy *l, const tn_call *c, tn_cudnn_legacy_pass *pass,
                        tn_status *status)
{
    tn_error_kept kept;
    if (l->refused)
        return false;
    tn_error_keep(&kept);
    *status = pass(c);
    l->refused = *status == TN_ERR_UNSUPPORTED;
    if (l->refused)
        tn_error_put_back(&kept);
    return !l->refused;
}

tn_status tn_cudnn_legacy_forward(tn_cudnn_legacy *l, const tn_call *c, tn_cudnn_legacy_pass *pass)
{
    tn_status status;
    return tn_cudnn_legacy_do(l, c, pass, &status) ? status : by_the_other(l, c, l->other->forward);
}

tn_status tn_cudnn_legacy_backward(tn_cudnn_legacy *l, const tn_call *c, tn_cudnn_legacy_pass *pass)
{
    tn_status status;
    return tn_cudnn_legacy_do(l, c, pass, &status) ? status
                                                   : by_the_other(l, c, l->other->backward);
}

const char *tn_cudnn_legacy_tell(const tn_cudnn_legacy *l)
{
    return l->refused ? "refused: our own" : NULL;
}
