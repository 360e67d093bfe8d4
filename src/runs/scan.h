/*
 * What the log of a run has told, for who goes on with it.
 */
#ifndef TN_RUNS_SCAN_H
#define TN_RUNS_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

typedef enum tn_run_told_kind {
    TN_TOLD_CHECKPOINT, /* text: the file's digest */
    TN_TOLD_BAD,        /* text: the path, as in the line */
    TN_TOLD_ORDER,      /* text: the line; of orders that were obeyed */
    TN_TOLD_EVALUATED   /* text: "" */
} tn_run_told_kind;

typedef struct tn_run_told {
    tn_run_told_kind kind;
    int64_t step;
    char *text;
} tn_run_told;

typedef struct tn_run_scan {
    tn_run_told *told; /* in the order of the log */
    size_t count, capacity;
    int64_t whole; /* bytes up to the end of its last whole line */
    bool any;      /* there is a line */
} tn_run_scan;

/* Lines that are no JSON objects are passed over; no log is an empty one. */
tn_status tn_run_scan_log(tn_run_scan *s, const char *path);
void tn_run_scan_free(tn_run_scan *s);

/* The last of a kind, of this step or (below 0) of any, with this text or (NULL) with any; NULL: there is none. */
const tn_run_told *tn_run_scan_last(const tn_run_scan *s, tn_run_told_kind kind, int64_t step,
                                    const char *text);

#endif
