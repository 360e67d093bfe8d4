/*
 * Batch normalisation for the op lab: loops in double over one of a reference's inputs.
 */
#ifndef TN_LAB_NORM_H
#define TN_LAB_NORM_H

#include "lab_op.h"

/* Of N x C or N x C x H x W numbers: weight, bias and the running statistics; measured: those of x itself in their place. */
typedef struct lab_norm {
    const double *x;
    tn_shape shape;
    const double *weight, *bias, *mean, *var;
    bool measured;
} lab_norm;

/* Of input `x` and the four parameters from number `w` on. */
lab_norm lab_norm_of(const lab_ref *r, int x, int w, bool frozen);
void lab_norm_forward(const lab_norm *n, double *y);
/* Adds to each that is not NULL. */
void lab_norm_backward(const lab_norm *n, const double *dy, double *dx, double *dweight,
                       double *dbias);

#endif
