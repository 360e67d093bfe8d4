/*
 * A run of a small net on made-up batches, for the tests of run folders: how it goes on depends on the seed and the step
 * alone.
 */
#ifndef TN_LAB_RUN_H
#define TN_LAB_RUN_H

#include "lab.h"

enum { LAB_RUN_ROWS = 12, LAB_RUN_WIDE = 6, LAB_RUN_CLASSES = 3, LAB_RUN_BATCHES = 10 };

/* How it is made; 0: as usual. */
typedef struct lab_run_kind {
    const char *why, *device;
    tn_precision precision;
    int accumulate;
    tn_optim optim;
    float loss_scale, ema;
    bool events; /* for TensorBoard */
    int64_t log_every, save_steps;
    int keep;
    const char *config; /* default "{}" */
} lab_run_kind;

typedef struct lab_run {
    const lab_run_kind *kind;
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label;
    tn_loss loss;
    tn_run *run;
    tn_run_orders orders;
    int64_t epoch, index; /* of the next batch */
    bool owes, dies;      /* it goes on by an evaluation; it dies when it is to evaluate */
} lab_run;

/* The plan alone, and the run that is made or resumed. */
void lab_run_plan(lab_run *r, const lab_run_kind *kind);
tn_status lab_run_open(lab_run *r, const char *folder, bool resume);
/* Trains until so many updates are made; at the end of an epoch it validates. What fails, fails the test. */
void lab_run_train(lab_run *r, int64_t steps);
/* Closes the run, if it is open, and lets go of the plan. */
void lab_run_end(lab_run *r, tn_run_end end);

/* Of log.jsonl: how many lines there are of a kind that contain a text; and one of them, in a static buffer. */
int lab_run_lines(const char *folder, const char *kind, const char *text);
const char *lab_run_line(const char *folder, const char *kind, int index);

#endif
