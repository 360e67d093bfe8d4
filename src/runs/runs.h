/*
 * The trainer's side of a run's folder. See <tenon/run.h> for what the folder holds.
 *
 *     run.c      opening, closing, signals           folder.c   the folder, its lock, config.json
 *     step.c     batches, steps, epochs              config.c   what a resumed run must have the same
 *     score.c    sums of losses and counts           append.c   files that grow, whole lines only
 *     events.c   the lines, one function a kind      state.c    state.json
 *     said.c     what the program adds               save.c     checkpoints
 *     ranks.c    what all ranks do alike             meta.c     what these say of the run
 *     control.c  orders                              digest.c   digests of the plan
 *     resume.c   a run goes on                       scan.c     what its log has told
 *     board.c    numbers for TensorBoard             tfevents.c its files
 *     order.c    what an order is                    recall.c   orders that are to be obeyed again
 *     queue.c    waiting for a device                turn.c     whose turn it is
 *     ticket.c   what is waited for                  slots.c    what there is
 *     guard.c    numbers that are no good            stuck.c    a loss that does not move
 *     guilty.c   the batch of such                   seen.c     the batches of a step
 */
#ifndef TN_RUNS_H
#define TN_RUNS_H

#include <stdatomic.h>
#include <time.h>

#include <tenon/nonfinite.h>
#include <tenon/run.h>

#include "runs/append.h"
#include "runs/json.h"
#include "runs/scan.h"
#include "runs/tally.h"
#include "runs/tfevents.h"

enum { TN_RUN_VERSION = 1 /* of all files of a run */ };

/* ---- the folder: also of a run that waits in a queue, which has no plan yet ------------------- */

typedef struct tn_run_folder {
    char *path;
    int dir;  /* open */
    int lock; /* held; -1 in ranks other than the first */
} tn_run_folder;

/* Makes the folder and its parts, and takes its lock, or that of an open file that holds it already (above 0). */
tn_status tn_run_folder_open(tn_run_folder *f, const char *path, int lock_fd);
/* To read it only: nothing is made or locked. */
tn_status tn_run_folder_look(tn_run_folder *f, const char *path);
void tn_run_folder_close(tn_run_folder *f);

/* What there is of a run: config.json, a log or a checkpoint; NULL: nothing. */
const char *tn_run_folder_holds(const tn_run_folder *f);

/* "PATH/name", for tn_free(). */
char *tn_run_path(const tn_run_folder *f, const char *name);

/* ---- states ----------------------------------------------------------------------------------- */

typedef struct tn_run_status {
    const char *state;  /* queued, starting, running, stopping, done, stopped, failed */
    const char *reason; /* NULL: none */
    const char *device;
    int64_t step, epoch, steps; /* steps: 0: not known */
    double eta;                 /* seconds; below 0: not known */
    bool has_last, has_top_1;
    float loss, rate;
    double top_1;
    tn_run_best best;
    const char *trouble; /* what cannot be written; NULL: all can */
} tn_run_status;

/* Replaces state.json; flushed to the disk if it is a state that stays. */
tn_status tn_run_state_write(const tn_run_folder *f, const tn_run_status *s, bool flush);

/* ---- the run ---------------------------------------------------------------------------------- */

typedef enum tn_run_counting { TN_COUNT_NOTHING, TN_COUNT_TRAIN, TN_COUNT_VAL } tn_run_counting;

/* A number of tn_run_log(), for the next line. */
typedef struct tn_run_number {
    char name[64];
    double value;
} tn_run_number;

/* A text of tn_run_keep(). */
typedef struct tn_run_text {
    char *name, *text;
} tn_run_text;

/* What is known of control/ without reading it. */
typedef struct tn_run_watch {
    struct timespec changed; /* the folder's time when it was last seen to be another */
    double until;            /* it may change again without another time */
    bool young;              /* it is to be read at the next step, whatever its time */
    int64_t due;             /* the least at_step of the orders that wait there */
    bool blind;              /* it is not looked at any more, which the log says */
} tn_run_watch;

/* Losses that are judged together: see stuck.c. */
typedef struct tn_run_half {
    int64_t count;
    double sum, squares;
} tn_run_half;
typedef struct tn_run_stuck {
    tn_run_half half[2];
} tn_run_stuck;

/* What a guard goes on with. */
typedef struct tn_run_guarding {
    double rate; /* what going back has made of the user's */
    int backs, skips,
        guilty; /* times that it went back; updates left out in a row; batches that were such */
    tn_run_stuck stuck;
} tn_run_guarding;

/* A batch of the step at hand, without its arrays. */
typedef struct tn_run_seen {
    tn_batch batch;
    int64_t *room, rows; /* for its items and places */
} tn_run_seen;

/* What was found in a batch before the last of its step. */
typedef struct tn_run_early {
    size_t batch; /* from 1; 0: nothing was */
    float loss;
    tn_nonfinite from;
} tn_run_early;

struct tn_run {
    tn_run_opts opts;
    char *own_folder; /* opts.folder */
    tn_run_folder folder;
    tn_append log;
    tn_json line; /* of the log, that is being written */
    tn_events events;
    bool writes; /* rank 0 */
    bool resumed;
    atomic_int stop_asked, save_asked; /* by a handler, or another thread */
    tn_run_watch watch;

