/* Losses of two tensors, element by element: means over all elements of rows that hold a sample. */
#ifndef TN_REFERENCE_PAIR_H
#define TN_REFERENCE_PAIR_H

#include "backends/cpu/reference/_reference.h"

/* The loss of one element; its slope by x (side 0) or by the target (1). */
typedef double tn_reference_pair(double x, double target, const void *opts);
typedef double tn_reference_pair_slope(double x, double target, const void *opts, int side);

tn_status tn_reference_pair_forward(const tn_call *c, tn_reference_pair *value);
tn_status tn_reference_pair_backward(const tn_call *c, tn_reference_pair_slope *slope);

#endif
