/*
 * A toy backend and toy operations, so that the plan's passes are tested apart from any real kernel.
 *
 * Memory is the host's. Its one foreign layout, `toy_reversed`, holds elements last to first. An op with
 * `reversed` set reads and writes that, so neighbours that differ need a reorder.
 *   scale  y = w x, w one number         times  y[i] = w[i] x[i]
 *   plus   y = a + b, in place           mono   y = max(x, 0)
 *   cut    y[0], y[1] = the halves of x  half   y[i] = max(x[2 i], x[2 i + 1])
 *   total  y = sum of x, a scalar        flat   a view
 */
#ifndef TN_TOY_H
#define TN_TOY_H

#include "backends/backend.h"

/* Its peak rates. */
enum { TOY_FLOPS = 16, TOY_BANDWIDTH = 128 };

typedef struct toy_opts {
    bool reversed;
    float start; /* scale, times: w begins at this */
    bool frozen;
    int turned;     /* times: w is wanted reversed, 2: in another layout of the same order, */
    tn_value value; /* and is this */
    bool keeps;     /* times: -w is kept, if there is room */
} toy_opts;

extern const tn_kernel *const toy_kernels[];
extern tn_device toy_device;
extern const tn_op toy_flat;

tn_value toy_scale(tn_graph *g, tn_value x, const toy_opts *opts);
tn_value toy_times(tn_graph *g, tn_value x, const toy_opts *opts);
tn_value toy_plus(tn_graph *g, tn_value a, tn_value b, const toy_opts *opts);
tn_value toy_mono(tn_graph *g, tn_value x, const toy_opts *opts);
tn_value toy_half(tn_graph *g, tn_value x, const toy_opts *opts);
tn_value toy_cut(tn_graph *g, tn_value x, const toy_opts *opts); /* of y[0] */
tn_value toy_total(tn_graph *g, tn_value x);
tn_value toy_view(tn_graph *g, tn_value x);
tn_value toy_unknown(tn_graph *g, tn_value x); /* no kernel does it */

/* Reorders run, weights arranged, and blocks of device memory not given back. */
extern int toy_reorders_run;
extern int toy_arranged;
extern int toy_blocks;

#endif
