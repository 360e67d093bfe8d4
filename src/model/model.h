/*
 * What a model is: a net, numbers that lie in a file or in memory, and facts.
 */
#ifndef TN_MODEL_INTERNAL_H
#define TN_MODEL_INTERNAL_H

#include <tenon/model.h>

#include "base/base.h"
#include "graph/numbers.h"
#include "io/safetensors.h"

typedef struct tn_model_number {
    char *name;
    tn_shape shape;
    const tn_safetensor *stored; /* in the file, or */
    float *data;                 /* here, or */
    int source;                  /* in one of the others, from 1, */
    size_t offset;               /* from this byte on, as f32, little endian */
} tn_model_number;

/* A file of another program's that stays open. */
typedef struct tn_model_source {
    int fd;
    char *path;
} tn_model_source;

struct tn_model {
    tn_numbers numbers; /* first, since a plan takes the model for these */
    char *path;
    tn_graph *graph;
    tn_safetensors *file;
    tn_model_number *number; /* by name */
    size_t num_numbers, number_capacity;
    tn_meta *fact;
    size_t num_facts, fact_capacity;
    char **notice;
    size_t num_notices, notice_capacity;
    char **class_name;
    int num_classes;
    tn_model_source *source;
    size_t num_sources, source_capacity;
    bool keeps_average;
};

/* One with nothing in it. `path` is what errors call it. */
tn_status tn_model_create(tn_model **out, const char *path);

/* A number of that name, which is in none yet; data is the model's from then on, also after an error. */
tn_status tn_model_add(tn_model *m, const char *name, const tn_shape *shape,
                       const tn_safetensor *stored, float *data);
/* Numbers that its file has in fewer bits are such as can be read: TN_ERR_FORMAT. */
tn_status tn_model_check_stored(const tn_model *m);
/* After the last of them. */
void tn_model_sort(tn_model *m);

/* All numbers and facts of its file, which is open; `average`: of numbers that have one their averages. */
tn_status tn_model_take_file(tn_model *m, bool average);

/* Any key; of classes their names are taken apart. */
tn_status tn_model_set_fact(tn_model *m, const char *key, const char *value);
tn_status tn_model_add_notice(tn_model *m, const char *format, ...) TN_PRINTF(2, 3);

/* Does a fact go with the model, into whatever file: not of a run that goes on, of the file it came from, of an engine? */
bool tn_model_goes_along(const char *key);

/* The graph that its fact tells of. */
tn_status tn_model_read_graph(tn_model *m, int64_t batch);

#endif
