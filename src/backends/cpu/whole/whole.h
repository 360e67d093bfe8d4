/*
 * Weights that fake_quant has put on a grid of whole numbers of 8 bits, by a scale for each row (a filter, a unit) or by one, as
 * these numbers and the scales.
 */
#ifndef TN_CPU_WHOLE_H
#define TN_CPU_WHOLE_H

#include <stdatomic.h>

#include "backends/cpu/device/cpu.h"

typedef struct tn_whole {
    int64_t rows, columns;
    float low, high;
    const float *each; /* the scales of rows, or */
    float one;         /* that of all, or 0: found in each row */
} tn_whole;

/* Is parameter 0 of the node, whose rows are its first dimension, on such a grid, so that the kernel may put it there? */
bool tn_whole_of(const tn_node *n, const tn_binding *b, tn_whole *out);
/* Row k as whole numbers. Returns its scale, which is NaN if one of w is, or comes to none: so is what is made of it. */
float tn_whole_row(const tn_whole *g, int64_t k, const float *w, int8_t *to);
/* Whole numbers know no NaN: what is made of an image with one is NaN, all of it. `images` of x, each so many floats, and
 * of y; `found`: an int each. */
typedef struct tn_whole_nan {
    int64_t images, x_each, y_each;
    const float *x;
    float *y;
    atomic_int *found;
    const tn_backend_device *device;
} tn_whole_nan;
void tn_whole_spread_nan(const tn_whole_nan *s);
/* Another one for another grid: for tn_binding.kept_form. */
int64_t tn_whole_form(const tn_whole *g);

#endif
