/*
 * The parts of tenon-eval: a model is opened beside a set, measured on it, and told of as text, JSON and a picture.
 */
#ifndef TOOLS_EVAL_H
#define TOOLS_EVAL_H

#include <tenon/tenon.h>

#include "../common/json.h"
#include "../train/opening.h"

enum { EVAL_PATH = 4096 /* as SETS_PATH */ };

/* What is asked. */
typedef struct question {
    const char *model, *data, *exclude, *workspace;
    const char *device, *precision;
    int64_t batch, threads, resize; /* resize 0: as the model has it */
    bool ten_crop, known, trained, quiet;
    opening opening;
} question;

/* A picture that cannot be read. */
typedef struct broken {
    char *file, *reason;
} broken;

/* What the model says of a picture. */
typedef struct judged {
    int64_t item;
    int label, said;     /* said -1: no answer */
    double share, right; /* the probability of what it says, and of what it is */
} judged;

typedef struct evaluation {
    question q;
    char path[EVAL_PATH]; /* of the model's file */
    char data[EVAL_PATH]; /* of the set: the val of one that is shared out */
    tn_model *model;
    tn_picture picture;
    int resize;
    tn_value logits;
    bool shares;  /* they are probabilities already */
    bool average; /* its numbers are the averages that the file keeps */
    int classes;
    const char **name; /* of the model's classes; NULL: nobody has said it */
    tn_dataset *set;
    int *label_of; /* the model's number of each class of the set; -1: it knows none such */
    int unknown;   /* classes of the set that it does not know */
    bool by_number;
    bool *again; /* an item of the set: its file is an earlier item's too */
    int64_t doubled;
    tn_device *device;
    tn_plan *plan;
    tn_eval *eval;
    broken *broken;
    int64_t num_broken,
        left_out; /* pictures: that cannot be read, of classes that the model does not know */
    tn_eval_total total;
    const tn_eval_cell *cell;
    int64_t cells;
    judged *seen; /* each picture that counts */
    int64_t num_seen;
} evaluation;

/* open.c: model, set and plan; ends the program with status 2 where they do not go together. */
void eval_open(evaluation *e, const question *q);
void eval_close(evaluation *e);

/* measure.c: every picture once. Ends the program with status 1 if that cannot be done. */
void eval_measure(evaluation *e);

/* pictures.c: those of a batch are kept; a line each, by label, said and share; the surest that are wrong. */
void eval_keep(evaluation *e, const tn_batch *b, const int32_t *label, const float *logits);
void eval_tell_pictures(evaluation *e, FILE *to);
void eval_tell_worst(evaluation *e, json *j);

/* What a class is called: its name or, if it has none, "class 12". Good until the next but three. */
const char *eval_class_name(const evaluation *e, int class);

/* What is taken for something else, most pictures first; of as many the smaller labels first. */
typedef struct confusion {
    int label, said;
    int64_t rows, of; /* of so many with that label */
} confusion;
/* To be freed; `count` of them. Answers that are none are not among them. */
confusion *eval_confusions(const evaluation *e, int64_t *count);

/* tell.c, tell_json.c, draw.c: the whole report. */
void eval_tell(evaluation *e, FILE *to);
void eval_tell_json(evaluation *e, FILE *to);
void eval_draw(const evaluation *e, FILE *to);

#endif
