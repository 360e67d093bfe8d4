/* Shapes of which N, the batch, is a number like others, and reshapes in which it stands among others in one dimension. */
#ifndef TN_ONNX_DIMS_H
#define TN_ONNX_DIMS_H

#include "onnx/known.h"

typedef struct tn_onnx_dims {
    int ndim;
    tn_onnx_number of[TN_MAX_DIMS];
} tn_onnx_dims;

tn_onnx_dims tn_onnx_dims_of(const tn_onnx *o, tn_value x);

static inline bool tn_onnx_same(tn_onnx_number a, tn_onnx_number b)
{
    return a.whole == b.whole && a.times_n == b.times_n;
}

/* What is left of x's elements for the one that is -1, where that follows for any N; else it is left to the graph. */
void tn_onnx_find_open(const tn_onnx_dims *x, tn_onnx_dims *to);
/* As tn_reshape() is told: 0 keeps x's dimension, and one is what is left. */
tn_shape tn_onnx_told(const tn_onnx *o, const tn_onnx_dims *x, const tn_onnx_dims *to);

/* x (as tn_onnx_merged.x, if `merged`) under a shape in which the batch stands among others: *done, and output 0 is that; or
 * x is that shape without any that are several together: *plain. Else it is a reshape like others. */
tn_status tn_onnx_reshape_merged(tn_onnx *o, const tn_onnx_node *n, tn_value x, bool merged,
                                 const tn_onnx_dims *to, bool *done, bool *plain);
/* Each dimension moves with all that it is. */
tn_status tn_onnx_transpose_merged(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_merged *m,
                                   const tn_shape *axes);
bool tn_onnx_is_order(const tn_shape *axes);

#endif
