/* Numbers of elements to and from one number a dimension; and the loops of what moves elements of x. */
#ifndef TN_REFERENCE_INDEX_H
#define TN_REFERENCE_INDEX_H

#include "backends/cpu/reference/_reference.h"

static inline void tn_reference_index(const tn_shape *s, int64_t number, int64_t *index)
{
    for (int i = s->ndim - 1; i >= 0; i--) {
        index[i] = number % s->dim[i];
        number /= s->dim[i];
    }
}

static inline int64_t tn_reference_number(const tn_shape *s, const int64_t *index)
{
    int64_t number = 0;
    for (int i = 0; i < s->ndim; i++)
        number = number * s->dim[i] + index[i];
    return number;
}

/* From y's index to x's. False: this element of y is none of x. */
typedef bool tn_reference_source(const tn_node *n, const int64_t *y, int64_t *x);

/* Those elements of y are `rest`. */
tn_status tn_reference_move(const tn_call *c, tn_reference_source *from, float rest);
tn_status tn_reference_move_backward(const tn_call *c, tn_reference_source *from);

#endif
