/* The networks that are compared, the same on both sides: nets.py has them for PyTorch. */
#ifndef BENCH_NETS_H
#define BENCH_NETS_H

#include <tenon/tenon.h>

typedef struct bench_net {
    const char *name;
    int side, channels, classes;
    bool pixels; /* a class a pixel, not an image */
    /* Gives the logits: N x classes, or N x classes x side x side. */
    tn_value (*build)(tn_graph *g, tn_value x, int classes);
} bench_net;

/* The net of that name. Without one: a sentence that lists them, and exit status 2. */
const bench_net *bench_net_find(const char *name);

#endif
