/*
 * Vectors of LANES floats, for files that are compiled once for each width; the including file defines
 * LANES. Files named _*_avx512.c (16 lanes), _*_avx2.c and _*_portable.c (8, or 4 twice) are compiled for that
 * processor, and which of them runs is decided when it does, by tn_cpu_isa_here(). The blocks of channels
 * in which oneDNN keeps images have the same number of lanes.
 */
#ifndef TN_CPU_VECTOR_H
#define TN_CPU_VECTOR_H

#include <stdint.h>

/* Vectors in registers, and in memory, where they are aligned as floats are. */
typedef float vec __attribute__((vector_size(LANES * 4)));
typedef float vec_in_memory __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(LANES * 4))); /* all bits of an element, or none */

#define INLINE static inline __attribute__((always_inline))
/* For short loops of known length over what shall stay in registers. */
#define EACH(i, count) _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++)

INLINE vec load(const float *p)
{
    return *(const vec_in_memory *)p;
}

INLINE void store(float *p, vec v)
{
    *(vec_in_memory *)p = v;
}

#endif
