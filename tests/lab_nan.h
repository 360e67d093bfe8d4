/*
 * A NaN that goes in must show in what comes out: a network that has run away is not to look like one that has not.
 */
#ifndef TN_LAB_NAN_H
#define TN_LAB_NAN_H

#include "lab_op.h"

/* Fails unless y is NaN wherever the reference's is, with one NaN in the middle of x, in training and in evaluation, in
 * every precision that the device has. `op` has one input. */
void lab_check_nan(const lab_op *op, const lab_case *c, const char *device, bool no_fusion);
/* The same, and fails unless it is the kernel that does it. */
void lab_check_nan_by(const lab_kernel *k, const lab_op *op, const lab_case *c);

#endif
