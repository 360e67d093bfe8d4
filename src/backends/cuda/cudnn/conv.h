/*
 * The graphs that a convolution is made of on cuDNN.
 */
#ifndef TN_CUDNN_CONV_H
#define TN_CUDNN_CONV_H

#include "backends/cuda/cudnn/cudnn.h"

/* Of images N x H x W x C and weights K x R x S x C, in memory; add: of the bias, 1 x 1 x 1 x K. */
typedef struct tn_cudnn_conv_shapes {
    tn_dtype type;
    bool relu;
    bool z;                           /* of y's shape, is added to it */
    bool adds;                        /* of dgrad: to what is there */
    int64_t x[4], w[4], y[4], add[4]; /* N, C, H, W */
    int64_t x_pitch, y_pitch;         /* elements between pixels; 0: no gaps */
    tn_cudnn_window window;
} tn_cudnn_conv_shapes;

static inline size_t tn_cudnn_y_bytes(const tn_node *n, tn_dtype type)
{
    return (size_t)tn_elements(&n->y[0]) * tn_dtype_bytes(type);
}

/* Is y to come with the sums that what reads it begins with, can it, and is it worth it? No order of them is promised. */
bool tn_cudnn_sums_asked(const tn_backend_device *d, const tn_node *n, const tn_binding *b);

typedef tn_cudnn_graph tn_cudnn_conv_graph(const tn_cudnn_conv_shapes *s);

/* In memory, in this order: */
tn_cudnn_conv_graph tn_cudnn_plain_graph; /* x, w, y */
tn_cudnn_conv_graph
    tn_cudnn_summed_graph; /* x, w, y, its sums over each channel, those of its squares: f32 */
tn_cudnn_conv_graph
    tn_cudnn_fused_graph; /* x, w, (z,) bias, y: with z, bias, and relu if asked for, in this order */
tn_cudnn_conv_graph tn_cudnn_dgrad_graph; /* dz, w, dx */
tn_cudnn_conv_graph tn_cudnn_wgrad_graph; /* x, dz, dw */

#endif
