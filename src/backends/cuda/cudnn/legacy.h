/*
 * What cuDNN does by functions of their own, without graphs: softmax, lrn, pool2d and batchnorm.
 *
 * They say whether they do it only when they are called, and then our own kernel of that op does it: such a
 * kernel set asks for the same layouts and memory as the other, or for more.
 */
#ifndef TN_CUDNN_LEGACY_H
#define TN_CUDNN_LEGACY_H

#include "backends/cuda/cudnn/parts.h"

typedef struct tn_cudnn_legacy {
    const tn_kernel *other;         /* our own */
    void *state;                    /* of the other, which is released with this; may be NULL */
    cudnnTensorDescriptor_t tensor; /* of x, y and gradients; NULL on a device only planned for */
    bool refused;                   /* so the other does it from now on */
} tn_cudnn_legacy;

/* What ours do faster is cuDNN's only on a device with cudnn=all: TN_ERR_UNSUPPORTED on others. */
tn_status tn_cudnn_legacy_asked(const tn_backend_device *d, const tn_node *n);

/* For tensors of x's shape in the plan's type. TN_ERR_UNSUPPORTED says why cuDNN cannot be asked. */
tn_status tn_cudnn_legacy_open(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                               cudnnTensorFormat_t format, const tn_kernel *other,
                               tn_cudnn_legacy *out);
/* A descriptor of a tensor, if there is a GPU to use it on. */
tn_status tn_cudnn_legacy_describe(tn_backend_device *d, const tn_node *n,
                                   cudnnTensorFormat_t format, tn_dtype type, const tn_shape *shape,
                                   cudnnTensorDescriptor_t *out);
/* Of one that is all zero: nothing. */
void tn_cudnn_legacy_close(tn_cudnn_legacy *l);

/* Has cuDNN do it, with this status. False if cuDNN refuses (TN_ERR_UNSUPPORTED), now or before: then it is not
 * done, and no error. */
typedef tn_status tn_cudnn_legacy_pass(const tn_call *c);
bool tn_cudnn_legacy_do(tn_cudnn_legacy *l, const tn_call *c, tn_cudnn_legacy_pass *pass,
                        tn_status *status);
/* And the other kernel if cuDNN does not. */
tn_status tn_cudnn_legacy_forward(tn_cudnn_legacy *l, const tn_call *c, tn_cudnn_legacy_pass *pass);
tn_status tn_cudnn_legacy_backward(tn_cudnn_legacy *l, const tn_call *c,
                                   tn_cudnn_legacy_pass *pass);

/* For descriptions: NULL, or that cuDNN has refused. */
const char *tn_cudnn_legacy_tell(const tn_cudnn_legacy *l);

#endif
