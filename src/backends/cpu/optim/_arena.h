/*
 * How optimizers go over the arenas.
 */
#ifndef TN_CPU_ARENA_H
#define TN_CPU_ARENA_H

#include "backends/backend.h"

/* Updates elements [begin, end), which all have the same rate and decay (multipliers already in). */
typedef void tn_cpu_update(const tn_optim_call *c, const void *arg, float rate, float decay,
                           size_t begin, size_t end);

/* Gives every thread an equal share of the elements of all ranges together, wherever ranges begin and
 * end: of AlexNet's 16 one holds 37 million and half hold under 10 thousand. `decay` is the weight
 * decay before multipliers. */
void tn_cpu_update_arena(const tn_optim_call *c, float decay, tn_cpu_update *update,
                         const void *arg);

#endif
