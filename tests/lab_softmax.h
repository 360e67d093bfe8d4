/* What the tests of softmax and log_softmax have in common: cases along every axis, and one reference. */
#ifndef TN_LAB_SOFTMAX_H
#define TN_LAB_SOFTMAX_H

#include "lab_op.h"

typedef tn_value lab_softmax_layer(tn_graph *g, tn_value x, const tn_softmax_opts *opts);

/* The layer against loops in double: along every axis, and behind a convolution, whose channels may lie otherwise. */
void lab_check_softmax(lab_softmax_layer *layer, bool log);
/* It refuses an axis that is not there, in the name of `op`. */
void lab_check_softmax_refusals(lab_softmax_layer *layer, const char *op);

/* y of one run in evaluation. */
void lab_run_softmax(const char *device, lab_softmax_layer *layer, const float *x, tn_shape shape,
                     float *y);

#endif
