/*
 * The parts of tenon-build: a model is opened and made ready, saved as an engine, opened as one, and told of.
 */
#ifndef TOOLS_BUILD_H
#define TOOLS_BUILD_H

#include <stdbool.h>
#include <stdio.h>

#include <tenon/tenon.h>

enum { BUILD_PATH = 4096, BUILD_ROWS = 16 };

/* What is asked. */
typedef struct build_question {
    const char *model, *weights, *out, *workspace;
    const char *precision, *without;
    const char *input, *mean, *scale, *fit, *classes;
    const char *rows, *device;
    bool force, trained, describe, json;
} build_question;

/* The engine with so many rows. */
typedef struct build_trial {
    int64_t rows;
    tn_context *context;
    tn_context_memory memory;
    double seconds; /* to make it */
} build_trial;

typedef struct build {
    build_question q;
    char path[BUILD_PATH]; /* of the model's file */
    tn_model *model;       /* as it was opened */
    tn_model *ready;       /* as it is saved */
    bool average;
    tn_engine *engine;
    double open_seconds;
    size_t bytes; /* of its file */
    build_trial trial[BUILD_ROWS];
    int trials;
} build;

/* open.c: the model as it was, and made ready. Ends the program with status 2 if it cannot be one. */
void build_open(build *b, const build_question *q);
void build_close(build *b);

/* save.c: what was done to it becomes "tenon.build", and the file is written; then it is opened, and planned for each number
 * of rows that was asked for. */
void build_save(build *b);
void build_try(build *b);

/* tell.c */
void build_tell(const build *b, FILE *to);
void build_tell_json(const build *b, FILE *to);

#endif
