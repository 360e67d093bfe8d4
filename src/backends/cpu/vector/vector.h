/*
 * Vectors of LANES floats, for files that are compiled once for each set of instructions (isa.h); the including file
 * defines LANES. The blocks of channels in which oneDNN keeps images have 16 lanes for AVX-512, else 8.
 */
#ifndef TN_CPU_VECTOR_H
#define TN_CPU_VECTOR_H

#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/* Past the caches, which need not read first what is there; p is aligned as a vec is. Vectors that fill no
 * half of a cache line go as others do. */
INLINE void stream(float *p, vec v)
{
#if LANES == 16 && defined __AVX512F__
    _mm512_stream_ps(p, (__m512)v);
#elif LANES == 8 && defined __AVX__
    _mm256_stream_ps(p, (__m256)v);
#else
    store(p, v);
#endif
}

/* What was streamed is there for other threads. */
INLINE void end_stream(void)
{
#ifdef __x86_64__
    _mm_sfence();
#endif
}

#endif
