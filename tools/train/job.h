/*
 * A session in a run folder: what tenon-train is made of, beside its flags.
 */
#ifndef TRAIN_JOB_H
#define TRAIN_JOB_H

#include <tenon/queue.h>
#include <tenon/run.h>

#include "../common/json_read.h"
#include "../common/workspace.h"
#include "session.h"

typedef struct job {
    session s;
    char folder[RUN_PATH];
    bool resumes;
    char from[RUN_PATH]; /* the folder of the run that goes on, or that is repeated */
    int64_t keep, log_every, save_every, save_steps, lock_fd;
    tn_queue *place; /* in the queue; NULL: it did not wait */
    json_value *was; /* config.json in there */
} job;

/* config.c: what repeats the run, as JSON, for free(); and the recipe and the net of a run that goes on, from its folder. */
char *job_config(const job *j);
void job_read_config(job *j);
void job_take_config(job *j, const char *text); /* what that file holds */

/* waiting.c: until its device is free, before the session is opened; `command` starts this program again. Ends the program if
 * it is told to, or if the run cannot be. */
void job_wait(job *j, const char *workspace, const char *const *command);

/* Opens the run of an open session: its folder, or where it was. Ends the program with a sentence if it cannot. */
void job_open(job *j);

/* Trains to the end, or until it is told to stop; the run is closed then. Returns the exit status. */
int job_train(job *j);

void job_close(job *j);

#endif
