/**
 * @file
 * Graphs: what to compute.
 *
 * A program describes its network by calling the functions of layers.h, each of which adds one node
 * and returns a handle of its output. Nothing is computed and no device is touched: a plan
 * (plan.h) does that. Building is sticky: after the first error every further call does nothing and
 * returns the zero handle, and tn_graph_status() or tn_plan_create() reports that first error. So a
 * network reads as plain code, without a check a line.
 *
 * Parameters and constants are values too, which any layer may read.
 *
 * Threads: a graph is one thread's at a time while it is built; one that nobody adds to may be read, and planned, by
 * several at once.
 */
#ifndef TENON_GRAPH_H
#define TENON_GRAPH_H

#include <stdbool.h>

#include <tenon/options.h>
#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A network under construction. Owns its nodes; not safe to share between threads. */
typedef struct tn_graph tn_graph;

/** Names one value of one graph; another graph and its plans refuse it. The zero handle names nothing: what a
 *  failed builder returns. */
typedef struct tn_value {
    int32_t id;     /**< in its graph, from 1 */
    uint32_t graph; /**< which graph of this process, from 1 */
} tn_value;

/** @return TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_graph_create(tn_graph **out);
TN_API void tn_graph_destroy(tn_graph *g); /* NULL is fine */

/** The first thing that went wrong while g was built, also put into tn_error(); or TN_OK. */
TN_API TN_CHECKED tn_status tn_graph_status(const tn_graph *g);

/**
 * A value that the program sets before each run (tn_plan_set()). Its dimension 0 is the batch; a scalar has none.
 * @param name  unique in the graph; copied; it appears in errors and descriptions
 */
TN_API tn_value tn_input(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape);

/** Of tn_input_batched(): no dimension is the batch; the value is the same for all of it. */
enum { TN_NO_BATCH = -1 };

/**
 * The same for an input whose batch is another dimension: `batch`, from 0 (1 of one that is time x batch x features), or
 * TN_NO_BATCH (a table, a mask, a temperature). It matters where a plan has several devices, each of which takes
 * some rows of the batch, and to tn_plan_opts.batch; what follows from the inputs knows by itself which of its
 * dimensions is the batch.
 */
TN_API tn_value tn_input_batched(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape,
                                 int batch);

/* ---- parameters --------------------------------------------------------------------------- */

typedef enum tn_init_kind {
    TN_INIT_DEFAULT,  /**< the layer's own choice: weights HE, biases constant 0 */
    TN_INIT_CONSTANT, /**< every element is `value` */
    TN_INIT_NORMAL,   /**< mean 0, standard deviation `value` */
    TN_INIT_UNIFORM,  /**< between -value and value */
    TN_INIT_HE,       /**< normal, deviation sqrt(2 / fan_in); He et al. 2015, arXiv:1502.01852 */
    TN_INIT_XAVIER,   /**< uniform, bound sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010 */
    TN_INIT_FAN_IN /**< uniform, bound value / sqrt(fan_in); value default 1, what PyTorch's layers
                           start with; sqrt(3) gives variance 1 / fan_in: LeCun et al. 1998, and
                           Caffe's "xavier" */
} tn_init_kind;

/** How a parameter starts. Numbers come from (plan seed, parameter's name) alone. */
typedef struct tn_init {
    tn_init_kind kind;
    float value;
} tn_init;

/** What can be said of one parameter. */
typedef struct tn_param_opts {
    tn_init init;
    float rate; /**< multiplies the learning rate; default 1; not below 0 */
    float
        decay; /**< multiplies the weight decay; default 1; not below 0; TN_ZERO: it is not touched */
    bool frozen; /**< never updated, and no gradient is computed */
    /** Take this value of the same shape and no new parameter: a parameter or a constant, for weights that several layers share,
     *  or one that is computed of such, as tn_fake_quant() of a parameter is; it must not depend on the batch. All that is
     *  said above is then that parameter's own, and nothing of it may be given here. */
    tn_value value;
} tn_param_opts;

/** The options of a layer that has no others. */
typedef struct tn_layer_opts {
    const char *name;
} tn_layer_opts;

/**
 * A parameter as a value: trained, saved and found by its name, and read by any number of layers. Those that read it as
 * an input (tn_add()) take it as they take any value; a layer that has parameters of its own takes it in place of one
 * through tn_param_opts.value. Its gradient is the sum of what all of them give. Layers make theirs by themselves:
 * "conv1" has "conv1.weight", which tn_graph_value() finds. No dimension of it is the batch.
 *
 * @param name  unique in the graph; copied; NULL: made up
 * @param shape canonical, of f32
 * @param opts  NULL: default; it starts with TN_INIT_HE if it has two dimensions or more, fan_in and fan_out being those
 *              of weights K x C x ...: C and K, times what follows; else with 0 (and both are 1)
 */
TN_API tn_value tn_param(tn_graph *g, const char *name, tn_shape shape, const tn_param_opts *opts);

/** Numbers that stay what they are, of any type; copied into the graph, and once into each plan that reads them. No
 *  dimension of them is the batch. @param name  as of tn_param() */
TN_API tn_value tn_constant(tn_graph *g, const char *name, tn_tensor numbers);

/** The shape and the type of a value, as inferred. @return TN_ERR_ARGUMENT if v is not of g. */
TN_API TN_CHECKED tn_status tn_value_shape(const tn_graph *g, tn_value v, tn_shape *out);
TN_API TN_CHECKED tn_status tn_value_dtype(const tn_graph *g, tn_value v, tn_dtype *out);

/* ---- a graph that somebody else has made ------------------------------------------------------- */

/** A value by its name: that of its node ("conv1"); what a node makes beside its first value is called "loss.top_1", and
 *  a parameter of its own "conv1.weight".
 *  @return a handle with id 0 if there is none, which everything refuses that takes values */
TN_API tn_value tn_graph_value(const tn_graph *g, const char *name);

/** @return the name of a value, which lives as long as g; NULL if v is not of g. */
TN_API const char *tn_value_name(const tn_graph *g, tn_value v);

/** The operation that makes v, "conv2d"; "input" of an input. @return NULL if v is not of g */
TN_API const char *tn_value_op(const tn_graph *g, tn_value v);

/** What the node that makes v makes in place `index`, from 0: of a loss of tn_softmax_xent() 1 is top_1. @return the zero
 *  handle if there is none */
TN_API tn_value tn_value_beside(const tn_graph *g, tn_value v, int index);

/** What the node that makes v reads in place `index`, from 0: of a softmax 0 is what it is taken of. @return the zero handle
 *  if there is none */
TN_API tn_value tn_value_read(const tn_graph *g, tn_value v, int index);

/** The inputs, in the order in which they were made. @return the zero handle past the last */
TN_API tn_value tn_graph_input(const tn_graph *g, int index);

/**
 * Says that v is what the network is for, its logits or the picture that it makes: a tool that knows no more of it
 * keeps and tells that, it travels with the text of the graph (text.h), and a plan that is told neither of a loss nor
 * of values to keep keeps these. Any number; sticky, as layers are.
 */
TN_API void tn_output(tn_graph *g, tn_value v);

/** Says what training minimises: the last one that was said. A plan does so if its own options say it. */
TN_API void tn_minimise(tn_graph *g, tn_value loss);

/** What was said: the outputs in that order, the zero handle past the last; the loss, zero if there is none. */
TN_API tn_value tn_graph_output_at(const tn_graph *g, int index);
TN_API tn_value tn_graph_loss(const tn_graph *g);

#ifdef __cplusplus
}
#endif
#endif
