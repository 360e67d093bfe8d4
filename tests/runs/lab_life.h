/*
 * Lives of a run: each is a process of its own, the test program again, that trains in a folder until it is done, stopped
 * or killed; and what two runs have to have the same in the end.
 */
#ifndef TN_LAB_LIFE_H
#define TN_LAB_LIFE_H

#include "lab_run.h"

typedef enum lab_end {
    LAB_DONE,           /* it trained to the last step */
    LAB_KILL,           /* killed (-9) once it has made a step */
    LAB_TERM,           /* told to stop there */
    LAB_KILL_EVALUATING /* killed in the evaluation that is ordered before */
} lab_end;

/* A test program of lives begins its main with it: it does not return in a process that is such a life (PROGRAM life
 * FOLDER KIND UNTIL END), or compares two (PROGRAM same FOLDER OTHER whole|stopped). */
void lab_life_main(int argc, char **argv, const lab_run_kind *kinds);

/* One life of the run in `folder`, of kind number `kind`, until step `until`. */
void lab_life(const char *folder, int kind, int64_t until, lab_end end);
/* The same, left alone: its process. */
int lab_life_begin(const char *folder, int kind, int64_t until);

/* Two runs are the same: every line of the log that counts, but for times, and each checkpoint that is there, byte for
 * byte. Where one was stopped it has saved more often: then its lines of steps and epochs, and the last checkpoint. */
void lab_same_runs(const char *why, const char *folder, const char *other, bool stopped);

#endif
