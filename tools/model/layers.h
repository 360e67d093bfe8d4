/*
 * What tenon model layers finds out and draws: numbers of weights and of what layers make, as figures and as sheets of small
 * pictures.
 */
#ifndef TOOLS_LAYERS_H
#define TOOLS_LAYERS_H

#include <stdint.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../common/json.h"

enum { LAYERS_BINS = 32 };

enum { LAYERS = 4096 };

typedef struct looked {
    char path[4096];   /* of the model's file */
    const char *image; /* NULL: none was given */
    const char *out;   /* the folder that is drawn into; NULL: none */
    tn_model *model;
    const tn_graph *graph;
    tn_device *device;
    tn_plan *plan;
    tn_value layer[LAYERS]; /* in an order in which they can be computed */
    int layers;
    tn_value kept[LAYERS]; /* those that are numbers to look at */
    int num_kept;
    bool bgr;
} looked;

/* Does it compute anything, or is it numbers that are there? */
bool looked_is_of_itself(const looked *l, tn_value v);
int looked_place_of(const looked *l, tn_value v); /* -1: it is none of the layers */

/* layers_tell.c */
void layers_tell(const looked *l);
void layers_tell_json(const looked *l, FILE *to);

/* Of all numbers that are finite. */
typedef struct figures {
    int64_t count, zeros, strange; /* strange: NaN and infinities */
    double mean, deviation, least, largest;
    int64_t bin[LAYERS_BINS]; /* from least to largest */
} figures;
figures figures_of(const float *x, int64_t count);

/* A sheet: tiles of one size, side by side in rows of `columns`, the first `tiles` places of them. */
typedef struct sheet {
    int width, height, channels; /* of a tile, in pixels; channels 1 or 3 */
    int tiles, columns;
    uint8_t *pixels; /* of all of it; NULL: there is none */
} sheet;

/* Weights: of K x 3 x R x S a coloured tile a filter, of K x C x R x S a row of tiles a filter, grey 128 being 0; of two
 * dimensions one picture. bgr: colours are in that order. */
sheet sheet_of_weights(const float *x, const tn_shape *shape, bool bgr);
/* What a layer makes of a picture: of N x C x H x W a tile a channel, black being 0 or the least. */
sheet sheet_of_values(const float *x, const tn_shape *shape);
void sheet_write(const sheet *s, const char *path);
void sheet_free(sheet *s);

#endif
