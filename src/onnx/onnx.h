/*
 * From a model of ONNX to a graph: what the files of this folder share, and all that an operator sees (ops/<family>.c).
 *
 * An operator is a function that adds nodes for it and gives its outputs. What cannot be imported is refused with a reason,
 * and what depends on it is passed over; the others go on, so that all refusals of a model are told at once. A function that
 * returns something else than TN_OK ends the import: want of memory, a damaged file.
 *
 *     static tn_status add_relu(tn_onnx *o, const tn_onnx_node *n)
 *     {
 *         tn_value x;
 *         if (!tn_onnx_x(o, n, 0, &x))            refused already
 *             return TN_OK;
 *         return tn_onnx_give(o, n, 0, tn_relu(o->g, x, &(tn_layer_opts){n->name}));
 *     }
 *     const tn_onnx_ops tn_onnx_ops_activation = {{{"Relu", 6, add_relu}, ...}};
 *
 * A value of the model is one of the graph, or known: a tensor of the file, or what follows from such and from shapes alone
 * (known.h). The batch is symbolic there: an integer is a or a N. Where a layer reads what is known, it becomes a parameter.
 */
#ifndef TN_ONNX_H
#define TN_ONNX_H

#include "base/arena.h"
#include "graph/op.h"
#include "model/import.h"
#include "onnx/schema.h"

typedef struct tn_onnx tn_onnx;
typedef struct tn_onnx_known tn_onnx_known;
typedef struct tn_onnx_pixels tn_onnx_pixels;

/* What a product of matrices reads as it is; anybody else has a transpose made of it. */
typedef struct tn_onnx_turned {
    tn_value x;
    tn_shape axes;
    const char *name;
} tn_onnx_turned;

/* Dimensions that are several together, rows of the batch among them, as attention of PyTorch has it: number i is the next group[i]
 * of x's, which knows where the batch is. Who moves them or parts them again, and a product with a matrix, takes x. */
typedef struct tn_onnx_merged {
    tn_value x;
    int ndim, group[TN_MAX_DIMS];
    const char *name;
} tn_onnx_merged;

/* A value of the model. */
typedef struct tn_onnx_value {
    const char *name;
    tn_value v;                   /* in the graph; of what is known, once somebody has read it */
    tn_onnx_known *known;         /* NULL: it is not */
    const tn_onnx_pixels *pixels; /* bytes of pictures, prepared so: no value yet */
    const tn_onnx_turned
        *turned; /* another one, its last two dimensions the other way round: likewise */
    const tn_onnx_merged *merged; /* likewise, but it may have been made as well */
    tn_value logits; /* it is their log_softmax along axis 1, which a loss makes of them itself */
    const struct tn_onnx_node
        *quantised; /* by that node: no value, but of who makes floats of it */
    bool made;      /* something makes it, which may have been refused: then neither is set */
    int names;      /* that were made of its own */
    int readers;    /* nodes, and the model's outputs */
    bool output;    /* one of the model's */
} tn_onnx_value;

typedef struct tn_onnx_node {
    tn_onnx *o;       /* that hears of attributes of another type than is asked for */
    const char *name; /* what its node of the graph is called: no other value has that name */
    const char *op, *domain;
    tn_proto message;
    int num_in, num_out;
    tn_onnx_value **in, **out; /* NULL: left out */
} tn_onnx_node;

/* Operators by name, and the oldest opset in which they are what is imported here. */
typedef tn_status tn_onnx_import(tn_onnx *o, const tn_onnx_node *n);
typedef struct tn_onnx_ops {
    struct {
        const char *op;
        int oldest;
        tn_onnx_import *import;
    } of[24]; /* up to one without a name */
} tn_onnx_ops;
extern const tn_onnx_ops *const tn_onnx_all_ops[];

struct tn_onnx {
    tn_graph *g;
    int opset;            /* of the model: what operators mean */
    bool alone;           /* N is a number as any other: for models that compute with it */
    const char *left_out; /* the first that was, and why; NULL: nothing was */
    int64_t batch;        /* N of the graph that is made */
    tn_value rows; /* an input of f32 whose dimension 0 is N; the zero handle: there is none */
    bool open;     /* the file does not say what N is */
    tn_arena arena;
    tn_model *m;
    const tn_model_opts *opts;
    struct tn_onnx_table *table;     /* values by name: value.c */
    struct tn_onnx_files *files;     /* file.c */
    struct tn_onnx_refused *refused; /* refuse.c */
    tn_status status;     /* of a function that has no other way to say that there is no memory */
    int64_t floats_left;  /* that may still be made for parameters, likewise */
    int64_t numbers_left; /* that may still be evaluated, so that no file makes that without end */
};

/* ---- attributes (node.c) ---------------------------------------------------------------------- */

/* One of another type than is asked for is as if it were not said, and its node is refused. */
bool tn_onnx_attr(const tn_onnx_node *n, const char *name,
                  tn_proto *out); /* false: it is not said */
