/*
 * One pass of a conv2d node on cuDNN: y, dx or dw. For a few groups cuDNN sometimes has only engines without tensor cores, an
 * order of magnitude slower: then each group is a convolution of its own, on its channels of x and y, if that has one with them.
 */
#ifndef TN_CUDNN_PASS_H
#define TN_CUDNN_PASS_H

#include "backends/cuda/cudnn/conv.h"

enum { TN_CUDNN_PARTS = 8, TN_CUDNN_OPERANDS = 5 };

typedef struct tn_cudnn_pass {
    int parts; /* 1, or as many as groups; 0: not asked for */
    tn_cudnn_run run[TN_CUDNN_PARTS];
} tn_cudnn_pass;

/* What a graph does beside its convolution. */
typedef struct tn_cudnn_beside {
    bool relu, z; /* of y */
    bool adds;    /* of dx */
} tn_cudnn_beside;

/* Chooses; y with `y_pitch` elements from one pixel to the next. TN_ERR_UNSUPPORTED says why cuDNN does not do it. */
tn_status tn_cudnn_pass_prepare(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                const char *what, tn_cudnn_conv_graph *graph, tn_cudnn_beside also,
                                int64_t y_pitch, tn_cudnn_pass *p);
void tn_cudnn_pass_release(tn_cudnn_pass *p);

/* What a graph reads or writes: x, w, y, z, the bias, or their gradients; where each part begins is told in elements. */
typedef struct tn_cudnn_operand {
    const void *memory; /* NULL ends them */
    int64_t step;
} tn_cudnn_operand;
tn_status tn_cudnn_pass_run(tn_cudnn_pass *p, const tn_call *c, tn_dtype type,
                            const tn_cudnn_operand operands[TN_CUDNN_OPERANDS], void *workspace);

#endif
