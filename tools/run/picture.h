/*
 * The curves of runs as one picture: a chart for each number, all runs in each of them.
 */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <tenon/runs.h>

#include "chart.h"

enum { PICTURE_CHARTS = 12, PICTURE_NAME = 64 };

/* One run of the picture; borrowed. */
typedef struct plotted {
    const tn_run_info *info;
    tn_series *series;
} plotted;

typedef struct picture {
    const plotted *run;
    int num_runs;
    char number[PICTURE_CHARTS]
               [PICTURE_NAME]; /* "loss": that of steps and, dashed, of validations */
    int num_numbers;
    double smooth;   /* weight of what came before; 0: not; below 0: by how many points there are */
    bool log;        /* but for shares */
    double from, to; /* steps; from its first, to its last if they are below 0 */
    bool bare;       /* without the runs' names */
    double width;    /* pixels */
} picture;

/* The names that the picture is of: those of a list with commas, or what the runs have of loss, top1, rate and the rest.
 * Ends the program with status 2 if one is in no run. */
void picture_choose(picture *p, const char *list);
/* The same of what there is; false: nothing. */
bool picture_find(picture *p);
void picture_write(const picture *p, FILE *to);

#endif
