/*
 * What an operation is. It knows shapes, options and parameters, and no device.
 *
 * A layer file src/layers/<stem>.c defines one `const tn_op tn_op_<stem>`; cmake/TenonTable.cmake
 * gathers them into tn_op_table. Nothing else in the library knows the list of operations.
 */
#ifndef TN_OP_H
#define TN_OP_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "tensor/route.h"

enum { TN_MAX_IN = 32, TN_MAX_OUT = 3, TN_MAX_PARAMS = 4 };

typedef struct tn_node tn_node;

/* One field of an options struct, so that printing, saving and ONNX need no code of their own. Every field but `name`
 * has one. */
typedef enum tn_attr_type {
    TN_ATTR_BOOL,
    TN_ATTR_INT,
    TN_ATTR_INT2,
    TN_ATTR_FLOAT,
    TN_ATTR_FLOAT4,
    TN_ATTR_ENUM,   /* an enum from 0 on, by `names` */
    TN_ATTR_DTYPE,  /* a tn_dtype */
    TN_ATTR_LIST,   /* a tn_shape: a shape, axes, a permutation; no dimension: not given */
    TN_ATTR_PARAM,  /* a tn_param_opts */
    TN_ATTR_INIT,   /* a tn_init, which is part of that */
    TN_ATTR_VALUE,  /* a tn_value, which is part of that */
    TN_ATTR_NUMBERS /* the data of a tn_constant_node_opts */
} tn_attr_type;

typedef struct tn_attr {
    const char *name; /* NULL ends a table */
    const char *onnx; /* its name in ONNX, NULL if it has none */
    tn_attr_type type;
    size_t offset;
    const char *const *names; /* of an enum's values; ends at NULL */
} tn_attr;

/*
 * Post-operations: what is done to a node's output by that node's own kernel, in the same pass. A list of them is a
 * few operations that stood behind the node, each the only reader of the one before.
 */
typedef enum tn_post { TN_POST_NONE, TN_POST_RELU } tn_post;
enum { TN_MAX_POST = 4 /* of one node */ };

/*
 * The batch. A value knows which of its dimensions is the batch, so that a graph can be made again for other rows, or for
 * some of them (shard.c): the dimension, from 0, or one of these.
 */
enum {
    TN_BATCH_NONE = TN_NO_BATCH, /* the same for any batch: a constant, a parameter */
    TN_BATCH_MEAN = -2,          /* a mean over its rows, as a loss is; of integers a sum */
    TN_BATCH_MIXED =
        -3, /* made of several rows in another way: several devices cannot share them */
    TN_BATCH_UNKNOWN = -4 /* infer has not said: the op's rule does */
};

/* What a node's outputs have to do with the batch, where infer sets no y_batch: from what its inputs have. What a
 * rule does not cover is TN_BATCH_MIXED, so an op that forgets to say is refused on several devices, never wrong there. */
typedef enum tn_batch_rule {
    TN_BATCH_ROWS, /* dimension 0: row n of y is made of row n of each x */
    TN_BATCH_EACH, /* any: an element of y is made of those of x at its place, broadcast from the last dimension */
    TN_BATCH_SUM,     /* as EACH, and y is linear in all x together: a sum of means is a mean */
    TN_BATCH_PRODUCT, /* as EACH, and linear in each x: so is a mean by something that has no batch */
    TN_BATCH_OVER     /* y is a mean over the rows, dimension 0 of each x; of integers a sum */
} tn_batch_rule;

/* A parameter, or a running statistic: kept and saved, never trained. */
typedef struct tn_param_spec {
    const char *name; /* "weight", "bias": last part of its name in a checkpoint */
    tn_shape shape;   /* canonical, f32 */
    tn_param_opts
        opts; /* as given; of one that is taken from elsewhere those of the other, and its value */
    tn_init fallback;        /* what TN_INIT_DEFAULT is; left out: HE */
    int64_t fan_in, fan_out; /* for initialisation */
    bool statistic;
} tn_param_spec;

/* Options of the ops that a parameter and a constant are: see graph/param.c. */
typedef struct tn_param_node_opts {
    const char *name;
    tn_shape shape;
    tn_param_opts param;
} tn_param_node_opts;
typedef struct tn_constant_node_opts {
    const char *name;
    tn_dtype dtype;
    tn_shape shape;
    const void *data; /* canonical */
} tn_constant_node_opts;

