/*
 * softmax and log_softmax on the CPU: the loops, which code.c has for each set of instructions, and the calls of both
 * kernels (passes.c). Exponentials are f32, their sums double.
 */
#ifndef TN_CPU_SOFTMAX_H
#define TN_CPU_SOFTMAX_H

#include "backends/cpu/device/cpu.h"

/* Lines beside each other that are done at once, where elements of one are apart. */
enum { TN_SOFTMAX_WIDE = 64 };

/* `lines` lines (at most TN_SOFTMAX_WIDE), whose `size` elements are `inner` apart, beside each other; with an inner of 1
 * there is one. y may be x, dx may be dy. */
typedef struct tn_softmax_code {
    void (*forward)(bool log, const float *x, float *y, int64_t size, int64_t inner, int64_t lines);
    void (*backward)(bool log, const float *y, const float *dy, float *dx, int64_t size,
                     int64_t inner, int64_t lines);
} tn_softmax_code;

extern const tn_softmax_code tn_softmax_avx512, tn_softmax_avx2, tn_softmax_portable;

tn_status tn_softmax_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
tn_status tn_softmax_forward(const tn_call *c, bool log);
tn_status tn_softmax_backward(const tn_call *c, bool log);

#endif
