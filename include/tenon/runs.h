/**
 * @file
 * Reading run folders (what is in one: docs/runs.md; writing them: run.h): which there are and whether they live, what their
 * logs say, as columns and as events. Nothing of a folder is changed, and no device is opened.
 *
 *     tn_runs_list(&runs, "runs");
 *     for (int64_t i = 0; i < tn_runs_count(runs); i++) {
 *         const tn_run_info *r = tn_runs_at(runs, i);
 *         printf("%s %s, step %lld\n", r->name, tn_runs_state_name(r->state), (long long)r->step);
 *     }
 *     tn_runs_close(runs);
 *
 *     tn_run_series(&series, "runs/alexnet-3");
 *     if (tn_series_find(series, "epoch", "val.loss", &loss)) ...       loss.step[i], loss.value[i]
 *     tn_series_update(series, &more);                                  later: only what was written since is read
 *
 * A run is alive if somebody holds the lock of its folder: that is looked at, never stored. What a folder holds comes
 * from outside: whatever bytes there are, a function gives an error that names the file, or what could be read.
 *
 * Threads: each object is one thread's at a time; different ones know nothing of each other.
 */
#ifndef TENON_RUNS_H
#define TENON_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a file of JSON says ------------------------------------------------------------------ */

typedef enum tn_field_kind {
    TN_FIELD_NULL,
    TN_FIELD_BOOL,
    TN_FIELD_NUMBER,
    TN_FIELD_TEXT
} tn_field_kind;

/** One value; those inside of objects and arrays have the names on the way to them: "val.top1", "files.0". */
typedef struct tn_field {
    const char *name;
    tn_field_kind kind;
    const char *
        text; /**< as it would be printed: of a number the shortest that is read as the same, "true", "null" */
    double number; /**< NaN unless it is one; of true and false 1 and 0 */
} tn_field;

/** All values of one object, in the order of the file. */
typedef struct tn_fields tn_fields;
TN_API int64_t tn_fields_count(const tn_fields *fields);
TN_API const tn_field *tn_fields_at(const tn_fields *fields,
                                    int64_t index); /* NULL past the last */
/** By its name; the first of that name. @return NULL if there is none */
TN_API const tn_field *tn_fields_find(const tn_fields *fields, const char *name);
/** The text of one. @return NULL if there is none, or if it is null */
TN_API const char *tn_fields_text(const tn_fields *fields, const char *name);
/** The number of one. @return NaN if there is none, or if it is no number */
TN_API double tn_fields_number(const tn_fields *fields, const char *name);
TN_API void tn_fields_close(tn_fields *fields); /* NULL is fine */

/* ---- one run, and all of a folder -------------------------------------------------------------- */

/** The first four want the lock held, the next three are final; no file ever says the last. */
typedef enum tn_runs_state {
    TN_RUN_IS_QUEUED,
    TN_RUN_IS_STARTING,
    TN_RUN_IS_RUNNING,
    TN_RUN_IS_STOPPING,
    TN_RUN_IS_DONE,
    TN_RUN_IS_STOPPED,
    TN_RUN_IS_FAILED,
    TN_RUN_IS_DIED /**< the folder says one of the first four, and nobody holds the lock */
} tn_runs_state;

/** "queued", "starting", ..., "died"; never NULL. */
TN_API const char *tn_runs_state_name(tn_runs_state state);

/** What is known of a run now. Whatever the folder does not say is NULL, -1 or NaN. */
typedef struct tn_run_info {
    const char *folder; /**< as it was told, or found */
    const char *name;   /**< the last part of it */
    tn_runs_state state;
    bool alive; /**< somebody holds the lock */
    bool
        elsewhere; /**< it says to run on `host`, and only that machine can tell: the lock is on a network's file system */
    const char *reason, *host, *device;
    int64_t pid;
    int64_t step, steps, epoch,
        epochs; /**< done, and of how many; step: what state and log agree on or the later */
    double eta, updated; /**< seconds left; unix seconds at which it last said something */
    const char *
        checkpoint; /**< the one to go on from, "checkpoints/step-00006650.safetensors" in the folder */
    int64_t checkpoint_step; /**< -1 if there is none */
    const char *
        problem; /**< what of it cannot be read, and why; state and numbers are then what the log and the lock say */
    const tn_fields *all; /**< all that state.json says */
} tn_run_info;

/**
 * One run. A folder is one if it has a file `lock`, and a state.json or config.json.
 * @return TN_ERR_IO if there is no such folder or it may not be read; TN_ERR_FORMAT if it is no run; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_run_read(tn_run_info **out, const char *folder);
TN_API void tn_run_info_close(tn_run_info *info); /* NULL is fine */

