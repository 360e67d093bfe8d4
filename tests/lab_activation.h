/*
 * What the tests of all activations (y = f(x), element by element) share.
 */
#ifndef TN_LAB_ACTIVATION_H
#define TN_LAB_ACTIVATION_H

#include "lab_op.h"

/* Checks `op` on shapes of every rank and on large numbers; its build() must take opts NULL. */
void lab_check_activation(const lab_op *op);

/* Checks y between two convolutions, which hand it on in blocks of channels, the last padded: only if
 * what stands in the padding stays zero is the second one right. */
void lab_check_activation_in_blocks(const lab_op *op);

#endif
