/*
 * A model: a network with its preprocessing and the names of its classes, which travel in the metadata
 * of a checkpoint, so that the file alone is enough to classify.
 */
#ifndef EXAMPLES_MODEL_H
#define EXAMPLES_MODEL_H

#include "../../nets/nets.h"

typedef struct model {
    const net *net;
    int size, resize;
    tn_image_input_opts input;
    int classes;
    char **name; /* of the classes */
} model;

/* All defaults of a network; then each class needs its name, copied, a line break in it a blank. */
void model_make(model *m, const net *from, int classes);
void model_name(model *m, int label, const char *text);

/* From a checkpoint's metadata; ends the program if they tell of no model. */
void model_read(model *m, const tn_checkpoint_info *info, const char *path);

/* image: N x size x size x channels, u8. Returns the logits. */
tn_value model_build(const model *m, tn_graph *g, tn_value image);

/* A checkpoint with the model and the program's own `more` as metadata. */
tn_status model_save(const model *m, tn_plan *plan, const char *path, const tn_meta *more,
                     int num_more);

void model_free(model *m);

#endif
