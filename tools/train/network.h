/*
 * A network to train or to use: one that the examples know by name, or any that a file holds, a text or a model. Its parts are
 * found by what they are: the image is the input of bytes, the logits are the first output, the labels the input of
 * numbers of classes.
 */
#ifndef TRAIN_NETWORK_H
#define TRAIN_NETWORK_H

#include "../../nets/nets.h"

/* Where it comes from: one of these. */
typedef struct origin {
    const net *named;
    const tn_model *model;
    const char *path; /* of the model */
} origin;

/* A name of nets.h, or a file, opened so, which becomes *model, for tn_model_close(); ends the program if it is neither. */
origin origin_find(const char *name, const tn_model_opts *opts, tn_model **model);

typedef struct network_opts {
    int64_t batch;
    int64_t size;     /* of a named one: side of the images; 0: as it has it */
    int classes;      /* 0: as a file has it */
    double smoothing; /* of the labels, in a loss that is not the file's */
    bool mixed;       /* such a loss is one of images that are mixed of two */
    bool no_loss;     /* only to be used */
} network_opts;

typedef struct network {
    const char *about;
    tn_graph *g;
    tn_value image, logits;
    tn_value label; /* and loss: unless no_loss */
    tn_value partner,
        share; /* of a loss of mixed images, inputs by these names; else there are none */
    tn_loss loss;
    int height, width, channels, resize; /* of images */
    tn_order order;
    int classes;
    char **name; /* of the classes, NULL where nobody has said it */
} network;

/* TN_OK; or what a layer says of such a batch or size; or ends the program if the file is no network for images. */
tn_status network_make(network *n, const origin *from, const network_opts *opts);
void network_free(network *n);

/* Copied, a line break in it a blank. */
void network_name(network *n, int class, const char *text);

/* "resize=256 order=rgb": tenon.fit of a checkpoint. */
typedef struct network_fit {
    char text[64];
} network_fit;
network_fit network_describe_fit(const network *n);

/* The names of the classes, a line each, for free(); NULL: nobody has said them. */
char *network_join_names(const network *n);

/* A checkpoint that holds all of it, and the program's own `more` as metadata; without what only a run that goes on needs
 * if `params`. */
tn_status network_save(const network *n, tn_plan *plan, const char *path, bool params,
                       const tn_meta *more, int num_more);

#endif
