/*
 * A route through two tensors at once: a box of elements, and how far apart they are in each. What moves elements
 * (transpose, slice, pad, broadcast_to) says with one what it is, and a backend has one loop for all of them.
 */
#ifndef TN_ROUTE_H
#define TN_ROUTE_H

#include <stdbool.h>

#include <tenon/tensor.h>

typedef struct tn_route {
    int ndim;
    int64_t dim[TN_MAX_DIMS];
    int64_t to[TN_MAX_DIMS],
        from[TN_MAX_DIMS];  /* elements from one to the next; 0: it is always the same */
    int64_t to_at, from_at; /* of the first element */
    float rest;             /* what elements of `to` are that the route does not reach */
} tn_route;

/* Elements from one to the next in each dimension of a row major tensor. */
void tn_route_strides(const tn_shape *shape, int64_t *stride);

int64_t tn_route_count(const tn_route *w);

/* The other way; what it does not reach is 0. */
tn_route tn_route_back(const tn_route *w);

/* Without dimensions of 1, and with those as one that lie behind each other in both. At least one dimension is left. */
void tn_route_merge(tn_route *w);

#endif
