/*
 * Functions of one value, element by element, in any layout, in place where backward does not read x. An op is two
 * formulas, y and dx; unary_code.c makes loops of them, once for each set of instructions, and its file is one line,
 * TN_UNARY_KERNEL(op).
 */
#ifndef TN_CPU_UNARY_H
#define TN_CPU_UNARY_H

#include "backends/cpu/device/cpu.h"

/* `count` elements of what backward reads, and of dy where it is a gradient. k: the op's numbers, tn_option_floats(). */
typedef struct tn_unary_run {
    int64_t count;
    const float *from, *dy;
    float *to; /* may be one of them */
    float k[3];
} tn_unary_run;

typedef void tn_unary_loop(const tn_unary_run *r);
typedef struct tn_unary_loops {
    tn_unary_loop *y, *dx;
    bool reads_y; /* dx does, and else x */
} tn_unary_loops;

/* Loops by the set of instructions, as `name`. */
#ifdef __x86_64__
#define TN_UNARY_LOOPS(stem, name)                                                  \
    extern const tn_unary_loops tn_unary_##stem##_portable, tn_unary_##stem##_avx2, \
        tn_unary_##stem##_avx512;                                                   \
    static const tn_unary_loops *const name[TN_CPU_ISAS] = {                        \
        &tn_unary_##stem##_portable, &tn_unary_##stem##_avx2, &tn_unary_##stem##_avx512}
#else
#define TN_UNARY_LOOPS(stem, name)                          \
    extern const tn_unary_loops tn_unary_##stem##_portable; \
    static const tn_unary_loops *const name[TN_CPU_ISAS] = {&tn_unary_##stem##_portable}
#endif

/* `loops`: TN_CPU_ISAS of them. */
tn_status tn_unary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_unary_loops *const *loops);
tn_status tn_unary_forward(const tn_call *c);
tn_status tn_unary_backward(const tn_call *c);
void tn_unary_release(void *state);

/* The loops of a function that may stand behind another operation (TN_POST_EACH); NULL: it is none that is known. */
const tn_unary_loops *tn_unary_post(const tn_node *post);
/* Does what fills up a layout stay 0? 0 has to make 0, with no infinite slope. */
bool tn_unary_keeps_zero(const tn_unary_loops *loops, const float k[3]);

/* The kernel tn_cpu_<op> of the formulas of that name. */
#define TN_UNARY_KERNEL(stem)                                                       \
    static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b) \
    {                                                                               \
        TN_UNARY_LOOPS(stem, loops);                                                \
        return tn_unary_prepare(d, n, b, loops);                                    \
    }                                                                               \
    const tn_kernel tn_cpu_##stem = {                                               \
        .op = #stem,                                                                \
        .prepare = prepare,                                                         \
        .forward = tn_unary_forward,                                                \
        .backward = TN_BACKWARD(tn_unary_backward),                                 \
        .release = tn_unary_release,                                                \
    }

#endif
