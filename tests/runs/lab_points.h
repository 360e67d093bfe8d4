/*
 * A run of the small net of run/lab_guarded.h on batches of a loader, one of whose items may be bad.
 */
#ifndef TN_LAB_POINTS_H
#define TN_LAB_POINTS_H

#include "run/lab_guarded.h"

enum { POINTS_ITEMS = 32, POINTS_BATCHES = POINTS_ITEMS / GUARDED_ROWS };

typedef struct lab_points {
    lab_guarded net;
    tn_loader *loader;
    tn_run *run;
    tn_run_orders orders;
    int accumulate; /* 0: 1 */
    int64_t bad;    /* this item's row has a NaN; POINTS_ITEMS: every row has; -1: none */
} lab_points;

tn_plan_opts lab_points_plan(bool guard);
void lab_points_loader(lab_points *l);

/* Plan, loader and run; what these need is added to opts. */
tn_status lab_points_begin(lab_points *l, const lab_kind *kind, const char *folder,
                           tn_run_opts opts);
void lab_points_end(lab_points *l, tn_run_end how);

/* Until so many epochs are done, or so many updates are made. */
tn_status lab_points_train(lab_points *l, int64_t epochs, int64_t updates);

/* All parameters, in room for GUARDED_MOST. */
void lab_points_params(const lab_points *l, float *to);

void lab_assert_has(const char *text, const char *part);

#endif
