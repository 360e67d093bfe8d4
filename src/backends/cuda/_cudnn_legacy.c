#include "backends/cuda/_cudnn_legacy.h"

#include <limits.h>

static tn_status describe(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                          cudnnTensorFormat_t format, tn_cudnn_legacy *l)
{
    const cudnnDataType_t type = tn_cudnn_type(tn_cuda_type_of(b->precision));
    int dim[] = {1, 1, 1, 1};
    for (int i = 0; i < n->x[0].ndim; i++)
        dim[i] = (int)n->x[0].dim[i];
    TN_CUDNN(d, n, cudnnCreateTensorDescriptor(&l->tensor));
    TN_CUDNN(d, n,
             cudnnSetTensor4dDescriptor(l->tensor, format, type, dim[0], dim[1], dim[2], dim[3]));
    return TN_OK;
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
    if (d->index < 0)
        return TN_OK;
    const tn_status status = describe(d, n, b, format, out);
    if (status != TN_OK)
        tn_cudnn_legacy_close(out);
    return status;
}

void tn_cudnn_legacy_close(tn_cudnn_legacy *l)
{
    if (l->tensor)
        cudnnDestroyTensorDescriptor(l->tensor);
    l->tensor = NULL;
}

tn_status tn_cudnn_legacy_forward(tn_cudnn_legacy *l, const tn_call *c, tn_status status)
{
    l->refused |= status == TN_ERR_UNSUPPORTED;
    return l->refused ? l->other->forward(c) : status;
}

tn_status tn_cudnn_legacy_backward(tn_cudnn_legacy *l, const tn_call *c, tn_status status)
{
    l->refused |= status == TN_ERR_UNSUPPORTED;
    return l->refused ? l->other->backward(c) : status;
}

const char *tn_cudnn_legacy_tell(const tn_cudnn_legacy *l)
{
    return l->refused ? "refused: our own" : NULL;
}
