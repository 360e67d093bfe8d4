/**
 * @file
 * Operations of a program's own, as real as Tenon's: a table of functions that says what one means, and a kernel for each
 * kind of device that is to do it (<tenon/sys/kernel.h>). Tenon's own are such tables; this is the header that they use.
 *
 *     static const tn_op swish = {.version = TN_SYS_VERSION, .name = "swish", .opts_size = sizeof(swish_opts),
 *                                 .attrs = attrs, .min_in = 1, .max_in = 1, .infer = infer};
 *     tn_op_register(&swish);                            so that texts and checkpoints may name it
 *     tn_device_add_kernel(device, &swish_cpu);
 *     y = tn_graph_add(g, &swish, "swish1", 1, &x, &(swish_opts){.beta = 2});
 *
 * An options struct begins with `const char *name`, is copied byte by byte, and has an entry in `attrs` for every other
 * field; zero is the default, and infer completes it. Unlike the headers above this folder, what stands here may change with
 * each TN_SYS_VERSION, which a table says it was written for; a table of another is refused, never misread.
 *
 * Threads: tables never change; infer and the others are called by whoever builds, plans or runs, several at once.
 */
#ifndef TENON_SYS_OP_H
#define TENON_SYS_OP_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What tn_op and tn_kernel look like; another number whenever either does. */
#define TN_SYS_VERSION 4u

enum { TN_MAX_IN = 32, TN_MAX_OUT = 3, TN_MAX_PARAMS = 8 };

typedef struct tn_node tn_node;
typedef struct tn_route tn_route; /* not for others */

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
    TN_ATTR_NUMBERS /* the data of a constant */
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
 * few operations that stood behind the node, each the only reader of the one before. Where something is trained, others than a
 * relu are in lists only of kernels that say so (tn_kernel.trains_posts).
 */
typedef enum tn_post {
    TN_POST_NONE,
    TN_POST_RELU,
    TN_POST_EACH, /* another of one value, element by element: the kernel looks which it is */
    TN_POST_ADD /* of a value in y's shape: the node has it behind its own inputs, and reads it in y's layout */
} tn_post;
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

typedef struct tn_op {
    unsigned version; /* TN_SYS_VERSION: of an operation that is not Tenon's own */
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
    bool view;   /* y is x under another shape: no kernel, no memory of its own */
    int labels;  /* y is a mean over the rows whose label, in this input, is not -1; 0: it is not */
    bool passes; /* in evaluation y is x[0] */
    const char *
        predicts; /* of a loss: the op that makes of x[0], which it measures, what is predicted, "softmax"; "": x[0] is that */
    /* Element by element, never falling, and with no gradient where several x have the same y: may move past what
     * `picks`. */
    bool monotone;
    tn_post post; /* what it is in such a list; NONE: it cannot be in one */
    tn_batch_rule batch;

    /* Checks inputs and options, fills in defaults, and sets y and params. The only shape code. */
    tn_status (*infer)(tn_node *n);

    /* Of what moves elements of x[0], from, to y, to, or reduces them: how they lie. NULL: it does something else, as all
     * that is not Tenon's own does. */
    tn_route (*route)(const tn_node *n);

    /* Is y its inputs one after the other along dimension 1, and nothing else? NULL: no. */
    bool (*joins)(const tn_node *n);

    /* Is every element of y one of x, chosen by order alone, as in a maximum? NULL = no. */
    bool (*picks)(const tn_node *n);

    /* Does it begin, in training, with the mean and variance of each channel of x[0]? NULL: no. */
    bool (*measures)(const tn_node *n);

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
    const tn_node *
        beside; /* makes what an addition among these reads, and is done as part of this one, too: what it reads stands in that
                 * one's place, its parameters behind the node's own; NULL: none; set by the plan */
};

static inline bool tn_has_post(const tn_node *n, tn_post post)
{
    for (int i = 0; n->post[i]; i++)
        if (n->post[i]->op->post == post)
            return true;
    return false;
}

/* Adds a node and returns the handle of its first output; copies name (NULL: made up) and opts (NULL:
 * all zero). The one way a layer makes a node; sticky, see graph.h. */
TN_API tn_value tn_graph_add(tn_graph *g, const tn_op *op, const char *name, int num_in,
                             const tn_value *in, const void *opts);

/* Output number `index` of the node that made v; the zero handle for the zero handle. */
TN_API tn_value tn_graph_output(const tn_graph *g, tn_value v, int index);

/* Makes an operation known by its name, to texts and the checkpoints that hold them, for as long as the process lives; the
 * table is borrowed. TN_ERR_ARGUMENT for a name that another has, one that is not of small letters, digits and _, and for
 * another version. A second time is fine. */
TN_API TN_CHECKED tn_status tn_op_register(const tn_op *op);

/* Helpers of infer() and kernels. */

/* TN_ERR_SHAPE naming the node unless input i is f32 with that many dimensions (0: any). */
TN_API TN_CHECKED tn_status tn_check_input(const tn_node *n, int i, int ndim);

/* Elements of a shape that infer has already accepted. */
static inline int64_t tn_elements(const tn_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->ndim; i++)
        n *= s->dim[i];
    return n;
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

#ifdef __cplusplus
}
#endif
#endif
