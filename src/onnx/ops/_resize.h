/* What Resize and Upsample say: of each dimension its size and scale, and how positions become numbers of pixels. */
#ifndef TN_ONNX_RESIZE_H
#define TN_ONNX_RESIZE_H

#include "onnx/known.h"

typedef enum tn_onnx_places {
    TN_ONNX_HALF_PIXEL,
    TN_ONNX_PYTORCH_HALF_PIXEL,
    TN_ONNX_HALF_PIXEL_SYMMETRIC,
    TN_ONNX_ALIGN_CORNERS,
    TN_ONNX_ASYMMETRIC,
    TN_ONNX_TF_HALF_PIXEL
} tn_onnx_places;

typedef enum tn_onnx_rounds {
    TN_ONNX_PREFER_FLOOR,
    TN_ONNX_PREFER_CEIL,
    TN_ONNX_FLOOR,
    TN_ONNX_CEIL,
    TN_ONNX_INWARDS /* of opset 10: down where an axis grows, up where it shrinks */
} tn_onnx_rounds;

typedef struct tn_onnx_resize {
    tn_shape in, out;
    float scale[TN_MAX_DIMS];
    enum { TN_ONNX_NEAREST, TN_ONNX_LINEAR, TN_ONNX_CUBIC } mode;
    tn_onnx_places places;
    tn_onnx_rounds rounds;
    double a;     /* of CUBIC */
    bool exclude; /* pixels outside of x have no weight, else that of the nearest inside */
} tn_onnx_resize;

static inline bool tn_onnx_resizes(const tn_onnx_resize *r, int axis)
{
    return r->out.dim[axis] != r->in.dim[axis] || r->scale[axis] != 1;
}
/* Is its scale that of its sizes? */
static inline bool tn_onnx_is_ratio(const tn_onnx_resize *r, int axis)
{
    return r->scale[axis] == (float)((double)r->out.dim[axis] / (double)r->in.dim[axis]);
}

/* x made larger or smaller along each axis by a product with a matrix of weights: what the layer resize does not know. */
tn_value tn_onnx_resize_by_products(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_resize *r,
                                    tn_value x);

#endif
