/*
 * The reference kernels of the CPU (device option "reference"): each operation by the loops of its formula, in
 * double, in canonical layout, rounded once to f32 where a result is stored. They are the oracle of every
 * other kernel, and all that a machine without oneDNN has. Nothing is fused, nothing saved, and a gradient is
 * computed from the inputs again.
 *
 * Gradients that several terms add to are summed up in scratch memory, in double: tn_reference_sums() clears
 * it, tn_reference_store() rounds it. The order of a sum is that of the loops, for any number of threads.
 */
#ifndef TN_REFERENCE_H
#define TN_REFERENCE_H

#include "backends/cpu/device/cpu.h"

/* Where there is no oneDNN they are asked behind all others. */
enum { TN_REFERENCE_RANK = 100 };

/* prepare() of what reads canonical inputs, in both passes, and needs no memory. */
tn_status tn_reference_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b);
/* The same; where it is trained, scratch holds a double for each element of input 0. */
tn_status tn_reference_prepare_sums(tn_backend_device *d, const tn_node *n, tn_binding *b);

double *tn_reference_sums(const tn_call *c, int64_t count);
void tn_reference_store(float *to, const double *from, int64_t count);

/* y = f(x), element by element, and dx = dy * slope(x). */
typedef double tn_reference_function(double x, const void *opts);
tn_status tn_reference_map(const tn_call *c, tn_reference_function *f);
tn_status tn_reference_map_backward(const tn_call *c, tn_reference_function *slope);

/* The kernel tn_reference_<op> of such. */
#define TN_REFERENCE_MAP(stem, value, slope)        \
    static tn_status forward(const tn_call *c)      \
    {                                               \
        return tn_reference_map(c, value);          \
    }                                               \
    static tn_status backward(const tn_call *c)     \
    {                                               \
        return tn_reference_map_backward(c, slope); \
    }                                               \
    const tn_kernel tn_reference_##stem = {         \
        .op = #stem,                                \
        .rank = TN_REFERENCE_RANK,                  \
        .name = "reference",                        \
        .prepare = tn_reference_prepare,            \
        .forward = forward,                         \
        .backward = TN_BACKWARD(backward),          \
    }

#endif
