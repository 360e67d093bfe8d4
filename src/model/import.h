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

/* Nothing is in it any more: to begin again. */
void tn_model_clear(tn_model *m);

/* A number that the model has as floats of its own: zeroed room for it. */
tn_status tn_model_new_number(tn_model *m, const char *name, const tn_shape *shape, float **data);

/* A file that numbers are read from when a plan asks for them, called by its number from then on; fd is the model's, also
 * after an error. */
tn_status tn_model_add_source(tn_model *m, int fd, const char *path, int *source);
tn_status tn_model_add_stored(tn_model *m, const char *name, const tn_shape *shape, int source,
                              size_t offset);

/* What tn_model_opts.input says of that input, "data=3x227x227": its numbers; false: nothing, or no sizes. */
bool tn_import_said(const tn_model_opts *opts, const char *name, tn_shape *out);
/* N x 1 or 3 channels x H x W. */
bool tn_import_is_picture(const tn_shape *shape);
/* Bytes of pictures of that shape, prepared so by a node; `batch`: as of tn_input_batched(). */
tn_value tn_import_pixels(tn_graph *g, const char *name, const char *node, const tn_shape *shape,
                          int batch, const tn_image_input_opts *how);

#endif
