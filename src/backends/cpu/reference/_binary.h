/* y = f(a, b), element by element with broadcasting; da = the sums of dy * the slope by a, db of dy * the slope by b. */
#ifndef TN_REFERENCE_BINARY_H
#define TN_REFERENCE_BINARY_H

#include "backends/cpu/reference/_reference.h"

typedef double tn_reference_of_two(double a, double b);

tn_status tn_reference_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_reference_binary(const tn_call *c, tn_reference_of_two *f);
tn_status tn_reference_binary_backward(const tn_call *c, tn_reference_of_two *by_a,
                                       tn_reference_of_two *by_b);

#endif
