/**
 * @file
 * Runs: a training that can be watched, steered, killed and resumed. A run is a folder; all of it is files that other
 * tools read:
 *
 *     lock           empty; held (flock) by the trainer as long as it lives, however it ends: who wants to know whether
 *                    a run is alive tries the lock
 *     config.json    what the program said that the run is, once
 *     state.json     state, step, epoch, last and best numbers; replaced once a second
 *     log.jsonl      what happened, a line an event
 *     events/        the same numbers for TensorBoard
 *     checkpoints/   step-00006650.safetensors, the last few, and best.safetensors
 *     control/       orders to the running trainer
 *     guilty/        batches at which it diverged
 *
 * A program that trains in one:
 *
 *     tn_must(tn_run_open(&run, &(tn_run_opts){.folder = "runs/first", .config = "{\"rate\": 0.01}", .plan = plan,
 *                                              .device = device, .loader = loader, .loss = loss.loss,
 *                                              .top_1 = loss.top_1, .resume = resume}));
 *     tn_run_orders orders = tn_run_current(run);
 *     while (tn_run_epochs(run) < epochs && !orders.stop) {
 *         while (!orders.stop && (status = tn_loader_next(loader, &batch)) == TN_OK) {
 *             tn_must(tn_run_batch(run, &batch));
 *             ... tn_plan_set(), tn_plan_run() ...
 *             rate = tn_rate_at(&schedule, tn_plan_updates(plan)) * orders.set.rate_scale;
 *             tn_must(tn_plan_update(plan, rate));
 *             tn_must(tn_run_step(run, rate, &orders));
 *         }
 *         if (status != TN_END)
 *             tn_must(status);
 *         if (!orders.stop)
 *             tn_must(tn_run_epoch(run, NULL, NULL));
 *     }
 *     tn_must(tn_run_close(run, orders.stop ? TN_RUN_STOPPED : TN_RUN_DONE, NULL));
 *
 * Killed at any moment and opened again with `resume`, it goes on from its newest whole checkpoint and comes to the same
 * numbers, byte for byte, as if nothing had happened: parameters, what the optimizer keeps, and the log. The program
 * has to be the same, and make its plan with the same seed.
 *
 * Of several ranks (tn_device_open()) all call all of this, at the same places; rank 0 writes, and all return the same. To
 * resume, each has to be able to read the folder.
 *
 * What cannot be written while it trains (a full disk) does not end a run: the log keeps its lines until there is room, a
 * save is tried again after the next epoch or step that is to be saved, and state.json and the log say so.
 *
 * Threads: a run is one thread's at a time, that of its plan; tn_run_signal() any thread and any handler may call.
 */
#ifndef TENON_RUN_H
#define TENON_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/checkpoint.h>
#include <tenon/data.h>
#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_run tn_run;

/** What may be set while a run trains: by orders, with what tn_run_opts.set says to begin with. All of it is in each
 *  checkpoint. */
typedef struct tn_run_set {
    double rate_scale; /**< the schedule's rate times this; default 1; TN_ZERO: 0 */
    int64_t epochs;    /**< of the whole run; 0: the program has no such number */
    int64_t patience;  /**< epochs without a better one after which it stops; 0: never */
    int keep;          /**< how many checkpoints stay beside the best; default 3, at least 1 */
    int64_t log_every; /**< updates from one line of the log to the next; default 20 */
    float momentum, decay,
        clip; /**< of the optimizer (tn_optim_settings): the run sets its plan to them; default: as it was
                                      planned; TN_ZERO: 0 */
} tn_run_set;

/** What the program is to obey, from now until the next call says otherwise. */
typedef struct tn_run_orders {
    tn_run_set set; /**< a guard that went back has multiplied rate_scale */
    bool stop;      /**< train no further: the run is saved, close it as TN_RUN_STOPPED */
    bool
        evaluate; /**< validate now, between two updates, and tell tn_run_evaluated(); of a run that goes on, before
                         its first update: it ended while it did */
    bool enough; /**< `patience` epochs went by without a better one: close it as TN_RUN_DONE */
} tn_run_orders;

/** What becomes of a run whose numbers are no good. */
typedef enum tn_on_divergence {
    TN_DIVERGED_STOP, /**< tn_run_step() returns TN_ERR_DIVERGED, and says where it came from */
    TN_DIVERGED_SKIP, /**< that update is left out, as if its batch had never been, and it goes on */
    TN_DIVERGED_BACK  /**< to the newest checkpoint, to go on from there at a lower rate */
} tn_on_divergence;

