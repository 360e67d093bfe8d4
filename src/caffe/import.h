/*
 * From a net of Caffe's to a graph: what the files of this folder share.
 *
 * Each kind of layer is a function that adds nodes for it. One that cannot be imported is refused with a reason and its outputs
 * with it; the others go on, so that all refusals of a net are told at once.
 */
#ifndef TN_CAFFE_IMPORT_H
#define TN_CAFFE_IMPORT_H

#include "base/arena.h"
#include "caffe/schema.h"
#include "model/import.h"

typedef struct tn_caffe tn_caffe;

/* One layer of the net, of either form. */
typedef struct tn_caffe_layer {
    const char *name, *type;
    tn_proto message;
    bool old;
    int num_bottoms, num_tops;
    const char **bottom, **top;
} tn_caffe_layer;

/* A kind of layers by the types that it imports. One whose blobs (numbers) take no copy as they are says what they are then. */
typedef tn_status tn_caffe_add(tn_caffe *c, const tn_caffe_layer *l);
typedef struct tn_caffe_kind {
    struct {
        const char *type;
        tn_caffe_add *add;
    } of[16]; /* up to one without a type */
} tn_caffe_kind;
extern const tn_caffe_kind *const tn_caffe_kinds[];

/* How the numbers of a blob become those of a parameter. */
typedef enum tn_caffe_how {
    TN_CAFFE_AS_IT_IS,
    TN_CAFFE_TRANSPOSED, /* D x K to K x D */
    TN_CAFFE_DIVIDED     /* by the third blob's one number, which counts what was summed up */
} tn_caffe_how;

typedef struct tn_caffe_blob_of {
    const char *layer;
    int index;
    const char *param; /* "conv1.weight" */
    tn_caffe_how how;
    float rate; /* its lr_mult */
    bool found;
} tn_caffe_blob_of;

typedef struct tn_caffe_value {
    const char *blob;
    tn_value v; /* the zero handle: what makes it was refused */
    int readers;
} tn_caffe_value;

struct tn_caffe {
    tn_model *m;
    const tn_model_opts *opts;
    tn_graph *g;
    tn_arena arena; /* all names and lists */
    tn_caffe_layer *layer;
    int num_layers, at; /* the one that is being added */
    bool trains;        /* it has a loss, so it is the net of training */
    int64_t batch;      /* that the file was written for; 0: it does not say */
    tn_caffe_value *value;
    size_t num_values, value_capacity;
    tn_caffe_blob_of *blob;
    size_t num_blobs, blob_capacity;
    tn_value loss;
    char refused[2048]; /* what was, by layer */
    int num_refused;
};

/* ---- layers (layer.c) ---- */

/* All layers of the net that belong to the phase, in c->layer. */
tn_status tn_caffe_read_layers(tn_caffe *c, const tn_proto *net);
/* A message of parameters, by its number in the new form; empty if there is none. */
tn_proto tn_caffe_param(const tn_caffe_layer *l, int number);
const char *tn_caffe_copy(tn_caffe *c, tn_proto_span text); /* NULL: no memory */

/* ---- values (value.c) ---- */

/* A bottom; false: it is missing or was refused, which is told already. */
bool tn_caffe_bottom(tn_caffe *c, const tn_caffe_layer *l, int index, tn_value *out);
/* All of at least `least`. */
bool tn_caffe_bottoms(tn_caffe *c, const tn_caffe_layer *l, int least, tn_value *out, int room);
tn_status tn_caffe_top(tn_caffe *c, const tn_caffe_layer *l, int index, tn_value v);
/* Bottoms that a layer reads itself, without any look at what they are. */
tn_caffe_value *tn_caffe_find(tn_caffe *c, const char *blob);
/* Refused, with all that depends on it: TN_OK, or want of memory. */
tn_status tn_caffe_refuse(tn_caffe *c, const tn_caffe_layer *l, const char *format, ...)
    TN_PRINTF(3, 4);
tn_status tn_caffe_note(tn_caffe *c, const tn_caffe_layer *l, const char *format, ...)
    TN_PRINTF(3, 4);
/* "conv1/square": the name of a further node of a layer. */
const char *tn_caffe_name(tn_caffe *c, const tn_caffe_layer *l, const char *part);
/* A number as a value, and x times it or plus it; x itself where that changes nothing. */
tn_value tn_caffe_times(tn_caffe *c, const tn_caffe_layer *l, const char *part, tn_value x,
                        float factor);
tn_value tn_caffe_plus(tn_caffe *c, const tn_caffe_layer *l, const char *part, tn_value x,
                       float term);
/* A dimension by its number, counted from behind if below 0; -1, and refused, if there is none. */
int tn_caffe_axis(tn_caffe *c, const tn_caffe_layer *l, const tn_shape *shape, int64_t axis);

/* ---- parameters (param.c) ---- */

/* How parameter number `index` of the layer begins and learns, by its filler and its `param`. */
tn_status tn_caffe_param_opts(tn_caffe *c, const tn_caffe_layer *l, int index,
                              const tn_proto *filler, tn_param_opts *out);
/* The layer's blob of that index is the parameter "NODE.PART". */
tn_status tn_caffe_take_blob(tn_caffe *c, const tn_caffe_layer *l, int index, const char *node,
                             const char *part, tn_caffe_how how);
/* All numbers that a net's layers have: of the file of weights, or of the net's own. */
tn_status tn_caffe_read_blobs(tn_caffe *c, const tn_proto *net, const char *file);

/* A number of the model, of a blob of as many numbers: D x K as K x D if transposed, all divided by `by`; 0: all are 0. */
tn_status tn_caffe_put_number(tn_caffe *c, const char *name, const tn_shape *shape,
                              const tn_proto *blob, bool transposed, float by);
size_t tn_caffe_blob_count(const tn_proto *blob); /* of its numbers */
/* What a .solverstate has kept for each of them, in the order of the layers of the net whose numbers they are. */
tn_status tn_caffe_read_state(tn_caffe *c, const tn_proto *net, const char *file);

/* ---- inputs (input.c) ---- */

/* What the net says it takes, outside of its layers. */
tn_status tn_caffe_net_inputs(tn_caffe *c, const tn_proto *net);
/* ---- files (path.c) ---- */

/* A path that a file of Caffe's names is one from where Caffe was started: it is looked for from here, and from the folder of
 * the model's file and each above it. NULL: it is nowhere. For tn_free(). */
tn_status tn_caffe_beside(tn_caffe *c, const char *named, char **path);

/* Is it a text of a net? By its first word that is no comment. */
bool tn_caffe_knows(const char *path, const unsigned char *first, size_t size);
tn_status tn_caffe_open(tn_model *m, const tn_model_opts *opts);

#endif