    tn_run_orders now; /* what the program obeys */
    int64_t step;      /* updates made */
    int64_t epoch, index,
        batches; /* the batch that comes next, and how many an epoch has; 0: not known */

    /* Sums: of the epoch's training, of what came since the last line, of a validation. */
    tn_run_counting counting;
    int64_t rows, runs; /* of each of the runs that are in no sum yet; and how many these are */
    tn_tally train, window, val;
    tn_batch batch; /* of the last run */
    tn_run_seen *seen;
    size_t num_seen, num_rooms, rooms; /* of this step; that were ever; room for so many */
    tn_run_early early;
    tn_run_guarding guard;
    tn_run_best best;
    tn_run_number number[TN_RUN_MAX_NUMBERS];
    int num_numbers;
    tn_run_text *kept;
    size_t num_kept, kept_capacity;

    /* Of a run that goes on: files that were told to be bad before, and orders that were obeyed at later steps, by lines
     * of the log that do not count any more; these are to be obeyed again, at their steps. */
    tn_run_told *before;
    size_t num_before, before_capacity;

    const char *state;
    int64_t first_step, digested; /* where this process began; of which step a digest was told */
    char *trouble;                /* why the last save failed; NULL: it did not */
    bool unsaved;                 /* something has happened since the last checkpoint */
    bool save_failed;             /* to be tried again */
    float last_loss, last_rate;
    double last_top_1;
    bool has_last;
    /* Clocks: of all, of state.json, of the last line. */
    double began, told, lined, waited;
    int64_t images, epoch_images;
    double epoch_began;
    int64_t num_bad, num_val_bad; /* told of */
};

/* control.c: may there be orders that are due? Once a step, in rank 0; a microsecond where there are none. */
bool tn_run_ordered(tn_run *run);
/* Then, in all ranks: each is obeyed and answered by a line of the log. */
tn_status tn_run_control(tn_run *run, bool *stop, bool *save);
/* Of a run that waits in a queue: was it ordered to stop? Then the order is gone. */
bool tn_run_stop_ordered(const tn_run_folder *f);
/* The plan's optimizer is as these say; TN_ERR_ARGUMENT if it cannot be. */
tn_status tn_run_settle(tn_run *run, const tn_run_set *set);
/* recall.c: of a run that goes on, in rank 0: an order that was taken and not answered is one again. */
void tn_run_recall(const tn_run *run, const tn_run_scan *log);
/* An evaluation that was ordered at this step, the last that is saved, and that the log tells no result of: the run ended
 * meanwhile. */
bool tn_run_owes_evaluation(const tn_run_scan *log, int64_t step);

/* events.c: a line of that kind with its time and step; what follows goes to run->line, and tn_run_line_end() writes
 * it. Of other ranks nothing. */
tn_json *tn_run_line_begin(tn_run *run, const char *kind);
void tn_run_line_end(tn_run *run);
/* The same for one that must be on the disk. */
tn_status tn_run_line_must(tn_run *run);
void tn_run_tell_start(tn_run *run);
void tn_run_tell_step(tn_run *run, float rate);
void tn_run_tell_epoch(tn_run *run, const tn_run_score *train, const tn_run_score *val,
                       bool is_best);
void tn_run_tell_evaluated(tn_run *run, const tn_run_score *val);
void tn_run_tell_bad(tn_run *run);
void tn_run_tell_end(tn_run *run, const char *reason);
void tn_run_add_seconds(tn_json *j, double seconds);
void tn_run_warn(tn_run *run, const char *code, const char *text);

/* board.c: the same numbers for TensorBoard. */
tn_status tn_run_board_open(tn_run *run);
void tn_run_board_step(tn_run *run, double images_s, double wait);
void tn_run_board_val(tn_run *run, const tn_run_score *val);

/* score.c: what the plan has summed up since, to where it belongs. */
tn_status tn_run_take(tn_run *run);
/* That belongs to nothing. */
tn_status tn_run_drop(tn_run *run);
tn_run_score tn_run_score_of(const tn_tally *t);

/* state.json as things are; at most once a second unless `now`. */
void tn_run_tell_state(tn_run *run, bool now);
/* The same, and what came of it. */
tn_status tn_run_state_of(tn_run *run, const char *reason, bool flush);

/* save.c: a checkpoint of this step. One that fails is put off and TN_OK, unless it must be. */
tn_status tn_run_checkpoint(tn_run *run, bool must);

/* config.c: config.json, written once; and what differs from it in a program that resumes: TN_ERR_ARGUMENT. */
tn_status tn_run_config_write(const tn_run *run);
tn_status tn_run_config_check(const tn_run_folder *f, const char *config);

/* resume.c: the plan, the loader and the run as the newest whole checkpoint has them. */
tn_status tn_run_resume(tn_run *run);
/* The plan, and the run, as a file has them. */
tn_status tn_run_load(tn_run *run, const char *path);

/* ranks.c: what rank 0 found, in all of them. */
tn_status tn_run_agree(tn_run *run, tn_status status);
/* Bytes of rank 0, in all. */
tn_status tn_run_share(tn_run *run, void *data, size_t bytes);
/* Has one of them been asked to? And what rank 0 says of orders. */
tn_status tn_run_any(tn_run *run, bool *stop, bool *save, bool *ordered);

#endif
