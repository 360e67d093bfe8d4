/* What losses of two tensors, element by element, have in common: mse, l1, huber, binary_xent. */
#ifndef TN_LAYER_PAIR_H
#define TN_LAYER_PAIR_H

#include "graph/op.h"

/* x and target of the same shape; y is a scalar. */
tn_status tn_pair_infer(tn_node *n);
/* Where the options have a number that must be above 0. */
tn_status tn_pair_check(const tn_node *n, const char *what, float value);

#endif
