/*
 * Models of a workspace: the best checkpoint of each run, which goes by the run's name, as the tools have it; other checkpoints of
 * a run, NAME.step-00006650; and files of WORKSPACE/models, by their names: flowers.onnx.
 */
#ifndef SERVE_MODELS_H
#define SERVE_MODELS_H

#include "jobs.h"
#include "server.h"

typedef struct model_file {
    char id[RUN_NAME + 1], run[RUN_NAME + 1]; /* run: "" of a file of models/ */
    char path[JAIL_PATH];                     /* its real one */
    long long step;                           /* of a checkpoint that is not the best; -1 */
    int64_t bytes;
    double changed; /* unix seconds */
} model_file;

/* False: the answer says that there is none. */
bool model_find(server *s, const char *id, model_file *m, answer *a);

/* All of them, the newest first, of a run without a best checkpoint its last, of others no other; for free(). NULL: no memory. `others`: files of models/
 * that cannot go by their names. */
model_file *model_list(server *s, size_t *count, size_t *others);

/* "safetensors", "onnx", "engine", "caffe"; NULL: a file of that name is no model. */
const char *model_format(const char *id);

/* Another one when the file is another. */
enum { MODEL_STAMP = 48 };
const char *model_stamp(const model_file *m, char text[MODEL_STAMP]);

/* ---- models_work.c. What is false has made the answer ---- */

/* Pictures to show it: {root, path}, or {dataset}, its part for training or validation; NULL: those of its own run. Below one of the
 * roots. exclude: a list of what is left out of it, or ""; NULL: not wanted. */
typedef enum model_part { MODEL_PICTURES, MODEL_VAL, MODEL_TRAIN } model_part;
bool model_data(server *s, const json_value *data, const model_file *m, model_part want,
                char path[JAIL_PATH], char *exclude, answer *a);
/* Does it lie below one of the roots, links and all? No answer is made. */
bool model_inside(const server *s, const char *path);

/* A job about it, and 202 {id} as the answer; facts and program as job_start() has facts and words, and the model's stamp goes with them. */
enum { MODEL_FACTS = 8 };
bool model_job(server *s, const char *kind, const model_file *m, const char *const *facts,
               const char *const *program, answer *a);
bool model_job_start(server *s, const job *j, const model_file *m, const char *const *facts,
                     const char *const *program, answer *a);

#endif
