/*
 * Two tensors, element by element, where one may have to be taken again along some dimensions ("broadcast"): what
 * kernels walk over. Dimensions are those of y from the outermost to the innermost, in the order in which y lies in
 * memory, without gaps; as few of them as say the same.
 */
#ifndef TN_BACKEND_BROADCAST_H
#define TN_BACKEND_BROADCAST_H

#include "graph/op.h"

enum { TN_BROADCAST_DIMS = 2 * TN_MAX_DIMS /* blocks of a layout are dimensions, too */ };

typedef struct tn_broadcast {
    int ndim; /* 1 or more */
    int64_t dim[TN_BROADCAST_DIMS];
    int64_t step[2]
                [TN_BROADCAST_DIMS]; /* of a and b, elements from one to the next; 0: taken again */
} tn_broadcast;

/* One more dimension, inside of those that there are; a zeroed one has none. */
void tn_broadcast_add(tn_broadcast *s, int64_t dim, int64_t a_step, int64_t b_step);
/* After the last: there is at least one. */
void tn_broadcast_end(tn_broadcast *s);

/* The shape of input i. Of a node with one input the second is its first parameter, a number a channel (dimension 1)
 * or one for all. */
tn_shape tn_broadcast_input(const tn_node *n, int i);
/* From one element of input i to the next along dimension `at` of y, where it is canonical. */
int64_t tn_broadcast_step(const tn_node *n, int i, int at);
/* Of a node whose inputs and output are canonical. */
tn_broadcast tn_broadcast_of(const tn_node *n);

/* Is input i taken again anywhere? */
bool tn_broadcast_repeats(const tn_broadcast *s, int i);

#endif
