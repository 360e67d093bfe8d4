/*
 * Where two runs begin to differ. What they computed is compared: lines of steps, epochs, evaluations, digests, orders that
 * set something and what the program itself told, but for how fast it was, when and by whom. What one machine or one start
 * has and another has not (start, resume, end, checkpoint, warn, bad_file, orders to save or stop) does not count, nor a digest
 * or an evaluation that only one run made.
 */
#ifndef TOOLS_COMPARE_H
#define TOOLS_COMPARE_H

#include <tenon/checkpoint.h>
#include <tenon/runs.h>

/* The first thing in which they differ, or where one of them ends. */
typedef struct run_difference {
    bool found;
    int64_t step;
    char kind[64];
    char field[256];    /* "": only one of them has such a line */
    char value[2][128]; /* of a and b; without a field "yes" and "no" */
} run_difference;

typedef struct run_comparison {
    run_difference first;
    int64_t same_to;                     /* the last step of which all was the same; -1: none */
    int64_t last[2];                     /* steps of the last line of each */
    int64_t digest_same, digest_differs; /* steps; -1: none */
    bool params, optim;                  /* which digests differ there */
    /* The first checkpoints of one step that differ; NULL: there are none of one step, or they do not. */
    tn_checkpoint_differences *tensors;
    int64_t tensors_step, checkpoints; /* of the step; how many were compared */
} run_comparison;

/* compare_log.c. Both end the program with status 1 if a log or a checkpoint cannot be read. */
void compare_logs(run_comparison *c, tn_series *a, tn_series *b);
/* compare_checkpoints.c */
void compare_checkpoints(run_comparison *c, const char *a, const char *b);

#endif
