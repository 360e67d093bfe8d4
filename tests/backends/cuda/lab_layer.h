/*
 * One dense or conv2d, perhaps with relu behind it, trained on one device and on another: values and gradients of
 * both, to be compared where the device's options matter. Numbers of the op's own are lab_op.h's business.
 */
#ifndef LAB_LAYER_H
#define LAB_LAYER_H

#include "lab_op.h"

enum { LAB_LAYER_MOST = 1 << 15, LAB_LAYER_PARAMS = 2 };

typedef struct lab_layer {
    const char *why;
    tn_shape x;
    tn_conv2d_opts conv; /* no filters: dense */
    tn_dense_opts dense;
    bool relu;
    int cuts;   /* that the images come in, with 1 MiB */
    bool first; /* nobody wants dx */
} lab_layer;

typedef struct lab_answer {
    int64_t y_count, x_count, w_count[LAB_LAYER_PARAMS];
    float y[LAB_LAYER_MOST], dx[LAB_LAYER_MOST], dw[LAB_LAYER_PARAMS][LAB_LAYER_MOST];
    long products;
    size_t planned;
    char kernel[256]; /* what the plan says of it */
} lab_answer;

typedef struct lab_layer_rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, y, target;
    tn_plan *plan;
} lab_layer_rig;

/* Its plan may be dry. */
tn_status lab_layer_open(lab_layer_rig *r, const lab_layer *l, const char *device,
                         tn_precision precision, bool dry);
void lab_layer_close(lab_layer_rig *r);

/* One run of training on numbers drawn from a seed, which f16 and bf16 hold too. */
void lab_layer_answer(const lab_layer *l, const char *device, tn_precision precision,
                      lab_answer *a);
/* got is want, to within `tolerance` times the largest. */
void lab_layer_compare(const lab_layer *l, const lab_answer *got, const lab_answer *want,
                       double tolerance);

/* f32, f16, bf16, and what is allowed in each: the lab's rule, or four roundings. */
enum { LAB_PRECISIONS = 3 };
extern const tn_precision lab_precisions[LAB_PRECISIONS];
extern const double lab_tolerances[LAB_PRECISIONS];

#endif
