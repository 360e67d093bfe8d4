/*
 * The commands of tenon-run: each is a file of this folder and a row of the table in tenon-run.c, called as
 * common/commands.h has it. And what they share.
 */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

#include <tenon/runs.h>

#include "../common/run_json.h"

int run_list(int argc, char **argv);
int run_show(int argc, char **argv);
int run_wait(int argc, char **argv);
int run_compare(int argc, char **argv);
int run_plot(int argc, char **argv);
int run_rm(int argc, char **argv);
int run_set(int argc, char **argv);
int run_stop(int argc, char **argv);
int run_snapshot(int argc, char **argv);
int run_evaluate(int argc, char **argv);
int run_repeat(int argc, char **argv);
int run_requeue(int argc, char **argv);

/* ---- about.c ----------------------------------------------------------------------------------- */

/* The run that a user calls so (common/workspace.h). Ends the program with status 2 if there is none. */
tn_run_info *run_named(const char *workspace, const char *name);

/* All that its log says. Ends the program with status 1 if it cannot be read. */
tn_series *run_log_of(const tn_run_info *r);

/* The value that a line of that kind and step has, NaN if there is none. */
double run_value_at(const tn_series *s, const char *kind, const char *name, int64_t step);

/* ---- events.c: lines of the log that are not just numbers -------------------------------------- */

/* Does a line tell of something that happened to the run? Steps, epochs, digests, checkpoints do not. */
bool run_is_told(const tn_series *s, int64_t index);
/* "rate_scale=0.1 by=anna": its fields but kind, time and step; as run_text(). */
const char *run_event_text(tn_series *s, int64_t index);
/* Of a line of the kind `order`, what was asked for: "rate_scale=0.1", "stop". */
const char *run_order_text(tn_series *s, int64_t index);
/* An object a line, of all of one kind; NULL: of those that tell something. */
void run_json_events(json *j, tn_series *s, const char *kind);

/* Which element of an array a field is, by its name; -1: none. Of a long one (a thousand classes) the first few are shown. */
enum { RUN_SHOWN_ELEMENTS = 8 };
int64_t run_element(const char *name);

/* ---- about.c, for a terminal --------------------------------------------------------------------- */

/* In one of a few static buffers. */
const char *run_text(const char *bytes);                   /* what could move the cursor is \xNN */
const char *run_number(const char *format, double number); /* "-" if it is none */
const char *run_span(double seconds); /* "12 s", "3 min", "2 h 05 min", "4 days" */
const char *
run_state_text(const tn_run_info *r); /* "running", "running on box, last seen 3 min ago" */

#endif
