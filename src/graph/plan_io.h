/*
 * What a checkpoint needs of a plan beside the public calls: the counters that a resumed run goes on
 * from, and what the optimizer is called and keeps.
 */
#ifndef TN_PLAN_IO_H
#define TN_PLAN_IO_H

#include <stdint.h>

#include <tenon/plan.h>

/* Sets the number of updates made (Adam's t) and of runs in training mode (dropout's stream). */
void tn_plan_restore(tn_plan *plan, int64_t updates, int64_t runs);

/* Runs in training mode so far. */
int64_t tn_plan_runs(const tn_plan *plan);

/* "sgd", "adam", ...; "" if the plan has no optimizer. */
const char *tn_plan_optim_name(const tn_plan *plan);

/* What part TN_PARAM_SLOT + slot is called: "momentum"; NULL past the last one. */
const char *tn_plan_slot_name(const tn_plan *plan, int slot);

#endif
