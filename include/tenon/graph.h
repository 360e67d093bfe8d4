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
 * Threads: a graph is one thread's at a time while it is built; one that nobody adds to may be read, and planned, by
 * several at once.
 */
#ifndef TENON_GRAPH_H
#define TENON_GRAPH_H

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

/** The shape and the type of a value, as inferred. @return TN_ERR_ARGUMENT if v is not of g. */
TN_API TN_CHECKED tn_status tn_value_shape(const tn_graph *g, tn_value v, tn_shape *out);
TN_API TN_CHECKED tn_status tn_value_dtype(const tn_graph *g, tn_value v, tn_dtype *out);

/* ---- a graph that somebody else has made ------------------------------------------------------- */

/** A value by its name: that of its node ("conv1"); what a node makes beside its first value is called "loss.top_1".
 *  @return the zero handle if there is none */
TN_API tn_value tn_graph_value(const tn_graph *g, const char *name);

/** @return the name of a value, which lives as long as g; NULL if v is not of g. */
TN_API const char *tn_value_name(const tn_graph *g, tn_value v);

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
