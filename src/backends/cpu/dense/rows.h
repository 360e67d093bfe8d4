/*
 * y = w x + b of a few images, where reading w takes all the time: half of it where weights are numbers of 16 bits, a quarter where they
 * are whole ones of 8 bits that a scale a row is multiplied with. A thread that reads one row of w after
 * the other gets half of what the memory gives: the processor fetches ahead in each of several rows that
 * are read side by side. So some rows are multiplied with all images at once, as many as have their sums in
 * registers. Compiled once for each width of vectors.
 *
 * The order of a sum depends on nothing but D and that width: the same bits come out for any number of
 * threads, and for an image whatever others there are.
 */
#ifndef TN_CPU_DENSE_H
#define TN_CPU_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/tensor.h>

/* More images are for tiles (dense/tiles.h), which make more of each weight that has been read. */
enum { TN_DENSE_IMAGES = 4 };

/* All row major. */
typedef struct tn_dense_rows {
    int64_t K, D;
    const float *x;     /* images x D */
    const void *w;      /* K x D, in whatever type */
    const float *scale; /* of whole numbers, K; else NULL */
    const float *bias;  /* K, or NULL */
    bool relu;
    float *y; /* images x K */
} tn_dense_rows;

typedef struct tn_dense_code {
    const char *name[TN_U8 + 1]; /* by the type of w; TN_U8: whole numbers with signs */
    /* By the number of images less one: how many rows run() does, by the type of w, which begins with row k; those beyond
     * the last are left out. */
    struct {
        int rows;
        void (*run[TN_U8 + 1])(const tn_dense_rows *a, int64_t k);
    } of[TN_DENSE_IMAGES];
} tn_dense_code;

extern const tn_dense_code tn_dense_avx512, tn_dense_avx2, tn_dense_portable;

#endif
