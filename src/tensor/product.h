/*
 * Products of many matrices, and those that their gradients are.
 *
 *     out = left right        left: rows x depth,  right: depth x cols,  out: rows x cols,  each of them row major
 *
 * A batch of them has dimensions, in which the matrices of each lie some elements apart. Where the same matrix is taken
 * for all it is 0 elements: of `out` the results are to be added up then.
 */
#ifndef TN_PRODUCT_H
#define TN_PRODUCT_H

#include <stdbool.h>

#include "tensor/route.h"

typedef struct tn_product {
    int64_t rows, cols, depth;
    bool left_turned, right_turned; /* kept as depth x rows, as cols x depth */
    int ndim;                       /* of the batch, */
    int64_t dim[TN_MAX_DIMS], left[TN_MAX_DIMS], right[TN_MAX_DIMS], out[TN_MAX_DIMS];
} tn_product;

/* y = a b, of the last two dimensions of each, exchanged where a or b is turned; the others broadcast. y's shape is right. */
tn_product tn_product_of(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y);
/* The gradient of a: left is dy and right b, or if a is turned left b and right dy. */
tn_product tn_product_da(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y);
/* The gradient of b: left is a and right dy, or if b is turned left dy and right a. */
tn_product tn_product_db(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y);

/* Are results added up? Then they are made apart, one behind the other: `apart` is p with an `out` of its own for
 * each, of *count elements, and *sum the way from there to where they are added up. */
bool tn_product_meets(const tn_product *p, tn_product *apart, int64_t *count, tn_route *sum);

#endif