/**
 * Of a plan with tn_plan_opts.guard a run looks at the loss and the gradients' norm after each update, which waits for the
 * device; the norm is in the log. If one is not finite (in f16, with a loss scale of 1), the first value that is not is
 * found (nonfinite.h), the batch is kept in guilty/ (20 of a run), and a line `diverged` tells of it; then STOP, SKIP or
 * BACK. A loss that is not finite beside gradients that are leaves nothing to SKIP: that is told, and it goes on.
 *
 * `stuck`: a loss that stands still at ln(classes), which a net that tells nothing apart has. So many steps in a row are
 * judged together, none of the first epoch: their mean is within 1 % of ln(classes), and the second half's is not below the
 * first half's by more than its standard error. A loss that falls is not stuck, however slowly. With SKIP it ends too.
 *
 * What it does is part of the run: going back and the lower rate are in the checkpoints, and a resumed run does the same.
 */
typedef struct tn_run_guard {
    tn_on_divergence on;
    double factor; /**< BACK: multiplies the rate each time; in (0, 1], default 0.5 */
    int most; /**< BACK: times in all, default 3; SKIP: updates in a row, default 10; then it stops */
    int64_t stuck; /**< steps; default 0: not judged */
    int classes;   /**< of the loss, for `stuck` */
    bool off;      /**< nobody looks, though the plan has a guard */
} tn_run_guard;

typedef struct tn_run_opts {
    const char *
        folder; /**< made if it is not there. NULL: a run without one: nothing is written, but sums, the best, signals
                             and what ranks agree on are as ever; tn_run_save_as() is what there is of checkpoints */
    /** What repeats the run, a JSON object of the program's own: recipe, net, data with digests, seed. A resumed run must
     *  have the same, but for members called "device" (of the same kind: "cuda" of "cuda:1"), "threads", "log_every",
     *  "keep" and "version", at any depth. Required with a folder. */
    const char *config;
    tn_plan *
        plan; /**< that is trained; required. It, device, loaders and meta are borrowed until the run is closed */
    tn_device *device; /**< that the plan is on; required */
    tn_loader *
        loader; /**< of training, which a resumed run seeks; its bad files are told. NULL: the program has its own
                            data, and begins where tn_run_position() says */
    tn_loader *val_loader; /**< its bad files are told; may be NULL */
    int64_t batches;       /**< of an epoch; default: the loader's */
    int64_t steps; /**< updates of the whole run, to tell how long it will take; 0: not known */
    /** Scalars of the plan, which keeps them (tn_plan_opts.keep): the loss, a mean over the rows with a label, and counts
     *  of rows, tn_loss. The zero handle: none. The run takes their sums (tn_plan_take_sum()), and nobody else should. */
    tn_value loss, top_1, top_k;
    const tn_meta *meta; /**< for each checkpoint, beside the run's own, which begin with "run." */
    int num_meta;
    tn_run_set set;
    tn_run_guard guard;
    int64_t
        save_epochs; /**< epochs from one checkpoint to the next; default 1; TN_ZERO: only the best */
    int64_t save_steps; /**< and one after so many updates; default: none */
    bool no_events;     /**< nothing for TensorBoard */
    bool
        resume; /**< go on with the run that the folder holds; one that died before its first checkpoint begins
                              anew. Without it a folder that holds a run is an error */
    int lock_fd; /**< the open file of the folder's lock, held already: of who started this program; default: none, the lock
                      is taken */
    const char *
        file; /**< without a folder: go on from this checkpoint, which a run has written; NULL: begin */
} tn_run_opts;

/**
 * Makes the run's folder, or resumes the run that it holds: then the plan has the numbers of its newest checkpoint that is
 * whole, and the loader comes to the batch after it.
 *
 * @return  TN_ERR_ARGUMENT if the folder holds a run (without resume), or is locked by a run that is alive, with its
 *          process; if config differs, naming the member and both values; TN_ERR_IO, TN_ERR_FORMAT naming the file: no
 *          checkpoint of several is whole; what tn_checkpoint_load() returns; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_run_open(tn_run **out, const tn_run_opts *opts);

/** What holds now: before the first step, what the run begins or goes on with. All zero of NULL. */
TN_API tn_run_orders tn_run_current(const tn_run *run);

/** Before each run of the plan: the batch that it will be of. Count, epoch and index are looked at; and its arrays, items and
 *  places, if it has such, by a guard in the tn_run_step() that follows, until which they must be there. */
TN_API TN_CHECKED tn_status tn_run_batch(tn_run *run, const tn_batch *batch);

/**
 * After each update: writes what is due, does what was ordered or signalled, and says what the program has to obey.
 *
 * A guard that goes back sets plan, loader and tn_run_position() to an earlier batch.
 *
 * @param rate  that the update was made with, for the log
 * @return      TN_ERR_IO if the save that a stop asked for failed; TN_ERR_DIVERGED, see tn_run_guard; what the plan's calls
 *              return
 */
TN_API TN_CHECKED tn_status tn_run_step(tn_run *run, float rate, tn_run_orders *out);

/** A number for the next line of the log that tells of a step, and for TensorBoard under the same name. Of several before
 *  that line the last stays. @return TN_ERR_ARGUMENT for a name that such a line has, or more than TN_RUN_MAX_NUMBERS */
TN_API TN_CHECKED tn_status tn_run_log(tn_run *run, const char *name, double number);
enum { TN_RUN_MAX_NUMBERS = 32 };

