/*
 * How often which |x| comes: counts over [0, 2^exponent) in equal bins. A larger number doubles the range, and two bins become
 * one, as if all had been counted so from the beginning; so counts depend on neither the order of numbers nor in what batches
 * they come. At least half of the bins are below the largest number.
 */
#ifndef TN_QUANTISE_HISTOGRAM_H
#define TN_QUANTISE_HISTOGRAM_H

#include "base/base.h"

enum { TN_BINS = 4096 };

typedef struct tn_histogram {
    bool begun;
    int exponent;
    int64_t bin[TN_BINS];
} tn_histogram;

/* false: one of them is NaN or infinite. */
bool tn_histogram_add(tn_histogram *h, const float *x, int64_t count);

/* The scale by which whole numbers up to `most` have the least squared error; 1 / most if all are 0. */
float tn_histogram_scale(const tn_histogram *h, int most);

#endif
