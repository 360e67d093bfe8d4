/*
 * Long work that other tools do: a set is checked, a model measured or exported. A job is a folder WORKSPACE/jobs/NAME, NAME being
 * its kind and a number, which outlives the server:
 *
 *     lock         held by the tool as long as it lives: the open file is handed to it
 *     job.json     kind, of (what it is about), facts, words (of its command line), began
 *     result.json  what the tool says to stdout: its own JSON
 *     output.log   what it says to stderr
 *     pid status   its process; its exit status, where the server was there to hear it
 *
 * and whatever files its words name there. It runs while its lock is held, and is done when its JSON is whole; all else is failed,
 * with the last line that it said, or died.
 * Of each kind the newest JOBS_OF about the same thing, and JOBS_KEPT of all, are kept: what is older, and has ended, goes when another
 * one begins.
 */
#ifndef SERVE_JOBS_H
#define SERVE_JOBS_H

#include "../common/json_read.h"
#include "server.h"

enum {
    JOB_PATH = 4096 + 128,
    JOB_FILE = JOB_PATH + 64,
    JOB_NAME = 64,
    JOB_KIND = 24,
    JOBS_OF = 10,
    JOBS_KEPT = 200
};

typedef struct job {
    char id[JOB_NAME + 1];
    char folder[JOB_PATH];
} job;

/* A folder for one more, whose files words may name; false: the answer says why there is none. Then job_start(), or job_drop(). */
bool job_make(server *s, const char *kind, job *j, answer *a);
/* `facts`: names and texts in turn, which are kept; NULL ends them, and words. False: the answer says what is wrong, and the
 * folder is gone. The end is told by an event "job". */
bool job_start(server *s, const job *j, const char *of, const char *const *facts,
               const char *const *words, answer *a);
void job_drop(const job *j);

/* ---- what became of it ---- */

typedef enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_DIED } job_state;

/* The folder of that name, if it is a job's: job.json is in it. Whatever else lies there is nobody's to remove. */
bool job_find(const server *s, const char *id, job *j);
/* Its state, and if it is not NULL the text of its result, for free(): NULL as long as there is none. */
job_state job_look(const job *j, char **result);
/* What it is about, parsed; NULL: it cannot be read. */
json_value *job_about(const job *j);
/* The members of one, in an object that is open: id, kind, of, facts, state, error, says (the last line of one that runs), began, seconds, bytes, command, and, if it is wanted,
 * result. */
void job_tell(json *to, const job *j, bool result);

/* Calls it for each job of that kind that is about that (NULL: any), the newest first, until it says false; at most 1000. */
typedef bool job_each(void *with, const job *j);
void job_list(const server *s, const char *kind, const char *of, job_each *each, void *with);

/* One that runs is told to end; of one that does not its folder is removed. */
bool job_end(const job *j);

/* ---- what jobs.c and jobs_look.c share ---- */

enum { JOBS_LISTED = 1000 };
const char *job_file(const job *j, const char *name, char path[JOB_FILE]);
bool job_folder(const server *s, const char *id, char path[JOB_PATH]); /* "": that of all */
bool job_is_alive(const job *j);
int jobs_alive(const server *s);
size_t job_numbers(const server *s, const char *kind,
                   long number[JOBS_LISTED]); /* the newest first */
bool job_number(const job *j, const char *name, long *number);
double job_now(void);

#endif