int64_t tn_onnx_int(const tn_onnx_node *n, const char *name, int64_t fallback);
double tn_onnx_real(const tn_onnx_node *n, const char *name, double fallback);
bool tn_onnx_is(const tn_onnx_node *n, const char *name, const char *text); /* said, and that */
/* Which of some words it is; `fallback` where it is not said; -1: another, which is refused by this call. */
int tn_onnx_word(tn_onnx *o, const tn_onnx_node *n, const char *name, const char *const *words,
                 int fallback);
/* How many there are, of which the first `room` are given; 0: it is not said. */
size_t tn_onnx_ints(const tn_onnx_node *n, const char *name, int64_t *to, size_t room);
size_t tn_onnx_floats(const tn_onnx_node *n, const char *name, float *to, size_t room);
/* A text of its own in the arena, for messages; "" if it is not said, or there is no memory. */
const char *tn_onnx_text(tn_onnx *o, const tn_onnx_node *n, const char *name);

/* ---- inputs (value.c) ------------------------------------------------------------------------- */

bool tn_onnx_has(const tn_onnx_node *n, int i);   /* input i is given */
bool tn_onnx_wants(const tn_onnx_node *n, int i); /* output i is read by somebody */

/* Input i, of f32, as a value of the graph; false: it is missing or of another type, which is refused by this call. */
bool tn_onnx_x(tn_onnx *o, const tn_onnx_node *n, int i, tn_value *out);
/* As that, of any type that the graph has. */
bool tn_onnx_any(tn_onnx *o, const tn_onnx_node *n, int i, tn_value *out);
/* All inputs, of f32: at least one, up to `room`. */
bool tn_onnx_all(tn_onnx *o, const tn_onnx_node *n, tn_value *out, int room);
/* What is known of input i; NULL: it is left out, or follows from the model's inputs. */
tn_onnx_known *tn_onnx_given(const tn_onnx_node *n, int i);

/* Input i, which must be known, as a parameter of that shape (NULL: its own), with its numbers and its name; one that
 * several nodes read is one parameter. For tn_param_opts.value. False: refused. */
bool tn_onnx_param(tn_onnx *o, const tn_onnx_node *n, int i, const tn_shape *shape, tn_value *out);
/* A parameter with numbers made of known ones, which are in `data` (of tn_alloc) and the model's from now on, also after an
 * error. `like` is what it is called after. The zero handle: no memory, and the graph has failed. */
tn_value tn_onnx_new_param(tn_onnx *o, const char *like, tn_shape shape, float *data);
/* Likewise, but numbers that are not trained; a few of them are a constant of the graph. */
tn_value tn_onnx_constant(tn_onnx *o, const char *name, tn_shape shape, float *data);
/* The numbers that the model has under that name: of a running statistic, "bn1.running_mean". */
tn_status tn_onnx_statistic(tn_onnx *o, tn_onnx_known *k, const char *node, const char *part);

/* Whole numbers of an attribute, or of input `i`, as operators have moved them from the one to the other; either may be
 * NULL or -1. *count is how many, -1 if neither is given. False: refused, since they are not known, are too many, or
 * depend on the batch. */
bool tn_onnx_wholes(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, int64_t *to,
                    int room, int *count);
/* One number likewise; *value stays where neither is given. */
bool tn_onnx_number_of(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, double *value);
/* A dimension by its number, counted from behind if below 0, of one that has `ndim`; -1: refused. */
int tn_onnx_axis(tn_onnx *o, const tn_onnx_node *n, int ndim, int64_t axis);

/* ---- outputs, and what is told ---------------------------------------------------------------- */

/* Output i, where it has one of that number. The zero handle, where the graph has failed, is fine. */
tn_status tn_onnx_give(tn_onnx *o, const tn_onnx_node *n, int i, tn_value v);
tn_status tn_onnx_give_known(tn_onnx *o, const tn_onnx_node *n, int i, tn_onnx_known *k);

/* Refused, with all that depends on it: TN_OK, or want of memory. */
tn_status tn_onnx_refuse(tn_onnx *o, const tn_onnx_node *n, const char *format, ...)
    TN_PRINTF(3, 4);
/* Left out with all that depends on it, which is told as a notice: the model has other outputs. */
tn_status tn_onnx_leave_out(tn_onnx *o, const tn_onnx_node *n, const char *why);
tn_status tn_onnx_note(tn_onnx *o, const tn_onnx_node *n, const char *format, ...) TN_PRINTF(3, 4);

/* "conv1/square": the name of a further node; the graph makes one up if there is no memory. */
const char *tn_onnx_name(tn_onnx *o, const tn_onnx_node *n, const char *part);
/* A number as a value, and x times it or plus it; x itself where that changes nothing. */
tn_value tn_onnx_scalar(tn_onnx *o, const tn_onnx_node *n, const char *part, float value);
tn_value tn_onnx_times(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x,
                       float factor);
tn_value tn_onnx_plus(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x, float term);
/* x under another shape, in which 0 is x's dimension of that place and one may be -1; x itself if it has that shape. */
tn_value tn_onnx_reshape(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x,
                         tn_shape shape);
/* x's own shape, with -1 for the batch: for a reshape that ends as x began. */
tn_shape tn_onnx_open_shape(const tn_onnx *o, tn_value x);

#endif
