/* What conv2d and conv_transpose2d have in common: their options, and the specs of their parameters. */
#ifndef TN_LAYER_CONV_H
#define TN_LAYER_CONV_H

#include "graph/op.h"

/* The fields of either's options. */
typedef struct tn_conv_fields {
    int filters, *kernel, *stride, *pad, *extra, *dilation, *groups;
    bool no_bias;
    const tn_param_opts *weight;
    tn_param_opts *bias;
} tn_conv_fields;

/* Completes them and checks all but what becomes of `extra`. */
tn_status tn_conv_complete(const tn_node *n, const tn_conv_fields *f);
/* After y[0] was set: neither it nor the weights have more elements than can be counted. */
tn_status tn_conv_check(const tn_node *n, const tn_shape *weight);
/* After that: the parameters. */
tn_status tn_conv_params(tn_node *n, const tn_conv_fields *f, const tn_shape *weight,
                         int64_t fan_in, int64_t fan_out);

#endif
