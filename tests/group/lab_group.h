/*
 * The same training on any device or group: what tests of groups compare.
 */
#ifndef TN_LAB_GROUP_H
#define TN_LAB_GROUP_H

#include "lab.h"

enum {
    GROUP_ROWS = 8,
    GROUP_SIDE = 12,
    GROUP_CLASSES = 4,
    GROUP_PIXELS = GROUP_SIDE * GROUP_SIDE,
    GROUP_STEPS = 20,
    GROUP_MOST_PARAMS = 1 << 15 /* numbers of all parameters together */
};

/* LeNet with dropout; a ResNet of two blocks with batchnorm and a mean pooling. */
typedef enum lab_net { LAB_LENET, LAB_RESNET } lab_net;

typedef struct lab_group {
    tn_device *device;
    tn_graph *g;
    tn_value image, label, logits;
    tn_loss loss;
    tn_plan *plan;
} lab_group;

/* What it begins with is added to opts. */
tn_status lab_group_open(lab_group *s, const char *device, lab_net net, tn_plan_opts opts);
void lab_group_close(lab_group *s);

/* Batch number i of a set that can be learned: in every third one some rows have no label, more of them at
 * the beginning than at the end, and behind each of them one that has in the rows of any rank: all are samples. */
tn_status lab_group_set(const lab_group *s, int i);
/* Set, run (as often as opts.accumulate), update. */
tn_status lab_group_step(const lab_group *s, int i, int runs);
tn_status lab_group_loss(const lab_group *s, float *loss);
/* All parameters and statistics behind each other; how many numbers. */
size_t lab_group_params(const lab_group *s, int part, float *to);

/* Of 20 steps, with other settings of the optimizer from the half on: losses, and parameters in the end. */
typedef struct lab_history {
    float loss[GROUP_STEPS];
    float param[GROUP_MOST_PARAMS];
    size_t params;
} lab_history;
void lab_group_train(const char *device, lab_net net, tn_plan_opts opts, lab_history *h);

/* The largest difference of two numbers of the same place, relative to the larger of 1 and their parameters'
 * largest. */
float lab_group_difference(const lab_history *a, const lab_history *b);

#endif
