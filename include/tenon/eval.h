/**
 * @file
 * How good a classifier is: top-1, top-k, the loss, each class by itself and the confusion matrix, counted on the host from
 * what a net says of labelled rows.
 *
 *     tn_eval_create(&eval, &(tn_eval_opts){.classes = 10});
 *     while (tn_loader_next(loader, &batch) == TN_OK) {
 *         tn_plan_set(plan, image, batch.images);
 *         tn_plan_evaluate(plan);
 *         tn_plan_get(plan, logits, host);      the plan was made with keep = &logits
 *         tn_eval_add(eval, host, batch.labels);
 *     }
 *     const tn_eval_total all = tn_eval_sum(eval);
 *     printf("top-1 %lld of %lld\n", all.top_1, all.rows);
 *
 * Each row counts once: rows with label -1, such as those that only fill a batch up, are in no number. So what comes out does not
 * depend on the batch. Per row it reads K numbers and keeps 8 bytes.
 *
 * Threads: one at a time.
 */
#ifndef TENON_EVAL_H
#define TENON_EVAL_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/status.h>
#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Counts of a classifier of K classes. */
typedef struct tn_eval tn_eval;

typedef struct tn_eval_opts {
    int classes; /**< K; required */
    int top_k;   /**< default 5; at most K is taken */
    bool
        shares; /**< rows are probabilities, as softmax gives them, or means of such; default: logits */
} tn_eval_opts;

/** @return TN_ERR_ARGUMENT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_eval_create(tn_eval **out, const tn_eval_opts *opts);
TN_API void tn_eval_destroy(tn_eval *eval); /* NULL is fine */

/** Forgets all rows: for the next epoch. */
TN_API void tn_eval_clear(tn_eval *eval);

/**
 * Counts rows in. The class that the net says is that of the largest number, the lowest of equals, as tn_softmax_xent()
 * counts. A row with a NaN, or a logit of +infinity, says none: it is a row, and neither right nor among the top k, and the
 * loss is NaN.
 *
 * @param logits  f32, N x K
 * @param labels  i32, N: in [0, K), or -1: left out
 * @return        TN_ERR_SHAPE, TN_ERR_ARGUMENT, with the row and its label if that is none; TN_ERR_MEMORY. Nothing is counted
 *                then
 */
TN_API TN_CHECKED tn_status tn_eval_add(tn_eval *eval, tn_tensor logits, tn_tensor labels);

/** The class that one row says, as tn_eval_add() counts it. @return -1 if it says none, and of NULL or no classes */
TN_API int tn_eval_answer(const float *numbers, int classes);

/** Of all rows so far. */
typedef struct tn_eval_total {
    int64_t rows;
    int64_t top_1;
    int64_t top_k;
    int64_t unsaid; /**< rows whose numbers are none, see tn_eval_add() */
    /** Mean over the rows of -log softmax(logits)[label], without smoothing or weights, computed and added up in double in
     *  the order of the rows: of the same logits the same bits, whatever the batch. NaN of no rows. */
    double loss;
} tn_eval_total;
/** All zeros of NULL. */
TN_API tn_eval_total tn_eval_sum(const tn_eval *eval);

/** One class by itself. */
typedef struct tn_eval_class {
    int64_t rows;     /**< that have this label */
    int64_t right;    /**< of those, for which the net says this class */
    int64_t said;     /**< rows, of any label, for which the net says this class */
    double recall;    /**< right / rows, which is the class's top-1; NaN of none */
    double precision; /**< right / said; NaN of none */
} tn_eval_class;
/** All zeros outside of [0, K). */
TN_API tn_eval_class tn_eval_class_of(const tn_eval *eval, int label);

/** One number of the confusion matrix. */
typedef struct tn_eval_cell {
    int label;
    int said; /**< what the net says; -1: none */
    int64_t rows;
} tn_eval_cell;

/** The numbers of the confusion matrix that are not 0, sorted by label, then by what was said; they are the eval's, until the
 *  next call with it. @return TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_eval_confusion(tn_eval *eval, const tn_eval_cell **cells,
                                              int64_t *count);

#ifdef __cplusplus
}
#endif
#endif
