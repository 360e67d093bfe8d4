/*
 * What multiplies each channel by a number and adds one, and what can take that into its own weights: in double, and left as it
 * is where a number would not be finite any more.
 */
#ifndef TN_MODEL_CHANNELS_H
#define TN_MODEL_CHANNELS_H

#include "model/passes/rewrite.h"

/* y = scale[c] x + shift[c], c along dimension 1. */
typedef struct tn_channels {
    int64_t count; /* 0: the node is none such, or its numbers are not there */
    int input;     /* which one of the node's is x */
    double *scale, *shift;
} tn_channels;

tn_status tn_channels_read(tn_rewrite *r, const tn_node *n, tn_channels *out);

/* n takes in what is behind it and is c, each the only reader of the one before, up to the last: it is made again with other
 * numbers, by the name of n, or that of the last if it is an output. */
tn_status tn_channels_take_behind(tn_rewrite *r, const tn_node *n, const tn_node *last,
                                  const tn_channels *c, bool *done);

/* The node that alone reads n takes n in, which is c: its numbers are others now. It needs a bias then (r->mark), which
 * tn_channels_give_bias() gives it when it comes. Not if it pads its input, where c does not make 0 of 0. */
tn_status tn_channels_take_before(tn_rewrite *r, const tn_node *n, const tn_channels *c,
                                  bool *done);
tn_status tn_channels_give_bias(tn_rewrite *r, const tn_node *n, bool *done);

#endif
