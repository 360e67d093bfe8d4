/*
 * What the tests of all functions of two values share: y = f(a, b), element by element, with broadcasting.
 */
#ifndef TN_LAB_BINARY_H
#define TN_LAB_BINARY_H

#include "lab_op.h"

typedef struct lab_binary {
    tn_value (*layer)(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);
    double (*formula)(double a, double b);
    bool in_blocks;         /* check it there too; what chooses the layout is the same for all */
    double low[2], high[2]; /* what a and b are drawn from; all 0: [-1, 1] */
} lab_binary;

/* Checks it on shapes that are the same, and in all ways in which one may be taken again; if it shall, behind
 * convolutions, which hand on blocks of channels; and what it refuses. */
void lab_check_binary(const lab_binary *op);

#endif
