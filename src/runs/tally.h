/*
 * Sums that do not depend on where they were cut: what a plan summed up between two looks, added without rounding, so
 * that a run that was saved in between and went on has the same sums, to the last bit.
 */
#ifndef TN_RUNS_TALLY_H
#define TN_RUNS_TALLY_H

#include <stdint.h>

#include "base/base.h"

/* A sum as doubles that do not overlap, the smallest first: Shewchuk 1997, "Adaptive precision floating-point arithmetic",
 * GROW-EXPANSION. Two that are equal as numbers have the same tn_exact_value(). */
enum { TN_EXACT_PARTS = 40 /* of 53 bits: all exponents */ };
typedef struct tn_exact {
    double part[TN_EXACT_PARTS];
    int count;
} tn_exact;
void tn_exact_add(tn_exact *e, double number);
void tn_exact_add_product(tn_exact *e, double a, double b);
double tn_exact_value(const tn_exact *e); /* rounded once */

/* Over images. */
typedef struct tn_tally {
    tn_exact loss;
    int64_t images, top_1, top_k;
} tn_tally;

#endif
