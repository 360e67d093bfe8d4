/*
 * A log in memory: where each line is, and its numbers as columns.
 */
#ifndef TN_RUNS_SERIES_H
#define TN_RUNS_SERIES_H

#include "runs/read.h"

/* A line that was read. */
typedef struct tn_line {
    int64_t offset, step;
    size_t bytes; /* without the newline */
    double time;
    const char *kind;
    int64_t place; /* while lines are dropped: where it goes, -1 for one that is */
} tn_line;

/* A column, and the line that each value is of. */
typedef struct tn_values {
    char *kind, *name;
    int64_t *step, *line;
    double *value;
    size_t count, capacity[3];
} tn_values;

/* What somebody may make a reader keep by a log full of ever new names: more columns are not made, and a line of one more
 * kind counts as torn. */
enum { TN_MOST_COLUMNS = 4096, TN_MOST_KINDS = 256, TN_BEFORE_BYTES = 64 };

struct tn_series {
    char *folder;
    int fd;                       /* -1: there is no log yet */
    int64_t offset;               /* of the first byte that is not read */
    bool too_long;                /* that is within a line of more than TN_RUN_LINE_MOST */
    char before[TN_BEFORE_BYTES]; /* what lies right before it: is the file still the same? */
    size_t before_bytes;
    tn_line *line;
    size_t num_lines, line_capacity;
    char **kind; /* each word once, sorted */
    size_t num_kinds, kind_capacity;
    tn_values **column; /* by kind and name */
    size_t num_columns, column_capacity;
    int64_t torn;
    bool resumed; /* a line says so, and nothing was dropped since */
};

/* ---- series_line.c ----------------------------------------------------------------------------- */

/* One line into it; what is none of a log counts as torn. */
tn_status tn_series_take(tn_series *s, const char *text, size_t bytes, int64_t offset);

/* ---- series_column.c --------------------------------------------------------------------------- */

/* Where a column of that name is or would be; true: it is. */
bool tn_series_place(const tn_series *s, const char *kind, const char *name, size_t *place);

/* One value more; of a column that is made if it is not there, unless there are too many. */
tn_status tn_series_add(tn_series *s, const char *kind, const char *name, double value);

/* Drops all lines and values that a later `resume` took back. */
void tn_series_drop(tn_series *s);

/* Lets go of all lines and columns. */
void tn_series_empty(tn_series *s);

#endif
