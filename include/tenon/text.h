/**
 * @file
 * Graphs as text: a net that was written by a program, by hand or by another tool, and is read without the program.
 *
 *     tenon graph 1
 *     input image u8 N 28 28 1
 *     input label i32 N
 *     x = image_input(image) scale=0.00390625
 *     conv1 = conv2d(x) filters=20 kernel=5 weight.init=xavier bias.rate=2
 *     pool1 = pool2d(conv1) kernel=2
 *     fc = dense(pool1) units=10
 *     loss, top_1, top_k = softmax_xent(fc, label) label_smoothing=0.1
 *     output fc
 *     loss loss
 *
 * A line a node: what it makes, the operation, what it reads, its options. Operations and options are those of layers.h,
 * by the same names; an option that is not given is its default. A number 0 is said as 0 (in C: TN_ZERO), and of several
 * numbers one that is left empty is the default: `stride=,2`. A flag stands by itself (`no_bias`); what is said of a
 * parameter is `weight.init=normal:0.01`, `weight.rate=2`, `weight.decay=0`, `weight.frozen`. Of a node that makes several
 * values those that are not named are called as the node, a dot and what they are: "loss.top_1".
 *
 * Parameters and constants that the program made are lines too, `w = param() shape=8,4 init=he`,
 * `c = constant() dtype=i32 shape=2,2 numbers=1,0,0,1` (one number: all are that); a layer takes one in place of its own by
 * `weight.value=w`. Those that a layer made are its own affair.
 *
 * `input` has a name, a type and dimensions; N is the batch, which is chosen when the text is read. Without an N it is
 * dimension 0, or what `batch=1`, `batch=none` behind the dimensions say (tn_input_batched()). `output` and `loss`
 * lines are tn_output() and tn_minimise(). Names other than of letters, digits and _ . : / - stand between quotes, with the
 * escapes of C. What follows a # is a comment. At most 16 MiB, and 1000000 nodes.
 *
 * Threads: reading makes a graph of its own; a graph that nobody adds to may be written by several at once.
 */
#ifndef TENON_TEXT_H
#define TENON_TEXT_H

#include <stdio.h>

#include <tenon/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The text of g: its nodes in the order in which they were made, so that values keep their numbers. Options are written
 * as they were given, floats so that they read back bit by bit. The batch is written as N where all inputs that have one
 * agree on it.
 * @return the first error of the graph; TN_ERR_IO, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_graph_write(const tn_graph *g, FILE *to);

typedef struct tn_graph_read_opts {
    const char
        *name;     /**< of the text in errors, "net.txt:12:9: ..."; default: its path, or "graph" */
    int64_t batch; /**< N; default 1 */
    /** The last layer that has a width of its own (units, filters) before the first output gets this one, in place of
     *  what the text says: for another number of classes. Default: as the text says. */
    int classes;
} tn_graph_read_opts;

/**
 * Makes the graph that a text tells of.
 * @return TN_ERR_FORMAT, or what the layer itself returns, with line, column and the word that is wrong in tn_error();
 *         TN_ERR_ARGUMENT, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_graph_read(tn_graph **out, const char *text, size_t bytes,
                                          const tn_graph_read_opts *opts);

/** The same for a file. @return also TN_ERR_IO */
TN_API TN_CHECKED tn_status tn_graph_open(tn_graph **out, const char *path,
                                          const tn_graph_read_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
