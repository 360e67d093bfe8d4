/*
 * What looks after the numbers of a run. See tn_run_guard in <tenon/run.h> for what it does.
 */
#ifndef TN_RUNS_GUARD_H
#define TN_RUNS_GUARD_H

#include "runs/runs.h"

/* What was found wrong with a step, for the line `diverged`. */
typedef struct tn_run_fault {
    const char *what;      /* "loss", "norm", "stuck" */
    int64_t at;            /* the step */
    const tn_batch *batch; /* that it is of; NULL: which of the step's it is is not known */
    float loss, norm;
    bool left_out;     /* the plan made no update of it */
    tn_nonfinite from; /* where it came from; of what is stuck: nothing */
    char kept[64];     /* the batch, in the folder; "": it is not kept */
} tn_run_fault;

/* guard.c: when a run is opened. */
tn_status tn_run_guard_check(const tn_run_opts *o);
void tn_run_guard_complete(tn_run *run);

/* After an update. *back: the run is at an earlier step now. TN_ERR_DIVERGED: it has to end. */
tn_status tn_run_guard_look(tn_run *run, bool *back);

/* stuck.c: one more loss; have they stood still at ln(classes) for as long as is allowed? */
bool tn_run_is_stuck(tn_run_stuck *s, const tn_run_guard *g, int64_t epoch, double loss);

/* guilty.c: the batch at fault to the folder; what fails is told by a warning. The name of row `row` of one, NULL:
 * nobody knows it; until the next call. */
void tn_run_keep_guilty(tn_run *run, tn_run_fault *f);
const char *tn_run_row_name(const tn_run *run, const tn_batch *b, int64_t row);

/* seen.c: before each run of a guarded plan, the batch that it will be of; and when a step is over. */
tn_status tn_run_see(tn_run *run, const tn_batch *batch);
void tn_run_see_no_more(tn_run *run);
void tn_run_seen_free(tn_run *run);

/* The rate is this much of what the user set, and epochs without a better one have been enough. */
tn_run_orders tn_run_orders_of(const tn_run *run);

#endif
