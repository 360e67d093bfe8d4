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

/* The same, of which the compiler does not know that it has been loaded: it uses it again rather than load it again. */
INLINE vec in_register(vec v)
{
#if LANES == 16 && defined __AVX512F__
    __asm__("" : "+v"(v));
#elif LANES <= 8 && defined __AVX__ || LANES == 4 && defined __SSE__
    __asm__("" : "+x"(v));
#endif
    return v;
}

/* The larger, and the smaller, of v and another one; NaN of v's NaN. */
INLINE vec at_least(vec low, vec v)
{
#if LANES == 16 && defined __AVX512F__
    return (vec)_mm512_max_ps((__m512)low, (__m512)v);
#elif LANES == 8 && defined __AVX__
    return (vec)_mm256_max_ps((__m256)low, (__m256)v);
#elif LANES == 4 && defined __SSE__
    return (vec)_mm_max_ps((__m128)low, (__m128)v);
#else
    const mask below = v < low;
    return (vec)((below & (mask)low) | (~below & (mask)v));
#endif
}

INLINE vec at_most(vec high, vec v)
{
#if LANES == 16 && defined __AVX512F__
    return (vec)_mm512_min_ps((__m512)high, (__m512)v);
#elif LANES == 8 && defined __AVX__
    return (vec)_mm256_min_ps((__m256)high, (__m256)v);
#elif LANES == 4 && defined __SSE__
    return (vec)_mm_min_ps((__m128)high, (__m128)v);
#else
    const mask above = v > high;
    return (vec)((above & (mask)high) | (~above & (mask)v));
#endif
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
