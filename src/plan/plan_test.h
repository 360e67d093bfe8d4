/*
 * What tests may do to a plan.
 */
#ifndef TN_PLAN_TEST_H
#define TN_PLAN_TEST_H

#include <tenon/plan.h>

/* Fills activations, their gradients, saved and scratch memory and the gradients of parameters with NaN:
 * a run must not read anything that it has not written. */
tn_status tn_plan_poison(tn_plan *plan);

#endif
