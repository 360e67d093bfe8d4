/*
 * What a checkpoint of a run is, beside what any checkpoint holds: its name, what its metadata say of the run, and the
 * digests that tell whether it is what it was.
 *
 *     run.position   epoch and batch that come next
 *     run.train      of the epoch so far: images, top-1, top-k, and the loss, a sum whose parts do not overlap
 *     run.window     the same since the last line of the log
 *     run.counting   what the runs are of whose sums the plan still has (tenon.sums): training or nothing; the rows of each,
 *                    and how many they are. A validation begins anew
 *     run.best       value, epoch, step
 *     run.set        what may be set, in the order of tn_run_set
 *     run.said       keep and log_every as the program had said them: one that says another now means it
 *     run.guard      what a guard goes on with: rate, times it went back, updates left out in a row, guilty batches, and of
 *                    each half of the losses that are judged count, sum, sum of squares
 *     run.numbers    for the next line of the log: a line each, value and name
 *     run.kept.NAME  texts of the program's
 */
#ifndef TN_RUNS_CHECKPOINTS_H
#define TN_RUNS_CHECKPOINTS_H

#include "base/digest.h"
#include "runs/runs.h"

typedef struct tn_run_file {
    char name[64];
} tn_run_file;

/* "checkpoints/step-00000200.safetensors" */
tn_run_file tn_run_checkpoint_name(int64_t step);

/* The steps of which there are checkpoints, the newest first. */
typedef struct tn_run_checkpoints {
    int64_t *step;
    size_t count, capacity;
} tn_run_checkpoints;
tn_status tn_run_checkpoints_list(const tn_run_folder *f, tn_run_checkpoints *out);
void tn_run_checkpoints_free(tn_run_checkpoints *list);

tn_status tn_run_file_digest(const tn_run_folder *f, const char *name, tn_digest *out,
                             int64_t *bytes);

#define TN_RUN_BEST_CHECKPOINT "checkpoints/best.safetensors"
/* What a checkpoint is called until the log tells of it. */
#define TN_RUN_NEXT_CHECKPOINT "checkpoints/next.safetensors"

bool tn_run_same_file(const tn_run_folder *f, const char *a, const char *b);

/* That becomes the checkpoint of run->step. */
tn_status tn_run_checkpoint_place(tn_run *run);
/* And what follows: it may be the best, and others are too many. */
void tn_run_checkpoint_placed(tn_run *run);
/* Removes all but the newest few. */
void tn_run_checkpoints_prune(tn_run *run);

/* Metadata of a checkpoint of the run as it is. */
typedef struct tn_run_meta {
    tn_meta *meta;
    int count, own; /* the first `own` are the run's */
} tn_run_meta;
tn_status tn_run_meta_write(const tn_run *run, tn_run_meta *out);
void tn_run_meta_free(tn_run_meta *m);
/* And the run as they say; `path` for errors. */
tn_status tn_run_meta_read(tn_run *run, const tn_checkpoint_info *info, const char *path);

/* A line of the digests of what the plan holds; once a step. */
tn_status tn_run_tell_digest(tn_run *run);

#endif
