/*
 * A net of each kind of parameter, trained and asked: what tests of weights have in common.
 */
#ifndef TN_LAB_WEIGHTS_H
#define TN_LAB_WEIGHTS_H

#include "lab.h"

enum { ROWS = 8, C = 2, SIDE = 6, K = 3, FEATURES = 16 };

typedef struct lab_weighed {
    tn_graph *g;
    tn_value x, label, y;
    tn_loss loss;
} lab_weighed;

void lab_build(lab_weighed *n); /* g is NULL if there is no memory */
tn_plan_opts lab_training(const lab_weighed *n, tn_weights *w);
/* Inference, with a seed of its own: there is nothing to draw. */
tn_plan_opts lab_testing(const lab_weighed *n, tn_weights *w, int64_t batch);
tn_status lab_step(tn_plan *p, const lab_weighed *n);
/* What the net says of the first rows. */
tn_status lab_answer(tn_plan *p, const lab_weighed *n, int64_t rows, float *y);
/* The same by a plan that has all by itself, after so many steps. */
void lab_want_after(const char *device, int steps, float *y);
void lab_near(const char *what, const float *want, const float *got, int count, float within);

#endif
