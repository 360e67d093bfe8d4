/*
 * Reading run folders. Files are opened below the folder's own descriptor, without following links, and never as what could
 * make a reader wait; whatever is in them is checked before it is used.
 */
#ifndef TN_RUNS_READ_H
#define TN_RUNS_READ_H

#include <cjson/cJSON.h>

#include <tenon/runs.h>

#include "base/base.h"

enum {
    TN_RUN_STATE_MOST = 1 << 20,  /* bytes of state.json */
    TN_RUN_CONFIG_MOST = 1 << 26, /* of config.json, which holds the text of a net */
    TN_RUN_LINE_MOST = 1 << 22    /* of a line of the log */
};

/* ---- read_json.c ------------------------------------------------------------------------------- */

/* The object that these bytes are, with nothing but blanks behind it; NULL: they are none. For cJSON_Delete(). */
cJSON *tn_json_object(const char *text, size_t size);

/* The fields of an object; TN_ERR_FORMAT says `what`. */
tn_status tn_fields_of(tn_fields **out, const cJSON *object, const char *what);

/* A whole number that a double holds exactly, not below 0; -1: it is none. */
int64_t tn_json_whole(const cJSON *item);

/* ---- read_file.c ------------------------------------------------------------------------------- */

/* The folder; its descriptor is the caller's. `at` is an open folder or AT_FDCWD, `path` what errors call it. */
tn_status tn_runs_open_folder(int *out, int at, const char *name, const char *path);

/* A file in it, for reading. TN_END: there is none. */
tn_status tn_runs_open_file(int *out, int folder, const char *path, const char *name);

/* All of a file, up to `most` bytes, with a 0 behind them; for tn_free(). TN_END: there is none. */
tn_status tn_runs_read_whole(char **out, size_t *size, int folder, const char *path,
                             const char *name, size_t most);

/* `bytes` from `offset` on; fewer are there: *got says how many. */
tn_status tn_runs_read_part(int fd, void *to, size_t bytes, int64_t offset, size_t *got,
                            const char *path);

/* ---- read_tail.c ------------------------------------------------------------------------------- */

/* What the end of a log says. */
typedef struct tn_log_tail {
    int64_t step;   /* of the last line; -1: there is none */
    double time;    /* of it; NaN */
    tn_fields *end; /* that line, if it is of the kind `end` */
} tn_log_tail;

/* TN_OK with an empty one if there is no log, or nothing in the last TN_RUN_LINE_MOST bytes that is a line. */
tn_status tn_log_tail_read(tn_log_tail *out, int folder, const char *path);

/* ---- read_state.c ------------------------------------------------------------------------------ */

/* The folder `name` in `at`, which errors and the info call `path`. */
tn_status tn_run_read_at(tn_run_info **out, int at, const char *name, const char *path);

#endif
