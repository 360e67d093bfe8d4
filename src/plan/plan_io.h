/*
 * What a checkpoint needs of a plan beside the public calls: the counters that a resumed run goes on
 * from, what the optimizer is called and keeps, and the net.
 */
#ifndef TN_PLAN_IO_H
#define TN_PLAN_IO_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/plan.h>
#include <tenon/sys/kernel.h>

/* Of a plan that accumulates, in the middle of it: runs since the last update, and what their gradients' sum is to be
 * divided by. The sum is a part of each trained parameter, for tn_plan_param_get() and _set(): of the whole batch, and
 * with no loss scale. */
typedef struct tn_plan_sum {
    int64_t runs;
    double weight;
} tn_plan_sum;
enum { TN_PARAM_SUM = -1 };
/* First in all that reads the sum, in all ranks. */
tn_status tn_plan_sum_get(tn_plan *plan, tn_plan_sum *out);
/* Runs that one update takes. */
int tn_plan_accumulate(const tn_plan *plan);

/* Sets the number of updates made (Adam's t) and of runs in training mode (dropout's stream), and what is summed up:
 * without a run there is nothing in it any more. */
tn_status tn_plan_restore(tn_plan *plan, int64_t updates, int64_t runs, const tn_plan_sum *sum);

/* Sums of kept scalars that nobody has asked for yet: how many numbers they are of a replica, how many replicas there are in
 * all processes; out, one replica after the other, the same in all ranks; and in, also what another number of them had. */
size_t tn_plan_num_tallies(const tn_plan *plan);
int tn_plan_replicas(const tn_plan *plan);
tn_status tn_plan_tallies_get(tn_plan *plan, double *to);
tn_status tn_plan_tallies_set(tn_plan *plan, const double *from, int replicas);

/* Updates left out, and the f16 loss scale's state, so that a resumed run goes on with it; `scales` is false in any other
 * precision, and then there is no scale to save. */
typedef struct tn_plan_scaling {
    bool scales;
    float scale;
    int64_t growth, skipped;
} tn_plan_scaling;
tn_status tn_plan_scaling_get(tn_plan *plan, tn_plan_scaling *out);
tn_status tn_plan_scaling_set(tn_plan *plan, const tn_plan_scaling *in);

/* TN_ERR_ARGUMENT while averages of its parameters are used. Does it keep some? */
tn_status tn_plan_check_trains(const tn_plan *plan);
bool tn_plan_has_average(const tn_plan *plan);

/* Runs in training mode so far. */
int64_t tn_plan_runs(const tn_plan *plan);

/* "sgd", "adam", ...; "" if the plan has no optimizer. */
const char *tn_plan_optim_name(const tn_plan *plan);

/* What part TN_PARAM_SLOT + slot is called: "momentum"; NULL past the last one. */
const char *tn_plan_slot_name(const tn_plan *plan, int slot);

/* The text of its net (<tenon/text.h>), with its loss and outputs, for tn_free(); and what N is in the plan. */
tn_status tn_plan_text(const tn_plan *plan, char **out, int64_t *batch);

/* Sets all inputs to something that kernels may meet: small numbers, labels and pixels 0. Of a single device. */
tn_status tn_plan_fill(tn_plan *plan);

/* Weights that are not there yet begin as these numbers, which plans without a loss read where they lie, on devices whose memory
 * is the host's: canonical, at a multiple of 64 bytes, there until the weights are destroyed and no plan has them any more. Nobody
 * writes there: setting them is an error, and a plan with a loss that has them. What lies there in fewer bits than f32 is read by kernels
 * that can; for others plans have it in f32. */
tn_status tn_weights_lend(tn_weights *w, const char *name, const tn_shape *shape,
                          const tn_stored *stored);

/* Is it for this process to write what all ranks have alike? And what came of it, in all of them. */
bool tn_plan_writes(const tn_plan *plan);
tn_status tn_plan_agree(tn_plan *plan, tn_status status);

#endif
