/*
 * What moves elements, and what reduces them: loops over a tn_route. Tensors are canonical.
 *
 * An op whose route says all of it is a line a file: TN_CPU_MOVE("transpose").
 */
#ifndef TN_CPU_MOVE_H
#define TN_CPU_MOVE_H

#include "backends/cpu/device/cpu.h"
#include "tensor/route.h"

/* to = from along the route; elements of `to`, `count` in all, that it does not reach are w->rest. */
void tn_cpu_move_along(const tn_backend_device *d, const tn_route *w, float *to, const float *from,
                       int64_t count);

/* What is made of the elements of `from` that meet in one of `to`. */
typedef enum tn_cpu_meet {
    TN_CPU_SUM,
    TN_CPU_MAX, /* NaN if there is one */
    TN_CPU_MIN,
    TN_CPU_EQUAL /* how many are what `of` is there, a NaN what a NaN is */
} tn_cpu_meet;

typedef struct tn_cpu_reduction {
    tn_cpu_meet meet;
    double scale;    /* of a sum */
    const float *of; /* EQUAL: as `to` lies */
} tn_cpu_reduction;

/* The sums are in double, in an order that does not depend on the number of threads. */
void tn_cpu_reduce_along(const tn_backend_device *d, const tn_route *w, const tn_cpu_reduction *r,
                         float *to, const float *from);

/* Of a node whose op has a route along which no elements of y meet. */
tn_status tn_cpu_move_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_cpu_move_forward(const tn_call *c);
tn_status tn_cpu_move_backward(const tn_call *c);
#define TN_CPU_MOVE(name)                                                             \
    {                                                                                 \
        .op = (name), .prepare = tn_cpu_move_prepare, .forward = tn_cpu_move_forward, \
        .backward = TN_BACKWARD(tn_cpu_move_backward),                                \
    }

#endif
