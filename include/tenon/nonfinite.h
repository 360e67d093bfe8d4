/**
 * @file
 * Where NaN and infinities come from, in a plan whose loss or gradients have become such.
 *
 * Threads: as plans.
 */
#ifndef TENON_NONFINITE_H
#define TENON_NONFINITE_H

#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What numbers that are not finite are of. */
typedef enum tn_nonfinite_part {
    TN_NONFINITE_NOTHING,   /**< all numbers were finite */
    TN_NONFINITE_PARAMETER, /**< a parameter, or a running statistic that an evaluation reads */
    TN_NONFINITE_OUTPUT,    /**< the output of a node, or an input that the program has set */
    TN_NONFINITE_GRADIENT,  /**< the gradient by such an output */
    TN_NONFINITE_PARAMETER_GRADIENT /**< the gradient by a parameter */
} tn_nonfinite_part;

/** @return "nothing", "parameter", "output", "gradient of output", "gradient of parameter"; NULL for another value. */
TN_API const char *tn_nonfinite_part_name(tn_nonfinite_part part);

/** The first numbers of a run that are not finite. Strings live with the plan. */
typedef struct tn_nonfinite {
    tn_nonfinite_part part; /**< what they are of; NOTHING: the rest is empty */
    const char *
        node; /**< the node whose forward or backward pass reads (a parameter, an input) or made them */
    const char *name; /**< of which value: "conv1" the output of that node, "conv1.weight" */
    tn_shape shape;   /**< of one device's rows, if it has rows */
    int64_t count,
        of;        /**< so many of so many are not; of what is computed only rows with a sample are
                                 looked at */
    int64_t first; /**< the place of the first one, in canonical order */
    int64_t row;   /**< the row of the whole batch that this is in; -1: it is in none */
    float number;  /**< which it is: NaN or an infinity */
    int rank;      /**< of several devices: number of the first that has such, from 0 */
    char device[64]; /**< its name, cut short if it is longer */
} tn_nonfinite;

/**
 * Where did numbers first become NaN or infinite? Does the last tn_plan_run() or tn_plan_evaluate() again, step by step, in
 * the order of the forward pass, then of backward, and looks at all that each step reads and writes: for when a loss
 * or a gradient's norm is not finite, as it takes as long as copying all values to the host.
 *
 * Random numbers of dropout, the rows and the loss scale are those of that run. To see its parameters, too, call this
 * before tn_plan_update(), or after one that was left out (tn_plan_opts.guard). Inputs must not have been set since.
 * Running statistics, sums (tn_plan_take_sum()) and counts stay as they are. In f16 gradients are times the loss scale, and
 * what is too large for f16 is infinite; a smaller scale may help.
 *
 * Of several devices the one with the earliest step is told, in all ranks.
 *
 * @return TN_ERR_ARGUMENT if nothing has run yet; what tn_plan_run() returns; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_plan_find_nonfinite(tn_plan *plan, tn_nonfinite *out);

#ifdef __cplusplus
}
#endif
#endif
