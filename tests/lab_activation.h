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

/* The whole test of one: these two and `cases`, which may be NULL, and that a NaN stays one; then `more`, unless that is
 * NULL. Returns what main() does. */
int lab_activation_main(const lab_op *op, const lab_case *cases, size_t count, void (*more)(void));

/* The same of one whose gradient is 0 wherever it has one: op->backward does nothing. */
int lab_steps_main(const lab_op *op);

/* Fails unless y of these is within 2e-6 of itself, however small: what lab_op's rule does not see. */
void lab_check_digits(const lab_op *op, const float *x, int count);

/* Fails unless the layer that `build` adds to (x, 2 numbers) with these options is refused so. */
void lab_check_refused(const lab_op *op, const void *opts, const char *says);

#endif
