/*
 * Blocks of channels: what comes out of a convolution on the CPU, and not out of an input. An operation
 * that takes layouts as they come is tested behind one too.
 */
#ifndef TN_LAB_BLOCKED_H
#define TN_LAB_BLOCKED_H

#include "lab_op.h"

/* A 1 x 1 convolution of x, without bias. Its parameter is the first that is called "weight". */
tn_value lab_blocked(tn_graph *g, tn_value x, int filters);

/* What the reference of the operation behind it is given, where r->w[0] is the convolution's weight: x
 * is its output, w the rest. Free x[0]. */
lab_ref lab_behind_blocked(const lab_ref *r);

#endif