typedef struct tn_op {
    const char *name;
    const char *onnx; /* operator it exports as, NULL if none */
    size_t opts_size;
    bool opts_needed; /* there is no default for all of them: NULL is refused */
    const tn_attr *attrs;
    const char *
        width; /* the attribute (of TN_ATTR_INT) that is how many channels y has; NULL: x says it */
    const char *const *outputs; /* what those behind the first are called; NULL: by number */
    int min_in, max_in;
    bool
        host; /* functions of the program compute it, on the host: the plan calls them, and no text can say it */
    bool view;  /* y is x under another shape: no kernel, no memory of its own */
    int labels; /* y is a mean over the rows whose label, in this input, is not -1; 0: it is not */
    /* Element by element, never falling, and with no gradient where several x have the same y: may move past what
     * `picks`. */
    bool monotone;
    tn_post post; /* what it is in such a list; NONE: it cannot be in one */
    tn_batch_rule batch;

    /* Checks inputs and options, fills in defaults, and sets y and params. The only shape code. */
    tn_status (*infer)(tn_node *n);

    /* Of what moves elements of x[0], from, to y, to, or reduces them: how they lie. NULL: it does something else. */
    tn_route (*route)(const tn_node *n);

    /* Is y its inputs one after the other along dimension 1, and nothing else? NULL: no. */
    bool (*joins)(const tn_node *n);

    /* Is every element of y one of x, chosen by order alone, as in a maximum? NULL = no. */
    bool (*picks)(const tn_node *n);

    /* Floating point operations of one forward pass; NULL = one an element of y. */
    double (*flops)(const tn_node *n);
} tn_op;

struct tn_node {
    const tn_op *op;
    const char *name; /* unique in the graph */
    void *opts;       /* op->opts_size bytes, completed by infer */
    void *
        given; /* the same as they were given: with other shapes infer may complete them otherwise */

    int num_in;
    int32_t in[TN_MAX_IN]; /* value ids, from 1 */
    tn_shape x[TN_MAX_IN];
    tn_dtype x_dtype[TN_MAX_IN];
    int8_t x_batch[TN_MAX_IN]; /* which dimension is the batch, or TN_BATCH_... */

    int num_out; /* 1 unless infer says otherwise */
    int32_t out[TN_MAX_OUT];
    tn_shape y[TN_MAX_OUT];
    tn_dtype y_dtype[TN_MAX_OUT]; /* f32 unless infer says otherwise */
    int8_t y_batch[TN_MAX_OUT];   /* by op->batch unless infer says otherwise */

    int num_params;
    tn_param_spec param[TN_MAX_PARAMS];
    int32_t w
        [TN_MAX_PARAMS]; /* the values that they are, each the output of a `param` or a `constant` */

    const tn_param_spec *spec; /* of a `param`: what it is */
    const tn_node *
        made_by; /* of a `param`: the node that has it of its own, and its options; NULL: the program made it */

    const tn_node
        *post[TN_MAX_POST +
              1]; /* done as part of this one, in that order, up to NULL; set by the plan */
};

static inline bool tn_joins(const tn_node *n)
{
    return n->op->joins && n->op->joins(n);
}

static inline bool tn_has_post(const tn_node *n, tn_post post)
{
    for (int i = 0; n->post[i]; i++)
        if (n->post[i]->op->post == post)
            return true;
    return false;
}

/* Adds a node and returns the handle of its first output; copies name (NULL: made up) and opts (NULL:
 * all zero). The one way a layer makes a node; sticky, see graph.h. */
tn_value tn_graph_add(tn_graph *g, const tn_op *op, const char *name, int num_in,
                      const tn_value *in, const void *opts);

/* What a builder does that finds fault before it adds anything: the graph has failed, with the text of tn_error(), unless
 * it had before or is NULL. Returns the zero handle. */
tn_value tn_graph_refuse(tn_graph *g, tn_status status);

/* Output number `index` of the node that made v; the zero handle for the zero handle. */
tn_value tn_graph_output(const tn_graph *g, tn_value v, int index);

extern const tn_op *const tn_op_table[]; /* ends at NULL */

/* The op with that name, NULL if there is none; of those that no layer file defines `param` and `constant`. */
const tn_op *tn_op_find(const char *name);

/* Where options of the op say its width; NULL: it has none of its own. */
int *tn_op_width(const tn_op *op, void *opts);

/* Helpers of infer(). */

/* The pair {vertical, horizontal}, where 0 is not legal: a missing second repeats the first, a missing first is fallback.
 * Returns whether the second was missing. */
