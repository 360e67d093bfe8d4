/* swish, y = x / (1 + exp(-beta x)), in both of the ways that an installed Tenon lets others add one. */
#ifndef SWISH_H
#define SWISH_H

#include <tenon/tenon.h>

typedef struct swish_opts {
    const char *name;
    float beta; /* default 1 */
} swish_opts;

/* An operation with a kernel for CPUs: makes it known, and the device able to do it. */
void swish_install(tn_device *device);
tn_value swish(tn_graph *g, tn_value x, const swish_opts *opts);

/* Functions on the host's memory, beta 1. */
tn_value swish_custom(tn_graph *g, tn_value x);

#endif
