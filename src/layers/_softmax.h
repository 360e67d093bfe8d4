/* What softmax and log_softmax have in common. */
#ifndef TN_LAYER_SOFTMAX_H
#define TN_LAYER_SOFTMAX_H

#include "graph/op.h"

tn_status tn_softmax_infer(tn_node *n);
double tn_softmax_flops(const tn_node *n);

extern const tn_attr tn_softmax_attrs[];

#endif