bool tn_complete_pair(int pair[2], int fallback);
/* The pad of a window: where that was given as one number, a missing second repeats the first. */
void tn_complete_pad(int pad[2], bool square);
/* The axis of x[0] that `axis` names, counted from behind if below 0; TN_ERR_ARGUMENT if there is none. */
tn_status tn_find_axis(const tn_node *n, int64_t axis, int *out);
/* For flops: 0. */
double tn_no_flops(const tn_node *n);
/* TN_ERR_ARGUMENT naming the list unless it has so many numbers. */
tn_status tn_check_list(const tn_node *n, const char *name, const tn_shape *list, int least,
                        int most);
/* TN_ERR_SHAPE naming the node unless input i is f32 with that many dimensions (0: any). */
tn_status tn_check_input(const tn_node *n, int i, int ndim);

/* Sets y_batch of the outputs for which infer did not, by op->batch. */
tn_status tn_complete_batch(tn_node *n);

/* The whole infer() of a function of one f32 input, element by element, and of two, with broadcasting. */
tn_status tn_infer_same(tn_node *n);
tn_status tn_infer_broadcast(tn_node *n);

/* What stands over dimension i of y where x has its last dimension over y's last one: 1 if there is none. */
static inline int64_t tn_aligned_dim(const tn_shape *x, const tn_shape *y, int i)
{
    const int own = i - (y->ndim - x->ndim);
    return own < 0 ? 1 : x->dim[own];
}

/* Pixels of x in one direction, with the padding on both sides of it. */
static inline int64_t tn_padded(const tn_shape *x, const int pad[2], const int extra[2],
                                int direction)
{
    return x->dim[2 + direction] + 2 * (int64_t)pad[direction] + extra[direction];
}

/* An axis that options name: 0 is `fallback`, TN_ZERO the first, and below 0 counts back from behind the last. TN_ERR_ARGUMENT
 * unless input 0 has it. */
tn_status tn_complete_axis(const tn_node *n, int *axis, int fallback);

/* A tensor as `outer` blocks of `size` lines, along one axis, of `inner` elements. */
typedef struct tn_lines {
    int64_t outer, size, inner;
} tn_lines;

static inline tn_lines tn_lines_along(const tn_shape *s, int axis)
{
    tn_lines l = {1, s->dim[axis], 1};
    for (int i = 0; i < axis; i++)
        l.outer *= s->dim[i];
    for (int i = axis + 1; i < s->ndim; i++)
        l.inner *= s->dim[i];
    return l;
}

/* x of tn_normalize: `images` of `groups` of `channels` of `area` elements. What is normalised together is a group, and
 * weight and bias have an element for each channel of all groups. */
typedef struct tn_norm_sizes {
    int64_t images, groups, channels, area;
} tn_norm_sizes;
static inline tn_norm_sizes tn_norm_sizes_of(const tn_shape *x, const tn_normalize_opts *o)
{
    tn_norm_sizes s = {1, 1, 1, 1};
    const bool layer = o->kind == TN_NORM_LAYER;
    const int first = layer ? x->ndim - o->dims : 1;
    for (int i = 0; i < x->ndim; i++) {
        int64_t *of = i < first ? &s.images : layer || i == 1 ? &s.channels : &s.area;
        *of *= x->dim[i];
    }
    if (!layer)
        s.groups = o->kind == TN_NORM_GROUP ? o->groups : s.channels;
    s.channels /= s.groups;
    return s;
}

/* Which inputs of softmax_xent are weights; 0: it has none such. */
static inline int tn_xent_rows(tn_xent_weights kind)
{
    return kind == TN_XENT_ROWS || kind == TN_XENT_BOTH ? 2 : 0;
}
static inline int tn_xent_classes(tn_xent_weights kind)
{
    return kind == TN_XENT_CLASSES ? 2 : kind == TN_XENT_BOTH ? 3 : 0;
}

/* Elements of a shape that infer has already accepted. */
static inline int64_t tn_elements(const tn_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->ndim; i++)
        n *= s->dim[i];
    return n;
}

/* Has it parameters, none of which is trained? */
static inline bool tn_is_frozen(const tn_node *n)
{
    int frozen = 0;
    for (int i = 0; i < n->num_params; i++) {
        if (!n->param[i].statistic && !n->param[i].opts.frozen)
            return false;
        frozen += !n->param[i].statistic;
    }
    return frozen > 0;
}

static inline bool tn_shape_equal(const tn_shape *a, const tn_shape *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

#endif
