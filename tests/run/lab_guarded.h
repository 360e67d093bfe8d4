/*
 * A small net with batchnorm, whose input is f32, so that a batch can be bad; trained on any device.
 */
#ifndef TN_LAB_GUARDED_H
#define TN_LAB_GUARDED_H

#include "lab.h"

enum { GUARDED_ROWS = 8, GUARDED_WIDE = 6, GUARDED_CLASSES = 4, GUARDED_MOST = 1024 };

typedef struct lab_guarded {
    tn_device *device;
    tn_graph *g;
    tn_value x, label, logits, loss;
    tn_plan *plan;
} lab_guarded;

/* Each kind of device, those of this build: NULL past the last. */
typedef struct lab_kind {
    const char *device;
    tn_precision precision;
} lab_kind;
const lab_kind *lab_kind_here(int index);

/* What it begins with is added to opts; seed 0: 7. */
void lab_guarded_open(lab_guarded *s, const lab_kind *kind, tn_plan_opts opts);
void lab_guarded_close(lab_guarded *s);

/* Batch number i, with one number NaN if it is bad. */
void lab_guarded_set(const lab_guarded *s, int i, bool bad);
/* Set, run and update with a rate of 0.05. */
void lab_guarded_step(const lab_guarded *s, int i, bool bad);

/* That part of all parameters that have it, behind each other; how many numbers. */
size_t lab_guarded_params(const lab_guarded *s, int part, float *to);

/* All that a run goes on with. */
typedef struct lab_state {
    float value[GUARDED_MOST], slot[2 * GUARDED_MOST], average[GUARDED_MOST];
    size_t values, slots, averages;
} lab_state;
void lab_guarded_state(const lab_guarded *s, const tn_plan_opts *opts, int slots, lab_state *state);

#endif
