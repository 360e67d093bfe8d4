/*
 * How far a run is: one line that moves on a terminal, plain lines elsewhere.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds on a clock that only goes forward. */
double seconds(void);

typedef struct progress {
    bool terminal;
    int64_t steps;     /* of the whole run */
    int64_t first;     /* step at which this program began */
    int64_t log_every; /* steps between two plain lines */
    double began;
    /* What the rates count from: the last line shown. */
    double shown, waited;
    int64_t images;
} progress;

/* What is told of a step that was just done. */
typedef struct progress_step {
    int64_t step;  /* steps done in the whole run */
    int64_t epoch; /* from 1 */
    double loss;   /* of this step */
    double top_1;  /* share of this epoch's images so far that were right */
    double rate;
    int64_t images; /* since the program began */
    double waited;  /* seconds for data since the program began */
} progress_step;

void progress_begin(progress *p, int64_t steps, int64_t first, int64_t log_every);
/* Is it time to show this step? To know what to show may make the device wait. */
bool progress_due(const progress *p, int64_t step);
void progress_show(progress *p, const progress_step *now);

/* Time that was no training (validation, saving) must not count in the rates. */
void progress_skip(progress *p, double idle);

/* Clears the moving line, so that another can be printed in its place. */
void progress_clear(const progress *p);

#endif
