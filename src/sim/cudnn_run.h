/*
 * Running a program of the simulated cuDNN: tensors with pointers, and an operation a function.
 */
#ifndef TN_SIM_CUDNN_RUN_H
#define TN_SIM_CUDNN_RUN_H

#include "sim/cudnn_sim.h"

typedef struct tn_dnn_view {
    const tn_dnn_tensor *t;
    void *p;
} tn_dnn_view;

/* An operation's tensors by tn_dnn_slot; NULL: has none. */
typedef const tn_dnn_view *tn_dnn_views[TN_DNN_SLOTS];

/* What an engine's numerical notes mean for its numbers. */
typedef struct tn_dnn_arithmetic {
    bool tf32;      /* inputs of a convolution have 10 bits of mantissa */
    bool reduced;   /* sums are kept in halves */
    bool unordered; /* the last bit is another every time */
} tn_dnn_arithmetic;

/* A copy of a tensor of 4 dimensions as floats, [N,H,W,C] (or [K,R,S,C]) without gaps, to be freed; and
 * back, for a tensor of one pixel or for all. */
float *tn_dnn_gather(const tn_dnn_view *v);
void tn_dnn_scatter(const tn_dnn_view *v, const float *from);
int64_t tn_dnn_count(const tn_dnn_tensor *t);
/* One number, of a tensor that has one. */
float tn_dnn_scalar(const tn_dnn_view *v);

void tn_dnn_run_conv(const tn_dnn_op *op, tn_dnn_views v, const tn_dnn_arithmetic *how);
void tn_dnn_run_pointwise(const tn_dnn_op *op, tn_dnn_views v);
void tn_dnn_run_reduction(const tn_dnn_op *op, tn_dnn_views v);
void tn_dnn_run_resample(const tn_dnn_op *op, tn_dnn_views v);
void tn_dnn_run_norm(const tn_dnn_op *op, tn_dnn_views v);

#endif
