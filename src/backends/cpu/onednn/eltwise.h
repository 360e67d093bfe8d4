/*
 * Activations by oneDNN's element-wise primitive: y = f(x), backward from y. Any layout, in place. An
 * activation's file has a prepare() of its own, which says what f is, and the rest from here.
 */
#ifndef TN_CPU_ELTWISE_H
#define TN_CPU_ELTWISE_H

#include "backends/cpu/onednn/onednn.h"

/* `alg` is one of oneDNN's ..._use_dst_for_bwd. */
tn_status tn_eltwise_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                             dnnl_alg_kind_t alg, float alpha);
tn_status tn_eltwise_forward(const tn_call *c);
tn_status tn_eltwise_backward(const tn_call *c);
void tn_eltwise_release(void *state);
const char *tn_eltwise_describe(const void *state);

#endif
