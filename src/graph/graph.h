/*
 * The graph as its passes see it.
 */
#ifndef TN_GRAPH_INTERNAL_H
#define TN_GRAPH_INTERNAL_H

#include "base/arena.h"
#include "base/base.h"
#include "graph/op.h"

/* Which output of which node a value is, and what it is called. Value id i is value[i - 1]. */
typedef struct tn_made {
    const char *name;
    int32_t node;
    int32_t index;
} tn_made;

struct tn_graph {
    uint32_t number; /* what its values call it */
    tn_status status;
    char error[1024]; /* of the first failure; fixed, since it may be for want of memory */
    tn_arena arena;   /* nodes, names and options */
    tn_node **node;
    size_t num_nodes, node_capacity;
    tn_made *value;
    size_t num_values, value_capacity;
    int32_t *place; /* ids of values by the hash of their names, see names.c */
    size_t num_places;
    tn_value *output; /* what the network is for */
    size_t num_outputs, output_capacity;
    tn_value loss;
};

/* The node of an input: has no kernel; the plan's user writes its value. */
extern const tn_op tn_op_input;

/* tn_graph_add() with a name for each of the first outputs; what is left over is named as ever. */
tn_value tn_graph_add_named(tn_graph *g, const tn_op *op, const char *const *name, int num_names,
                            int num_in, const tn_value *in, const void *opts);

/* TN_ERR_ARGUMENT unless v is a value of g. */
tn_status tn_graph_check(const tn_graph *g, tn_value v);

/* names.c: the id of the value of that name, 0 if there is none; and one more value, whose name is new. */
int32_t tn_names_find(const tn_graph *g, const char *name);
tn_status tn_names_add(tn_graph *g, int32_t id);

/* param.c: a value that is there from the beginning, and its numbers: no kernel, no inputs. */
extern const tn_op tn_op_param, tn_op_constant;

static inline bool tn_is_source(const tn_node *n)
{
    return n->op == &tn_op_param || n->op == &tn_op_constant;
}

/* Completes and checks what was said of a parameter of the node. */
tn_status tn_complete_param(const tn_node *n, tn_param_spec *spec);

/* For builders: a node that is not in the graph yet; it gets its name, made up if that is NULL; it is added, and its
 * outputs get their names, the first of which may be given, and ids. */
tn_node *tn_graph_new_node(tn_graph *g, const tn_op *op);
tn_status tn_graph_give_name(tn_graph *g, tn_node *n, const char *name);
tn_status tn_graph_append(tn_graph *g, tn_node *n, const char *const *name, int num_names);
/* The node that makes a value. */
static inline const tn_node *tn_graph_node_of(const tn_graph *g, int32_t id)
{
    return g->node[g->value[id - 1].node];
}

/* Every parameter of the node: one that exists is taken, or one is made and added before it. */
tn_status tn_graph_find_params(tn_graph *g, tn_node *n);

/* Of what a node reads: "x (the batch is dimension 0), t (a mean over it)". */
typedef struct tn_batch_text {
    char text[512];
} tn_batch_text;
tn_batch_text tn_format_batch(const tn_graph *g, const tn_node *n);

/* shard.c: the batch that all inputs which have one agree in, 0 if none has; the same graph for another; and for inputs of
 * four dimensions of another height and width; for one of so many equal shares of the batch. */
tn_status tn_graph_batch(const tn_graph *g, int64_t *out);
tn_status tn_graph_resize(tn_graph **out, const tn_graph *g, int64_t batch);
tn_status tn_graph_resize_pictures(tn_graph **out, const tn_graph *g, int64_t batch, int64_t height,
                                   int64_t width);
tn_status tn_graph_shard(tn_graph **out, const tn_graph *g, int shares);

#endif
