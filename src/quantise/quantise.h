/*
 * What becomes of a model in whole numbers: which layers, by which scales. Nodes and values are those of the model's graph, by
 * their places.
 */
#ifndef TN_QUANTISE_INTERNAL_H
#define TN_QUANTISE_INTERNAL_H

#include <tenon/quantise.h>

#include "base/arena.h"
#include "graph/graph.h"
#include "graph/text.h"

typedef struct tn_grids {
    const tn_model *model;
    const tn_graph *g;
    tn_arena arena;
    int most;     /* of weights and of values with a sign: 127 */
    bool values;  /* of values too, not of weights alone */
    bool *layer;  /* of each node: is it a layer in whole numbers? */
    bool *reads;  /* of each value: does such a layer read it? */
    float *scale; /* of each value */
    int layers;
} tn_grids;

/* Which layers, by the options; no scales. */
tn_status tn_grids_create(tn_grids *q, const tn_model *m, bool values,
                          const tn_quantise_opts *opts);
void tn_grids_destroy(tn_grids *q);
/* A layer stays as it is after all. */
void tn_grids_leave(tn_grids *q, size_t node);

/* Is it never below 0? Then whole numbers begin with 0. */
bool tn_grids_unsigned(const tn_grids *q, int32_t id);
/* The largest whole number of a value. */
static inline int tn_grids_most(const tn_grids *q, int32_t id)
{
    return tn_grids_unsigned(q, id) ? 2 * q->most + 1 : q->most;
}

/* The scales of all values that layers read. */
tn_status tn_grids_calibrate(tn_grids *q, tn_device *device, tn_loader *pictures, int64_t rows);

/* The model with layers in whole numbers; or, as `twins`, with each such layer beside what it was, by tn_grids_twin(). */
tn_status tn_grids_apply(const tn_grids *q, bool twins, tn_model **out);
/* What the twin of a node is called; to be freed. */
char *tn_grids_twin(const tn_node *n);

/* Of each node: how much of its output is noise, the sum of the squares of what whole numbers make other, over that of the
 * output. 0: it is no such layer. */
tn_status tn_grids_noise(const tn_grids *q, tn_device *device, tn_loader *pictures, int64_t rows,
                         double *noise);

/* ---- rows ------------------------------------------------------------------------------------- */

/* A model's plan that is given the batches of a loader. */
typedef struct tn_rows {
    const tn_model *model;
    tn_plan *plan;
    int64_t batch;
    bool has_picture;
    tn_picture picture;
    uint8_t *pixels;
    float *host; /* room for a kept value */
    size_t room;
} tn_rows;

int64_t tn_rows_of(const tn_batch *b);
tn_status tn_rows_create(tn_rows *r, const tn_model *m, tn_device *device, const tn_value *keep,
                         int num_keep, int64_t batch);
void tn_rows_destroy(tn_rows *r);
/* Computes what a batch gives. */
tn_status tn_rows_run(tn_rows *r, const tn_batch *b);
/* A kept value, of f32, and how many of its elements are of the first `rows` rows. */
tn_status tn_rows_get(tn_rows *r, tn_value v, int64_t rows, const float **out, int64_t *count);
/* The first `most` rows of the loader's epoch 0, by batches: does() is called after each was computed, with the rows that count. */
typedef tn_status tn_each_batch(void *arg, tn_rows *r, int64_t rows);
typedef struct tn_each {
    const tn_model *model;
    tn_device *device;
    tn_loader *loader;
    int64_t most;
    const tn_value *keep;
    int num_keep;
    tn_each_batch *does;
    void *arg;
} tn_each;
tn_status tn_rows_each(const tn_each *e);
/* The i32 that a batch's rows are labelled by; NULL: they are not. */
const int32_t *tn_rows_labels(const tn_rows *r, const tn_batch *b);

#endif
