/*
 * Are two graphs the same net? Both have the inputs "image", u8, and "label", i32 of 5 classes or more, and a loss.
 */
#ifndef LAB_SAME_NET_H
#define LAB_SAME_NET_H

#include <tenon/tenon.h>

/* The graph that the text of g tells of, whose own text is the same; for tn_graph_destroy(). */
tn_graph *lab_through_text(const tn_graph *g, int64_t batch);

/* Their plans have the same description, and every number is the same after two steps of training. */
void lab_assert_same_net(const tn_graph *g, const tn_graph *again, const char *device,
                         const char *what);

/* The plan's description, for free(). */
char *lab_describe(const tn_plan *p);

#endif
