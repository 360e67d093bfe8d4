/*
 * One call of batchnorm, in parts: some images' pixels of a group of channels (stretches of images are cut by their number
 * alone, so that sums do not depend on how many threads there are). Whoever has all parts of a group to itself does one after
 * the other while they are in its cache.
 */
#ifndef TN_CPU_BATCHNORM_PARTS_H
#define TN_CPU_BATCHNORM_PARTS_H

#include "backends/cpu/batchnorm/batchnorm.h"
#include "backends/cpu/elementwise/unary.h"

enum { TN_BN_WEIGHT, TN_BN_BIAS, TN_BN_RUNNING_MEAN, TN_BN_RUNNING_VAR };

/* How the elements of one call are divided. */
typedef struct tn_bn_shape {
    tn_channels at;
    int64_t images, groups, stretches;
    bool rows; /* pixels are rows of the batch, and all of them one image */
} tn_bn_shape;
tn_bn_shape tn_bn_shape_of(const tn_shape *x, const tn_channels *at);
size_t tn_bn_bits_bytes(const tn_bn_shape *s);
/* What parts find, before it is put together. */
size_t tn_bn_parts_bytes(const tn_bn_shape *s);

typedef struct tn_bn {
    tn_bn_shape s;
    const tn_bn_code *code;
    const tn_backend_device *device;
    int64_t rows; /* rows behind these hold no sample */
    float epsilon;
    tn_bn_end end;
    const tn_unary_loops *each; /* of another function behind it, with its numbers; NULL: none */
    float number[3];
    double *parts;
    const float *x, *z, *dy, *weight, *bias;
    float *y, *dx, *dz;
    uint8_t *bits;
    float *mean, *var;
    float *dbias, *dweight;  /* sums of g and of g (x - mean) / sqrt(var + epsilon) */
    const float *even, *off; /* those that dx is made of; NULL: mean and var are constants */
    double count;            /* elements of a channel that these are over */
} tn_bn;

/* With `each`, of a tile whose pixels lie side by side or which is one pixel: batchnorm, and the function run by run while that is
 * in the cache. The sums leave in dx, if it is asked for, the gradient of what batchnorm alone makes, of which dx is made then. */
void tn_bn_apply_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                      float *y);
void tn_bn_sum_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                    const float *dy, float *dx, tn_bn_sums *sums);
void tn_bn_back_each(const tn_bn *k, const tn_bn_tile *t, const tn_bn_lanes *of, const float *x,
                     const float *dy, float *dx);

/* mean and var, 0 without a row. */
void tn_bn_measure(const tn_bn *k);
void tn_bn_apply(const tn_bn *k);
/* Both, with y of a group as soon as its statistics are known. */
void tn_bn_measure_and_apply(const tn_bn *k);
void tn_bn_sum(const tn_bn *k);
void tn_bn_back(const tn_bn *k);
void tn_bn_sum_and_back(const tn_bn *k);

#endif
