/*
 * What conv2d and dense have in common: y = w * x + b and its three passes, each a oneDNN primitive.
 *
 * Layouts. The forward pass chooses: x stays as it comes if oneDNN has a fast kernel for that, w is
 * kept for good in the layout that the forward pass likes, y is written in the layout that goes with
 * it. The backward passes take x, w and y as they are wherever oneDNN has a fast kernel for that, and
 * else go through a reorder in scratch memory.
 *
 * With a relu absorbed, backward first makes dz = dy where y > 0, else 0, in scratch. A value that is added to y, x[1], is added
 * behind the product, with the relu behind that.
 *
 * The same bits come out for the same number of threads. For another number oneDNN may cut sums
 * differently, so that the last bits differ: those over images in dw and db of a convolution, and any
 * in a matrix product, which dense is.
 */
#ifndef TN_CPU_LINEAR_H
#define TN_CPU_LINEAR_H

#include "backends/cpu/onednn/onednn.h"

typedef struct tn_linear_spec {
    /* tn_make_convolution or tn_make_inner_product */
    void (*make)(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
    const tn_window *window; /* of a convolution */
    const tn_md *x;          /* as it comes */
    bool relu_apart; /* a relu is done behind the product, not by oneDNN, which loses NaNs */
    dnnl_alg_kind_t
        last; /* what oneDNN does with each element, with these; 0: nothing, or the relu */
    float alpha, beta;
    int w_ndim;
    int64_t w_dim[DNNL_MAX_NDIMS]; /* as oneDNN takes them */
} tn_linear_spec;

/* An argument that a primitive wants in another layout than there is: reordered through scratch. */
typedef struct tn_detour {
    tn_prim reorder; /* none made: not needed */
    size_t at;       /* in scratch */
} tn_detour;

/* One backward pass. */
typedef struct tn_linear_pass {
    tn_prim prim;
    tn_detour in[2]; /* dy, and w for dx or x for dw */
    tn_detour out;   /* dx or dw */
    size_t scratchpad;
} tn_linear_pass;

typedef struct tn_linear {
    tn_prim forward;
    tn_linear_pass data, weights;
    bool relu, relu_apart, adds;
    int64_t y_elements; /* with padding */
    size_t forward_scratchpad, dz;
    size_t dw; /* in scratch: where dw goes that nobody asked for */
} tn_linear;

/* How fast an implementation is, by its name: 2 generated code, 1 a matrix product (for a convolution
 * over x unrolled), 0 loops in C++; -1 none made. */
int tn_linear_rank(const tn_prim *p);

/* Fills *l and the whole binding but `state`. On failure *l is to be freed all the same. */
void tn_linear_prepare(tn_maker *m, tn_linear *l, const tn_node *n, tn_binding *b,
                       const tn_linear_spec *s);
tn_status tn_linear_forward(tn_linear *l, const tn_call *c);
tn_status tn_linear_backward(tn_linear *l, const tn_call *c);
void tn_linear_free(tn_linear *l);

#endif
