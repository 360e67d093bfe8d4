/*
 * The networks of the examples.
 */
#ifndef EXAMPLES_NETS_H
#define EXAMPLES_NETS_H

#include <tenon/tenon.h>

typedef struct net {
    const char *name;
    const char *about;
    int size;     /* side of the images it was made for */
    int resize;   /* to which their short side is scaled before the middle is cut out */
    int channels; /* 3: RGB; 1: grey */
    tn_image_input_opts input;
    /* x: N x channels x size x size;  y: N x classes, logits */
    tn_value (*build)(tn_graph *g, tn_value x, int classes);
} net;

/* NULL if there is none of that name. */
const net *net_find(const char *name);

/* The name of each, in a row until NULL. */
const char *net_name(int index);

/* nets_deep.c */
tn_value net_googlenet(tn_graph *g, tn_value x, int classes);
tn_value net_resnet18(tn_graph *g, tn_value x, int classes);
tn_value net_resnet50(tn_graph *g, tn_value x, int classes);

#endif
