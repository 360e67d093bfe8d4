/*
 * What a child of test_cuda_plans, which is one GPU to plan for, asks of the real cuDNN beside the networks.
 */
#ifndef TN_LAB_PLANS_H
#define TN_LAB_PLANS_H

#include <stdio.h>
#include <stdlib.h>

#include "lab.h"

enum { BATCH = 128 };

/* A child is no test of cmocka's: it says what went wrong, and its parent fails. */
#define NEED(call)                                         \
    do {                                                   \
        if ((call) != TN_OK) {                             \
            printf("failed\t%s: %s\n", #call, tn_error()); \
            exit(1);                                       \
        }                                                  \
    } while (0)

typedef struct lab_plan {
    tn_graph *graph;
    tn_plan *plan;
} lab_plan;

void lab_plan_free(lab_plan *m);

/* Each says what has failed in a line of its own. */
void lab_plan_decoder(tn_device *d, const char *precision_name);
void lab_plan_block(tn_device *d, const char *precision_name);
void lab_plan_sums(tn_device *d, const char *precision_name);

#endif
