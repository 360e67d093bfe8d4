/*
 * Formats of other programs: each is an importer, found by CMake in src/import, that tn_model_open() asks in turn.
 */
#ifndef TN_MODEL_IMPORT_H
#define TN_MODEL_IMPORT_H

#include "model/model.h"

typedef struct tn_importer {
    const char *name; /* "Caffe" */
    /* Could a file that begins so be one of its own? No other one may think so too. */
    bool (*knows)(const char *path, const unsigned char *first, size_t size);
    /* Makes m's graph, numbers, facts and notices. */
    tn_status (*open)(tn_model *m, const tn_model_opts *opts);
} tn_importer;

extern const tn_importer *const tn_importers[];

/* After the graph is made and has not failed: it is the model's, and its text a fact. */
tn_status tn_model_take_graph(tn_model *m, tn_graph *g);

/* A number that the model has as floats of its own: zeroed room for it. */
tn_status tn_model_new_number(tn_model *m, const char *name, const tn_shape *shape, float **data);

#endif
