/*
 * A small network in training on any device: what tests of a device as a whole run on.
 */
#ifndef TN_LAB_SMALL_H
#define TN_LAB_SMALL_H

#include "lab.h"

enum { SMALL_ROWS = 4, SMALL_SIDE = 12, SMALL_CLASSES = 3, SMALL_INPUTS = 2 };

typedef struct lab_small {
    tn_device *device;
    tn_graph *g;
    tn_value image, label;
    tn_loss loss;
    tn_plan *plan;
} lab_small;

/* Bytes in, conv, relu, max-pool, dropout, dense, cross entropy. What it begins with is added to opts. */
tn_status lab_small_open(lab_small *s, const char *device, tn_plan_opts opts);
/* Batch number i of a made-up set that can be learned. */
tn_status lab_small_set(const lab_small *s, int i);
/* Set, run, update. */
tn_status lab_small_step(const lab_small *s, int i, float rate);
tn_status lab_small_loss(const lab_small *s, float *loss);
void lab_small_close(lab_small *s);

#endif