/** Sums over images: of an epoch, a validation. */
typedef struct tn_run_score {
    double loss; /**< of each image; divide by images */
    int64_t images, top_1, top_5;
    const double *per_class; /**< share of each class that was right; NULL: not known */
    int classes;
} tn_run_score;

/** Before each evaluation of the plan that belongs to a validation: the batch that it will be of. */
TN_API TN_CHECKED tn_status tn_run_validate(tn_run *run, const tn_batch *batch);

/** The epoch's training so far, and what was validated since it began; waits for the device. Either may be NULL. */
TN_API TN_CHECKED tn_status tn_run_scores(tn_run *run, tn_run_score *train, tn_run_score *val);

/**
 * An epoch is over: the log, digests, a checkpoint, and a better one if it is the best so far (by top-1 of the validation,
 * by its loss where nothing counts top-1).
 *
 * @param train, val  NULL: what the run itself has counted by tn_run_batch() and tn_run_validate()
 */
TN_API TN_CHECKED tn_status tn_run_epoch(tn_run *run, const tn_run_score *train,
                                         const tn_run_score *val);

/** What an ordered evaluation found; NULL: what tn_run_validate() has counted. */
TN_API TN_CHECKED tn_status tn_run_evaluated(tn_run *run, const tn_run_score *val);

/** A checkpoint of this step, now. @return TN_ERR_IO with the reason if it cannot be written */
TN_API TN_CHECKED tn_status tn_run_save(tn_run *run);

/** A checkpoint of this step in a file of the program's own, whole or not at all, with all that the run needs to go on from it
 *  (tn_run_opts.file); if @p params it can only be used, as tn_checkpoint_save_params() has it. @return TN_ERR_IO with the
 *  reason if it cannot be written */
TN_API TN_CHECKED tn_status tn_run_save_as(tn_run *run, const char *path, bool params);

/**
 * Back to the newest whole checkpoint of a step before @p below, as if the run had been killed and resumed there: plan,
 * loader, sums, what may be set, texts of the program. Later checkpoints are removed, and later lines of the log do not
 * count. A program with data of its own goes on at tn_run_position().
 * @return TN_ERR_IO if there is none, and then nothing has changed; what tn_run_open() returns
 */
TN_API TN_CHECKED tn_status tn_run_back(tn_run *run, int64_t below);

/** A line of the log of a kind of the program's own. @p fields is a JSON object. */
TN_API TN_CHECKED tn_status tn_run_event(tn_run *run, const char *kind, const char *fields);

/** A state of the program's own, by name: it is in each checkpoint from now on, and there again after a resume. NULL:
 *  none. */
TN_API TN_CHECKED tn_status tn_run_keep(tn_run *run, const char *name, const char *text);
/** @return the text, NULL if there is none of that name; until the next tn_run_keep() */
TN_API const char *tn_run_kept(const tn_run *run, const char *name);

/** Epochs done. */
TN_API int64_t tn_run_epochs(const tn_run *run);
/** The batch that comes next: for a program with data of its own, after a resume. */
TN_API void tn_run_position(const tn_run *run, int64_t *epoch, int64_t *index);

/** What cannot be written now, and why: the log, or the last checkpoint that was due. The run goes on, and tries again.
 *  @return NULL if all can; until the next call */
TN_API const char *tn_run_trouble(const tn_run *run);

/** The best epoch so far. */
typedef struct tn_run_best {
    double value;        /**< its top-1 as a share, or its loss */
    int64_t epoch, step; /**< 0: none yet */
} tn_run_best;
TN_API tn_run_best tn_run_best_so_far(const tn_run *run);

/** A signal of the system has come: INT, TERM and USR1 finish the step, save and stop; HUP saves and goes on; others do
 *  nothing. May be called in a handler. That a second one ends the program at once is for the program to see to, by
 *  SIG_DFL. */
TN_API void tn_run_signal(tn_run *run, int signal);

/** How a run ended. */
typedef enum tn_run_end {
    TN_RUN_DONE,    /**< all that it should; what was learned since the last checkpoint is saved */
    TN_RUN_STOPPED, /**< it was told to; saved too. It can be resumed */
    TN_RUN_FAILED /**< it could not go on; not saved, since its numbers may be the reason: tn_run_save() before saves */
} tn_run_end;

/** Ends the run and lets go of its lock; @p run is gone whatever it returns. @param reason  NULL: none; of TN_RUN_FAILED
 *  what tn_error() says. @return TN_ERR_IO if its last save or its last state could not be written */
TN_API TN_CHECKED tn_status tn_run_close(tn_run *run, tn_run_end end, const char *reason);

/** What tn_run_opts.config said when the run in this folder began: for a program that resumes it. Let go of it by
 *  tn_run_text_free(). @return TN_ERR_IO, TN_ERR_FORMAT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_run_config(const char *folder, char **out);
TN_API void tn_run_text_free(char *text); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
