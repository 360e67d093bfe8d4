/*
 * A convolution named "conv" of images with few channels, a relu behind it, and what may lie around and between.
 */
#ifndef TN_LAB_FEW_H
#define TN_LAB_FEW_H

#include "lab.h"

typedef struct lab_few_case {
    const tn_conv2d_opts *conv;
    const tn_pool2d_opts *pool; /* between it and the relu; NULL: nothing is */
    tn_shape x;
    bool hidden; /* behind something that learns */
    bool training, no_fusion;
    bool keeps_conv;    /* what conv gives can be read */
    const char *device; /* NULL: "cpu" */
} lab_few_case;

typedef struct lab_few {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value x, y, target;
} lab_few;

/* On a device that prefers the kernel, or not. */
void lab_few_open(lab_few *f, const lab_few_case *c, bool prefer);
void lab_few_close(lab_few *f);

/* As many random numbers as x has. */
float *lab_few_pixels(const lab_few_case *c);

/* One run in training: y, and the gradient of conv's weights, in new memory. */
typedef struct lab_few_numbers {
    int64_t y_count, dw_count;
    float *y, *dw;
} lab_few_numbers;
lab_few_numbers lab_few_run(const lab_few_case *c, float *x);
void lab_few_drop(lab_few_numbers *n);

/* Runs all cases, which are about the same numbers: y has the bits of the first one's, dw is nearly the same, and has the
 * bits of the case before it where that is the same on the same device. */
void lab_few_check_same(const lab_few_case *cases, size_t count);

#endif
