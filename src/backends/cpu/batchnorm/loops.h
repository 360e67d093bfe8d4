/*
 * Batch normalisation by plain loops, over the rows that hold a sample: what oneDNN, which takes all rows, cannot
 * do. In any layout of images and of rows that the CPU has; a thread a group of channels, sums in double.
 * The formulas are those of layers/batchnorm.c.
 */
#ifndef TN_CPU_BATCHNORM_H
#define TN_CPU_BATCHNORM_H

#include "backends/cpu/onednn/onednn.h"

enum { TN_BN_WEIGHT, TN_BN_BIAS, TN_BN_RUNNING_MEAN, TN_BN_RUNNING_VAR };

/* TN_ERR_SHAPE unless a channel has more than one element: one has no variance. */
tn_status tn_bn_check_count(const tn_node *n, int64_t count);

/* Groups of up to `lanes` channels that lie side by side: number (n, c, pixel) at
 * n * image + c / lanes * group + c % lanes + pixel * step. */
typedef struct tn_bn_places {
    int64_t channels, area, lanes;
    int64_t image, group, step;
    bool padded; /* the last group has `lanes` too, and those that are no channels are 0 */
} tn_bn_places;

/* Of x (4 or 2 dimensions) in that layout; false if it has another order. */
bool tn_bn_find_places(const tn_md *md, tn_bn_places *out);
/* The canonical layout. */
tn_bn_places tn_bn_canonical(const tn_shape *x);

/* One call. */
typedef struct tn_bn {
    tn_bn_places at;
    int threads;
    int64_t batch, rows; /* rows behind `rows` hold no sample: y and dx are 0 there */
    float epsilon;
    float *mean, *var;
} tn_bn;
tn_bn tn_bn_begin(const tn_call *c, const tn_bn_places *at, float *mean, float *var);

/* mean and var, 0 without a row. */
void tn_bn_measure(const tn_bn *s, const float *x);
void tn_bn_apply(const tn_bn *s, const float *x, const float *weight, const float *bias, float *y);
/* The sums of dy and of dy z. */
void tn_bn_sums(const tn_bn *s, const float *x, const float *dy, float *dbias, float *dweight);
/* With those sums over `count` elements a channel. */
void tn_bn_dx(const tn_bn *s, const float *x, const float *dy, const float *weight,
              const float *dbias, const float *dweight, double count, float *dx);
/* The running statistics, by mean and var of `count` elements a channel: one alone has no variance, and they stay. */
void tn_bn_move(const tn_call *c, const float *mean, const float *var, double count);

#endif
