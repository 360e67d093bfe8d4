/*
 * y = w x + b of a few images, where reading w takes all the time, a quarter of it where weights are whole numbers of 8 bits
 * that a scale a row is multiplied with. A thread that reads one row of w after
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

/* More images are for tiles (dense/tiles.h), which make more of each weight that has been read. */
enum { TN_DENSE_IMAGES = 4 };

/* All row major. */
typedef struct tn_dense_rows {
    int64_t K, D;
    const float *x, *w;  /* images x D, K x D */
    const int8_t *whole; /* in place of w, K x D, */
    const float *scale;  /* K */
    const float *bias;   /* K, or NULL */
    bool relu;
    float *y; /* images x K */
} tn_dense_rows;

typedef struct tn_dense_code {
    const char *name, *whole_name; /* that of f32, and of whole numbers */
    /* By the number of images less one: how many rows run() does, which begins with row k; those beyond
     * the last are left out. run_whole(): of whole numbers. */
    struct {
        int rows;
        void (*run)(const tn_dense_rows *a, int64_t k);
        void (*run_whole)(const tn_dense_rows *a, int64_t k);
    } of[TN_DENSE_IMAGES];
} tn_dense_code;

extern const tn_dense_code tn_dense_avx512, tn_dense_avx2, tn_dense_portable;

#endif
