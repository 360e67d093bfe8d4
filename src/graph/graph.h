/*
 * The graph as its passes see it.
 */
#ifndef TN_GRAPH_INTERNAL_H
#define TN_GRAPH_INTERNAL_H

#include "base/arena.h"
#include "base/base.h"
#include "graph/op.h"

/* Which output of which node a value is. Value id i is value[i - 1]. */
typedef struct tn_graph_value {
    int32_t node;
    int32_t index;
} tn_graph_value;

struct tn_graph {
    uint32_t number; /* what its values call it */
    tn_status status;
    char error[1024]; /* of the first failure; fixed, since it may be for want of memory */
    tn_arena arena;   /* nodes, names and options */
    tn_node **node;
    size_t num_nodes, node_capacity;
    tn_graph_value *value;
    size_t num_values, value_capacity;
};

/* The node of an input: has no kernel; the plan's user writes its value. */
extern const tn_op tn_op_input;

/* Completes and checks what was said of the node's parameters. */
tn_status tn_complete_params(tn_node *n);

/* The same graph for one of so many equal shares of the batch: see shard.c. */
tn_status tn_graph_shard(tn_graph **out, const tn_graph *g, int shares);

#endif
