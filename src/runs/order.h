/*
 * An order to a run, as control/ID.json has it:
 *
 *     {"v": 1, "order": "set", "set": {"rate_scale": 0.1}, "at_step": 5200, "by": "anna"}
 *
 * order: set, stop, snapshot, evaluate. set: what tn_run_set has, of set alone. at_step: updates made when it is obeyed, at
 * once without it. by: who asked, in words. A member of another name, or one twice, makes it none.
 */
#ifndef TN_RUNS_ORDER_H
#define TN_RUNS_ORDER_H

#include <tenon/runs.h>

#include "runs/runs.h"

enum {
    TN_RUN_ORDER_MOST_BYTES = 1 << 16,
    TN_RUN_ORDER_FIELDS = 8,
    TN_RUN_ORDER_ID = 64,
    TN_RUN_ORDER_BY = 64
};

typedef enum tn_run_order_kind {
    TN_RUN_ORDER_NONE,
    TN_RUN_ORDER_SET,
    TN_RUN_ORDER_STOP,
    TN_RUN_ORDER_SNAPSHOT,
    TN_RUN_ORDER_EVALUATE
} tn_run_order_kind;

/* Holds no pointer: ranks hand it on. */
typedef struct tn_run_order {
    tn_run_order_kind kind;
    int64_t at_step; /* -1: at once */
    unsigned given;  /* bit i: field i is set */
    double set[TN_RUN_ORDER_FIELDS];
    char id[TN_RUN_ORDER_ID + 1], by[TN_RUN_ORDER_BY + 1];
} tn_run_order;

/* A letter, a digit, - _ . in a row of at most TN_RUN_ORDER_ID that does not begin with a point. */
bool tn_run_order_is_id(const char *id);

/* All but the id. TN_ERR_FORMAT, TN_ERR_ARGUMENT with the sentence that the asker is told. */
tn_status tn_run_order_read(tn_run_order *out, const char *text, size_t size);

/* From a line of the log: the same with its id, and with the step at which it was obeyed. False if it is no such line. */
bool tn_run_order_of_line(tn_run_order *out, const char *line);

/* Its members as the log has them. */
void tn_run_order_tell(tn_json *j, const tn_run_order *order);

/* control/ID.json of that folder, whole or not at all. */
tn_status tn_run_order_put(const char *folder, const tn_run_order *order);

/* recall.c, in rank 0: the next of those that a run which goes on has obeyed at this step before (run->before), of kind
 * TN_RUN_ORDER_NONE if there is none; and the least step of those to come, INT64_MAX. */
void tn_run_recalled(tn_run *run, tn_run_order *out);
int64_t tn_run_recalled_next(const tn_run *run);

/* What holds once it is obeyed. */
void tn_run_order_apply(const tn_run_order *order, tn_run_set *set);

#endif
