/*
 * What an engine is: a file in memory, a model of it, and weights that its contexts have in common.
 */
#ifndef TN_ENGINE_H
#define TN_ENGINE_H

#include <stdio.h>

#include <tenon/infer.h>
#include <tenon/plan.h>

#include "base/base.h"
#include "io/mapped.h"
#include "model/model.h"

enum { TN_ENGINE_VERSION = 1, TN_ENGINE_ALIGNMENT = 64 };

/* A port, and the value of the graph that it is. */
typedef struct tn_port_value {
    tn_port port;
    tn_value value;
} tn_port_value;

/* Of the engine's graph, or of a context's. */
typedef struct tn_port_lists {
    tn_port_value *port[2]; /* inputs, outputs */
    int count[2];
    const char
        *mixed; /* the last value they need that is made of several rows together; NULL: none is */
} tn_port_lists;

struct tn_engine {
    char *name;
    tn_mapped map; /* or */
    uint8_t *copy; /* or neither: the program's, at a multiple of 64 */
    tn_model *model;
    tn_port_lists ports;
    tn_picture picture;
    bool takes_pictures;
    tn_weights *weights; /* the model's numbers, where they lie */
};

/* file.c: what lies at `bytes` as a model whose numbers are read there; TN_ERR_FORMAT unless it is an engine. */
tn_status tn_engine_read(tn_model **out, const char *name, const void *bytes, size_t size,
                         bool unchecked_data);

/* ports.c: the inputs that the outputs need, in the graph's order, and the outputs. The model has all parameters that they
 * need, or that is TN_ERR_FORMAT. */
tn_status tn_engine_find_ports(tn_port_lists *out, const tn_graph *g);
tn_status tn_engine_check_params(const tn_model *m);
void tn_engine_free_ports(tn_port_lists *ports);

/* kernels.c: which kernels the file says for so many rows on a machine. */
typedef struct tn_engine_choices {
    tn_kernel_choice *choice;
    int count;
    bool said;           /* for some machine, */
    const char *machine; /* this one, or else the first */
    bool same_machine;
    bool found; /* for so many rows of it */
    char *text; /* that all of them are parts of */
} tn_engine_choices;
tn_status tn_engine_choose(const tn_engine *e, const char *machine, int64_t rows,
                           tn_engine_choices *out);
void tn_engine_free_choices(tn_engine_choices *c);
/* For which machines and rows there are some, a line each. */
void tn_engine_tell_kernels(const tn_engine *e, FILE *to);

#endif
