/*
 * A net of toy operations (toy.h), planned and run; everything is poisoned before each run.
 */
#ifndef TN_LAB_NET_H
#define TN_LAB_NET_H

#include <tenon/plan.h>

/* From an input of 8 numbers to a loss. */
typedef tn_value (*toy_net)(tn_graph *g, tn_value x);

typedef struct toy_built {
    tn_graph *g;
    tn_value x, loss;
    tn_plan *plan;
} toy_built;

extern const float toy_data[8]; /* what its input is set to */

tn_status toy_build(toy_built *b, toy_net make, tn_plan_opts opts);
void toy_destroy(toy_built *b);
float toy_run(toy_built *b);                        /* the loss */
float toy_param(toy_built *b, int index, int part); /* the one number of a parameter */

/* Fused and not: the gradients of all parameters are what central differences give, and the loss is the same. */
void toy_check_net(toy_net make, const char *why);

#endif
