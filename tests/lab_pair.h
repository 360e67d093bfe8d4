/* What the tests of losses of two tensors have in common. */
#ifndef TN_LAB_PAIR_H
#define TN_LAB_PAIR_H

#include "lab_op.h"

/* The loss of one element, and what its gradients are. */
typedef double lab_pair_value(double x, double target, const void *opts);

/* The mean of that over all elements; of two inputs. */
void lab_pair_mean(const lab_ref *r, lab_pair_value *value);

typedef tn_value lab_pair_layer(tn_graph *g, tn_value x, tn_value target, const void *opts);

/* Against PyTorch's numbers for x and target, rows x columns of them. */
typedef struct lab_pair_want {
    const float *x, *target;
    const double *loss, *dx, *dtarget;
} lab_pair_want;
void lab_check_pair(lab_pair_layer *layer, const void *opts, tn_shape shape,
                    const lab_pair_want *want);

/* It refuses shapes that differ, in the name of `op`. */
void lab_check_pair_shapes(lab_pair_layer *layer, const void *opts, const char *op);

#endif
