/* How a primitive is cut into pieces; see pieces.c. */
#ifndef TN_ONEDNN_CUT_H
#define TN_ONEDNN_CUT_H

#include "backends/cpu/onednn/onednn.h"

enum { TN_CUT_X, TN_CUT_W, TN_CUT_B, TN_CUT_Y, TN_CUT_ROLES };

/* How a tensor is cut: along a dimension, so much of it for each unit; or -1: all pieces have all of it. */
typedef struct tn_cut {
    const tn_md *md;
    int dim;
    int64_t each;
} tn_cut;

/* Of a convolution. */
int64_t tn_cut_products(const tn_md *w, const tn_md *y);

/* How a primitive is: `count` pieces; below 2 it is not. */
typedef struct tn_cut_plan {
    tn_cut of[TN_CUT_ROLES];
    int64_t all;         /* so much is counted along the dimensions, */
    int64_t unit, units; /* so much in a unit, of which a piece has some */
    bool fills_up;       /* the last unit may be less */
    int64_t count;
    bool sums; /* w and b are sums over the pieces */
} tn_cut_plan;

/* Which tensor an argument is, or what it is the gradient of; TN_CUT_ROLES: none of them. */
int tn_cut_role(int arg);
tn_cut_plan tn_cut_plan_of(tn_maker *m, const tn_prim *p, const tn_prim_spec *s, tn_cutting how);
/* The descriptor of `size` of what is counted. */
const tn_md *tn_cut_part(tn_maker *m, const tn_cut *c, int64_t size);
/* Bytes from one of what is counted to the next. */
size_t tn_cut_step(const tn_cut *c);

#endif
