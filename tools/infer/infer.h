/*
 * The parts of tenon-infer: an engine and a context of it, pictures by their paths, and what is done with them.
 */
#ifndef TOOLS_INFER_H
#define TOOLS_INFER_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/tenon.h>

#include "../common/json.h"
#include "../train/opening.h"

enum { INFER_CONTEXTS = 64, INFER_PORTS = 64, INFER_PATH = 4096 /* as RUN_PATH */ };

/* What is asked. */
typedef struct infer_question {
    const char *device, *precision, *npy, *evaluate, *parity, *workspace, *profile;
    int64_t rows, threads, contexts, top, runs;
    double bench;
    bool json, force, report, layers;
    opening opening;
} infer_question;

/* Room for all rows of each input and output of a context, and tensors of fewer rows of it. */
typedef struct ports {
    tn_tensor in[INFER_PORTS], out[INFER_PORTS];
    int rows_of_in[INFER_PORTS], rows_of_out[INFER_PORTS]; /* as tn_port.rows */
    int num_in, num_out;
} ports;

typedef struct session {
    infer_question q;
    const char *path; /* of the engine, or of the model that one was made of */
    char file_path[INFER_PATH];
    bool made;        /* of a model, which is no engine itself */
    char *no_picture; /* why it takes none; NULL: it does, or is an engine, which says so itself */
    tn_engine *engine;
    tn_context *context;
    double open_seconds, make_seconds;
    ports ports;
    int64_t classes; /* of the first output, rows x classes; 0: it is no such */
    bool shares;     /* it is probabilities already */
    char **file;
    int64_t files, capacity;
} session;

/* open.c: the engine and a context of q.rows; ends the program with status 2 if it cannot be. */
void infer_open(session *s, const infer_question *q, const char *path);
void infer_close(session *s);
void ports_make(ports *p, const session *s, const tn_context *c);
void ports_free(ports *p);
/* A run of so many rows. */
tn_status ports_run(ports *p, tn_context *c, int64_t rows);
/* A picture becomes row number `row` of the first input. */
tn_status ports_picture(ports *p, const session *s, const char *path, int64_t row);

/* any.c: the engine itself, of an engine, a model or a run; ends the program with status 2 if there is none. */
void infer_find(session *s, const char *given);

/* files.c: the paths that words name. */
void infer_files(session *s, char **word, int count);

/* Each ends the program with status 1 if it fails; false: the answer is no, or a picture could not be read. */
bool infer_name(session *s);
bool infer_stay(session *s); /* of paths that come by stdin, each at once */
void infer_report(session *s);
void infer_bench(session *s);
void infer_profile(session *s);
void infer_evaluate(session *s);
bool infer_parity(session *s);

/* name.c: the likeliest classes of a picture, as text or JSON. x, what is said of it, is used up. */
typedef struct infer_times {
    double picture, run; /* seconds: to read it; to run the net */
} infer_times;
void infer_tell(session *s, json *j, const char *path, float *x, const infer_times *times);
void infer_tell_error(json *j, const char *path,
                      const char *why);     /* of one that cannot be read, in JSON */
void infer_needs_classes(const session *s); /* of pictures: ends the program if it tells of none */

/* A class's name, or "class 12": good until the next. */
const char *infer_class(const session *s, int64_t index);

#endif