/**
 * The runs right in a folder, by name; a workspace, or anything else with a folder `runs`, gives those in there. Links are not followed, and what is no
 * run is passed over. A run that cannot be read is listed, with its problem.
 * @return TN_ERR_IO, TN_ERR_MEMORY
 */
typedef struct tn_runs tn_runs;
TN_API TN_CHECKED tn_status tn_runs_list(tn_runs **out, const char *folder);
TN_API int64_t tn_runs_count(const tn_runs *runs);
TN_API const tn_run_info *tn_runs_at(const tn_runs *runs, int64_t index); /* NULL past the last */
TN_API void tn_runs_close(tn_runs *runs);                                 /* NULL is fine */

/** What repeats the run: all of config.json. @return TN_ERR_IO, TN_ERR_FORMAT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_run_config_fields(tn_fields **out, const char *folder);

/* ---- its log ----------------------------------------------------------------------------------- */

/**
 * What log.jsonl says, without the lines that a later resume took back, those that are torn, and a last one that is not
 * ended yet. A log that is not there yet is one without lines.
 * @return TN_ERR_IO, TN_ERR_MEMORY
 */
typedef struct tn_series tn_series;
TN_API TN_CHECKED tn_status tn_run_series(tn_series **out, const char *folder);
/** Reads what was written since; `changed`, if not NULL, says whether that was anything. Columns that were given before are
 *  no longer good. A log that is another file by now is read from its begin. After an error the series is empty, and the
 *  next call reads all of it. @return TN_ERR_IO, TN_ERR_FORMAT if the log is no regular file, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_series_update(tn_series *series, bool *changed);
TN_API void tn_series_close(tn_series *series); /* NULL is fine */

/** The numbers of one name in the lines of one kind, "loss" of "step", "val.top1" of "epoch", without those in arrays. A null
 *  behind a number is NaN. Of a log with more than 4,096 names the rest is in its events only. */
typedef struct tn_column {
    const char *kind, *name;
    int64_t count;
    const int64_t *step;
    const double *value;
} tn_column;

/** By kind and name. @return number of columns; false past the last, or where there is none */
TN_API int64_t tn_series_num_columns(const tn_series *series);
TN_API bool tn_series_column(const tn_series *series, int64_t index, tn_column *out);
TN_API bool tn_series_find(const tn_series *series, const char *kind, const char *name,
                           tn_column *out);

/** A line of the log. `kind` lives as long as the series. */
typedef struct tn_event {
    const char *kind;
    int64_t step;
    double time; /**< unix seconds; NaN if it does not say */
} tn_event;

TN_API int64_t tn_series_num_events(const tn_series *series);
TN_API bool tn_series_event(const tn_series *series, int64_t index, tn_event *out);
/** All fields of that line, read from the file again; for tn_fields_close(). @return TN_ERR_ARGUMENT past the last; TN_ERR_IO if the file is
 *  another by now; TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_series_fields(tn_series *series, int64_t index, tn_fields **out);

/** Lines that could not be read. */
TN_API int64_t tn_series_torn(const tn_series *series);

/* ---- asking: the only calls here that write to a folder ------------------------------------------ */

/** What came of an order. */
typedef struct tn_run_answer {
    char id[65];  /**< under which the log tells of it */
    bool applied; /**< obeyed; false: refused, `why` says the reason, or it waits */
    bool
        waits; /**< for the step that it names, or for a run in a queue to begin: it stays in control/ID.json */
    int64_t step;  /**< updates made when it was answered */
    char why[512]; /**< "" unless it was refused */
} tn_run_answer;

/**
 * An order to a run that is alive, and its answer. An order is a JSON object (docs/runs.md):
 *
 *     {"order": "set", "set": {"rate_scale": 0.1, "momentum": 0.5}, "at_step": 5200, "by": "anna"}
 *     {"order": "stop"}      also "snapshot", "evaluate"
 *
 * set may name rate_scale, momentum, decay, clip, epochs, patience, keep and log_every. The run obeys between two updates, at
 * once or when at_step are made, and writes the order down: whoever resumes or repeats the run has it again.
 *
 * @param seconds  how long to wait for the answer, at least until it is seen that the run is alive
 * @return  TN_OK if it was answered, or waits; TN_ERR_ARGUMENT if it is no order, or the run is not alive, and nothing was
 *          written, or if the run ended before it answered; TN_END if there was no answer in time, and then the order is
 *          taken back and never obeyed; TN_ERR_IO, TN_ERR_FORMAT, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_run_ask(const char *folder, const char *order, double seconds,
                                       tn_run_answer *out);

/**
 * All orders that the run in @p from obeyed, as its log tells, for one that is to repeat it: they are put into the folder @p to,
 * where no run has begun yet, each with the step at which it was obeyed. Not those to stop.
 * @return  TN_ERR_IO, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_run_repeat_orders(const char *from, const char *to);

#ifdef __cplusplus
}
#endif
#endif
