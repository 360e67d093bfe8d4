/*
 * A plan on several devices: a replica of it on each, an equal share of the batch for each.
 *
 * What a program does with such a plan each replica does in a thread of its own (team.h); what they do as one
 * goes through the backend's collectives. All numbers that a program sees are those of the whole batch.
 * Replicas may be part of a larger group: `first` is the rank of the first one here, of `ranks`.
 */
#ifndef TN_GROUP_H
#define TN_GROUP_H

#include "plan/plan.h"

/* For the plan that the program has been given; it has its graph, device and options. */
tn_status tn_group_create(tn_group **out, tn_plan *plan);
void tn_group_destroy(tn_group *g); /* NULL is fine */

/* The plan of replica `index`, from 0. */
tn_plan *tn_group_replica(const tn_group *g, int index);
/* How the batch is shared, a line or two. */
void tn_group_describe(const tn_plan *whole, FILE *to);

/* What <tenon/plan.h> says of the functions of these names. */
tn_status tn_group_set(tn_plan *whole, tn_value input, tn_tensor host);
tn_status tn_group_set_rows(tn_plan *whole, int64_t rows);
tn_status tn_group_run(tn_plan *whole);
tn_status tn_group_evaluate(tn_plan *whole);
tn_status tn_group_update(tn_plan *whole, float rate);
tn_status tn_group_profile(tn_plan *whole, float rate, double *seconds);
tn_status tn_group_get(tn_plan *whole, tn_value v, tn_tensor host);
tn_status tn_group_get_gradient(tn_plan *whole, tn_value v, tn_tensor host);
tn_status tn_group_take_sum(tn_plan *whole, tn_value v, double *sum, int64_t *runs,
                            bool only_looks);
tn_status tn_group_get_tallies(tn_plan *whole, double *to);
tn_status tn_group_set_tallies(tn_plan *whole, const double *from);
tn_status tn_group_find_nonfinite(tn_plan *whole, tn_nonfinite *out);
tn_status tn_group_param_get(tn_plan *whole, int index, int part, tn_tensor host);
tn_status tn_group_param_set(tn_plan *whole, int index, int part, tn_tensor host);

/* The status of the first process that has another than TN_OK, in all of them. */
tn_status tn_group_agree(tn_group *g, tn_status status);

/* Makes the gradients of the last run those of the whole batch, if they are not. */
tn_status tn_group_sum_gradients(tn_group *g);

/* Does call(replica, arg) for the first replica, or for each at the same time. An error is the end of the group:
 * what can be wrong with the call itself is to be looked at before. The calls are given a copy of the `bytes` at arg,
 * since one of them may outlast this; what they leave in it is at arg if all went well. */
tn_status tn_group_first(tn_group *g, tn_plan_call *call, void *arg, size_t bytes);
tn_status tn_group_each(tn_group *g, tn_plan_call *call, void *arg, size_t bytes);

#endif
