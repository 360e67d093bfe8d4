/* Windows of convolutions and pools: their attributes, of images, and of N x C x W as images of height 1. */
#ifndef TN_ONNX_WINDOW_H
#define TN_ONNX_WINDOW_H

#include "onnx/known.h"

enum {
    TN_ONNX_MOST_WINDOW = 65535 /* kernel, stride, pad, dilation */,
    TN_ONNX_MOST_REACH = 1 << 24
};

/* Vertical, horizontal. */
typedef struct tn_onnx_window {
    int ndim; /* 2, or 1: the first of each pair is that of height 1 */
    int kernel[2], stride[2], dilation[2];
    int before[2], after[2]; /* pads; 0 where `same` */
    enum { TN_ONNX_SAID, TN_ONNX_SAME_UPPER, TN_ONNX_SAME_LOWER } same;
} tn_onnx_window;

/* Of x, N x C x H x W or N x C x W. With weights their shape says the kernel, else kernel_shape does. False: refused. */
bool tn_onnx_read_window(tn_onnx *o, const tn_onnx_node *n, const tn_shape *x,
                         const tn_shape *weight, tn_onnx_window *w);
/* Pads that `same` asks for, so that y has ceil(size / stride) rows: of windows that go over x. */
void tn_onnx_pad_same(tn_onnx_window *w, const tn_shape *x);
/* A list of a number for each of the last dimensions, in [least, MOST_WINDOW]; what is not said is `fallback`. */
bool tn_onnx_read_pair(tn_onnx *o, const tn_onnx_node *n, const char *attr, int ndim, int least,
                       int fallback, int out[2]);

/* Size of x in direction i, 1 where it has none. */
static inline int64_t tn_onnx_size(const tn_onnx_window *w, const tn_shape *x, int i)
{
    return w->ndim == 2 || i == 1 ? x->dim[w->ndim + i] : 1;
}
/* Pixels that the taps of a window span. */
static inline int64_t tn_onnx_reach(const tn_onnx_window *w, int i)
{
    return (int64_t)w->dilation[i] * (w->kernel[i] - 1) + 1;
}

/* x as images, and what was made of them as x was. */
tn_value tn_onnx_as_image(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_window *w, tn_value x);
tn_value tn_onnx_as_before(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_window *w, tn_value y);

#endif
