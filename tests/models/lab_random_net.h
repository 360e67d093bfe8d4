/*
 * Nets drawn at random, each by its number, with images, labels and a loss.
 */
#ifndef LAB_RANDOM_NET_H
#define LAB_RANDOM_NET_H

#include <tenon/tenon.h>

enum { LAB_NET_BATCH = 3, LAB_NET_CLASSES = 5 };

typedef struct lab_net {
    tn_graph *g;
    char made_of[512]; /* for who looks for what went wrong */
    tn_shape image;    /* of u8 */
    tn_value in, label, logits, loss;
} lab_net;

/* The same net for the same number; its graph is for tn_graph_destroy(). `shares`: some of its layers may have the same
 * weights, and some weights have a part in the loss by themselves. */
lab_net lab_draw_net(int number, bool shares);

#endif
