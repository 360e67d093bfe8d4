/**
 * @file
 * Models in whole numbers of 8 bits, and what that costs.
 *
 *     tn_model_optimise(&plain, model, NULL);
 *     tn_model_quantise(&whole, plain, device, pictures, NULL);
 *     tn_model_compare(&gate, plain, whole, device, labelled, NULL);
 *     printf("top-1 falls by %.2f points (%.2f to %.2f)\n", gate.drop, gate.low, gate.high);
 *
 * Quantising stands in the net, as tn_fake_quant() of what layers read and of their weights, and in f32: every device can compute it,
 * training goes on with it, and kernels for whole numbers do what it says within rounding.
 *
 * Rows come from a loader (data.h, source.h), an epoch of it at most. Of a set of images the model's picture is set; the
 * arrays of a source are the inputs in their order (tn_graph_input()), and for tn_model_compare() one of labels, i32, stands behind them.
 * The loader should neither shuffle nor change pictures; what comes out depends on which rows there are, on neither their order nor
 * the batch.
 *
 * Threads: as model.h has it.
 */
#ifndef TENON_QUANTISE_H
#define TENON_QUANTISE_H

#include <tenon/data.h>
#include <tenon/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_quantise_opts {
    int64_t rows; /**< that scales are found with, at most; default 512 */
    int bits; /**< 2 to 8; default 8. With 7 products of two cannot overflow where a processor adds them up in 16 bits */
    const char *
        leave; /**< layers that stay as they are: names, or patterns as of tn_plan_opts.freeze, "conv1,*_head" */
    bool
        all; /**< the first conv2d, the last dense, and those with groups too, which stay as they are otherwise */
} tn_quantise_opts;

/**
 * Makes a model whose conv2d and dense layers read values and weights of 8 bits.
 *
 * A weight has a scale a filter, that of its largest number. A value has one scale, that with the least squared error over all of its
 * numbers in those rows: from 0 to 255 behind a relu and what else is never below 0, else from -128 to 127. A layer that has such
 * weights already stays as it is. Without rows, @p pictures NULL, weights of dense layers alone are of 8 bits, all of them: what
 * they read is what time goes to where images are few.
 * The fact "tenon.quantised" names the layers and their scales, a line each: `conv2 0.0123 u8`.
 *
 * @param device  that rows are computed on, in f32; NULL without rows
 * @return  TN_ERR_ARGUMENT if the model has no net, no numbers, or no such layer; naming a pattern that names none; if a value is NaN or
 *          infinite in some row, naming it; what planning, running and the loader return; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_quantise(tn_model **out, const tn_model *model,
                                              tn_device *device, tn_loader *pictures,
                                              const tn_quantise_opts *opts);

typedef struct tn_gate_opts {
    double
        max_drop; /**< points of top-1 that may be lost, 1 of 100 rows being 1; default 1; not below 0 */
    int64_t rows; /**< that are judged by, at most; default: an epoch */
    int top_k;    /**< default 5 */
} tn_gate_opts;

/** Two models that have seen the same labelled rows: [0] as it was, [1] what was made of it. */
typedef struct tn_gate {
    int64_t rows, top_1[2], top_k[2];
    int64_t agree; /**< rows of which both say the same class */
    int64_t lost;  /**< right before, and wrong now */
    int64_t won;   /**< wrong before, and right now */
    /** What top-1 falls by, in points, and between which two it lies in 95 of 100 such comparisons, from `lost` and `won`
     *  (Bonett and Price 2012, for paired proportions). */
    double drop, low, high;
    bool passed; /**< the drop is not above max_drop, and the model did better than `guesses` */
    /** The model as it was is right no more often than who guesses is in 97 of 100 such sets, top_1[0] <= n/K + 2 sqrt(n (1/K)(1 - 1/K)):
     *  the labels mean something else to it, or are too few. Nothing is told by what it loses. */
    bool guesses;
    /** Do these rows tell? Not if `low` to `high` is so wide that drop and limit may both be true; then about `rows_needed` would,
     *  0 if no number of them would, as with a limit of 0. */
    bool tells;
    int64_t rows_needed;
    int comparisons;  /**< made with these rows: what passes after many has had as many chances */
    int layers, left; /**< of tn_model_quantise_within(): in 8 bits, and left in f32 to pass */
} tn_gate;

/**
 * Judges: the first output of each is N x K, the class it says is the largest number's.
 * @return TN_ERR_ARGUMENT for options, or no labelled row; TN_ERR_SHAPE if the outputs are not alike; what planning, running and
 *         the loader return; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_compare(tn_gate *out, const tn_model *before,
                                             const tn_model *now, tn_device *device,
                                             tn_loader *labelled, const tn_gate_opts *opts);

/**
 * tn_model_quantise(), and tn_model_compare() with the model: as long as it does not pass, the layer whose output has the most noise for its
 * signal is left in f32 and it is done again. *out is NULL and gate->passed false if that leaves no layer, or the model only `guesses`: then there is nothing
 * to be had at that price.
 * The fact "tenon.report" of *out says what was found, a line each.
 *
 * @param pictures  to find scales with; rows of other pictures than those of @p labelled, or it is not to be believed
 */
TN_API TN_CHECKED tn_status tn_model_quantise_within(tn_model **out, tn_gate *gate,
                                                     const tn_model *model, tn_device *device,
                                                     tn_loader *pictures, tn_loader *labelled,
                                                     const tn_quantise_opts *opts,
                                                     const tn_gate_opts *limit);

#ifdef __cplusplus
}
#endif
#endif
