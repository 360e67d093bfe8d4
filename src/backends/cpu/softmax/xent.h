/*
 * Cross entropy of lines of logits, for each set of instructions (xent_code.c). Exponentials are f32, sums double.
 */
#ifndef TN_CPU_XENT_H
#define TN_CPU_XENT_H

#include <stdint.h>

enum { TN_XENT_WIDE = 64 /* lines beside each other that are done at once */ };

/* What a label adds to the results. */
typedef struct tn_xent_result {
    double loss;    /* without the weight of its row */
    int64_t better; /* classes above the label; -1: it is left out */
} tn_xent_result;

/* `lines` lines (at most TN_XENT_WIDE), whose `size` logits are `inner` apart, beside each other; with an inner of 1 there
 * is one. */
typedef struct tn_xent_lines {
    const float *x;
    float *dx; /* the gradient, times `scale`; NULL: nobody asks */
    const int32_t *label;
    const float *rows, *classes; /* weights; NULL: ones */
    double all_classes;          /* the sum of those of classes */
    int64_t size, inner, lines;
    double smoothing, scale;
    tn_xent_result *result;
} tn_xent_lines;

typedef void tn_xent_code(const tn_xent_lines *l);

extern tn_xent_code tn_xent_avx512, tn_xent_avx2, tn_xent_portable;

#endif
