/*
 * The parts of tenon-build: a model is opened and made ready, saved as an engine, opened as one, and told of.
 */
#ifndef TOOLS_BUILD_H
#define TOOLS_BUILD_H

#include <stdbool.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../common/parity.h"

enum { BUILD_PATH = 4096, BUILD_ROWS = 16, BUILD_NOT_PASSED = 3 /* exit status */ };

/* What is asked. */
typedef struct build_question {
    const char *model, *weights, *out, *workspace;
    const char *precision, *weights_in, *without;
    const char *input, *mean, *scale, *fit, *classes;
    const char *calibrate, *check, *leave, *parity;
    const char *rows, *device;
    double max_drop;
    bool force, trained, describe, json, all_int8, tune;
} build_question;

/* The engine with so many rows; what is asked, and what became of it. */
typedef struct build_trial {
    int64_t rows;
    tn_context *context;
    tn_context_memory memory;
    double seconds; /* to make it */
    double
        tuned[2]; /* of a run, by rules and by the kernels that were found; 0: nothing was tried */
} build_trial;

typedef struct build {
    build_question q;
    char path[BUILD_PATH]; /* of the model's file */
    tn_model *model;       /* as it was opened */
    tn_model *ready;       /* as it is saved */
    bool average;
    tn_gate gate;  /* of no rows: accuracy was not measured */
    parity parity; /* of no pictures: likewise */
    tn_engine *engine;
    double open_seconds;
    size_t bytes; /* of its file */
    build_trial trial[BUILD_ROWS];
    int trials;
} build;

/* open.c: the model as it was, and made ready. Ends the program with status 2 if it cannot be one. */
void build_open(build *b, const build_question *q);
void build_close(build *b);

/* check.c: it computes in what numbers it shall, and pictures judge what that costs: if it is too much the program ends with status
 * BUILD_NOT_PASSED. */
void build_number(build *b);
void build_tell_gate(const tn_gate *g, FILE *to);

/* tune.c: the fastest kernels for each number of rows. */
void build_tune(build *b);

/* save.c: what was done to it becomes "tenon.build", and the file is written; then it is opened, and planned for each number
 * of rows that was asked for. */
void build_save(build *b);
void build_try(build *b);

/* compare.c: with --parity the engine is held against the model; one of f32 that is off is taken away again, status BUILD_NOT_PASSED. */
void build_compare(build *b);

/* tell.c */
void build_tell(const build *b, FILE *to);
void build_tell_json(const build *b, FILE *to);
void build_tell_refused(const build *b, FILE *to); /* JSON, of one that did not pass */

#endif
