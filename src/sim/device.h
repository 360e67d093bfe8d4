/*
 * What a kernel's source sees in place of CUDA's extensions of the language, when g++ compiles it for the
 * simulated GPU. Vector types (uint4, float4), __half and __nv_bfloat16 come from NVIDIA's own headers.
 *
 * A thread of a block is a fiber, see fibers.c. Those functions that may have to wait for other threads
 * say where in the source they stand: threads that meet must stand at the same place.
 */
#ifndef TN_SIM_DEVICE_H
#define TN_SIM_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void tn_sim_call(const void *args);
/* Said by TN_KERNEL, before main() runs. */
void tn_sim_register(const void *kernel, const char *name, tn_sim_call *call, size_t bytes);

typedef struct tn_sim_index {
    unsigned x, y, z;
} tn_sim_index;
/* Of the fiber that runs. All simulated work happens under one lock, so these are not per thread. */
extern tn_sim_index tn_sim_thread, tn_sim_block, tn_sim_threads, tn_sim_blocks;

/* Memory of the block: array `id` of the kernel, and what the launch asked for. */
void *tn_sim_shared(int id, size_t bytes);
void *tn_sim_dynamic_shared(void);

/* Waits for all threads of the block. */
void tn_sim_barrier(const char *file, int line);

/* Waits for the lanes in the mask, which all give a value and take one: what lane `from` gave, or (votes) a bit
 * for every lane that gave something else than zero. from < 0: the caller wants nothing that is defined. */
typedef enum tn_sim_meeting { TN_SIM_SYNC, TN_SIM_SHUFFLE, TN_SIM_VOTE } tn_sim_meeting;
uint64_t tn_sim_meet(tn_sim_meeting kind, unsigned mask, uint64_t value, int from, const char *file,
                     int line);

#ifdef __cplusplus
}

#include <cmath>
#include <cstring>
#include <type_traits>

#define threadIdx tn_sim_thread
#define blockIdx tn_sim_block
#define blockDim tn_sim_threads
#define gridDim tn_sim_blocks
#define warpSize 32

#ifndef __launch_bounds__
#define __launch_bounds__(...)
#endif

/* ---- threads that meet -------------------------------------------------------------------- */

#define __syncthreads() tn_sim_barrier(__FILE__, __LINE__)
#define __syncwarp(...) tn_sim_syncwarp_at(__FILE__, __LINE__, ##__VA_ARGS__)
#define __shfl_sync(...) tn_sim_shfl_at(__FILE__, __LINE__, tn_sim_from_lane, __VA_ARGS__)
#define __shfl_up_sync(...) tn_sim_shfl_at(__FILE__, __LINE__, tn_sim_from_below, __VA_ARGS__)
#define __shfl_down_sync(...) tn_sim_shfl_at(__FILE__, __LINE__, tn_sim_from_above, __VA_ARGS__)
#define __shfl_xor_sync(...) tn_sim_shfl_at(__FILE__, __LINE__, tn_sim_from_xor, __VA_ARGS__)
#define __ballot_sync(mask, p) tn_sim_ballot_at(__FILE__, __LINE__, (mask), (p) != 0)
#define __any_sync(mask, p) (tn_sim_ballot_at(__FILE__, __LINE__, (mask), (p) != 0) != 0)
#define __all_sync(mask, p) (tn_sim_ballot_at(__FILE__, __LINE__, (mask), (p) == 0) == 0)

static inline int tn_sim_lane(void)
{
    const unsigned row = tn_sim_thread.y + tn_sim_threads.y * tn_sim_thread.z;
    return static_cast<int>((tn_sim_thread.x + tn_sim_threads.x * row) % 32);
}

/* Whose value a lane takes: one of its own segment of `width` lanes, else its own. */
static inline int tn_sim_from_lane(int lane, int from, int width)
{
    return lane / width * width + (from & (width - 1));
}
static inline int tn_sim_from_below(int lane, int by, int width)
{
    return lane % width >= by ? lane - by : lane;
}
static inline int tn_sim_from_above(int lane, int by, int width)
{
    return lane % width + by < width ? lane + by : lane;
}
static inline int tn_sim_from_xor(int lane, int bits, int width)
{
    return (lane ^ bits) < lane / width * width + width ? lane ^ bits : lane;
}

template <class T>
static inline T tn_sim_shfl_at(const char *file, int line, int (*from)(int, int, int),
                               unsigned mask, T value, int by, int width = 32)
{
    static_assert(std::is_trivially_copyable<T>::value && sizeof(T) <= 8, "what a shuffle moves");
    uint64_t bits = 0;
    std::memcpy(&bits, static_cast<const void *>(&value), sizeof value);
    bits = tn_sim_meet(TN_SIM_SHUFFLE, mask, bits, from(tn_sim_lane(), by, width), file, line);
    std::memcpy(static_cast<void *>(&value), &bits, sizeof value);
    return value;
}
static inline unsigned tn_sim_ballot_at(const char *file, int line, unsigned mask, bool vote)
{
    return static_cast<unsigned>(tn_sim_meet(TN_SIM_VOTE, mask, vote, -1, file, line));
}
static inline void tn_sim_syncwarp_at(const char *file, int line, unsigned mask = 0xffffffffu)
{
    tn_sim_meet(TN_SIM_SYNC, mask, 0, -1, file, line);
}
static inline void __threadfence(void) /* one fiber runs at a time: all see what it wrote */
{
}
static inline void __threadfence_block(void)
{
}

/* ---- memory ------------------------------------------------------------------------------- */

template <class T> static inline T __ldg(const T *p)
{
    return *p;
}

/* The types are those that the GPU has instructions for. */
#define TN_SIM_ATOMIC(name, T, result)        \
    static inline T name(T *address, T value) \
    {                                         \
        const T old = *address;               \
        *address = static_cast<T>(result);    \
        return old;                           \
    }
TN_SIM_ATOMIC(atomicAdd, int, old + value)
TN_SIM_ATOMIC(atomicAdd, unsigned, old + value)
TN_SIM_ATOMIC(atomicAdd, unsigned long long, old + value)
TN_SIM_ATOMIC(atomicAdd, float, old + value)
TN_SIM_ATOMIC(atomicAdd, double, old + value)
TN_SIM_ATOMIC(atomicMax, int, old > value ? old : value)
TN_SIM_ATOMIC(atomicMax, unsigned, old > value ? old : value)
TN_SIM_ATOMIC(atomicMax, long long, old > value ? old : value)
TN_SIM_ATOMIC(atomicMax, unsigned long long, old > value ? old : value)
TN_SIM_ATOMIC(atomicExch, int, value)
TN_SIM_ATOMIC(atomicExch, unsigned, value)
TN_SIM_ATOMIC(atomicExch, unsigned long long, value)
TN_SIM_ATOMIC(atomicExch, float, value)
#undef TN_SIM_ATOMIC

/* ---- arithmetic --------------------------------------------------------------------------- */

#define TN_SIM_MIN_MAX(T)         \
    static inline T min(T a, T b) \
    {                             \
        return b < a ? b : a;     \
    }                             \
    static inline T max(T a, T b) \
    {                             \
        return a < b ? b : a;     \
    }
TN_SIM_MIN_MAX(int)
TN_SIM_MIN_MAX(unsigned)
TN_SIM_MIN_MAX(long)
TN_SIM_MIN_MAX(unsigned long)
TN_SIM_MIN_MAX(long long)
TN_SIM_MIN_MAX(unsigned long long)
#undef TN_SIM_MIN_MAX
/* As fminf() and fmaxf(): the one that is a number. */
static inline float min(float a, float b)
{
    return std::fmin(a, b);
}
static inline float max(float a, float b)
{
    return std::fmax(a, b);
}

static inline float rsqrtf(float x)
{
    return 1.0f / std::sqrt(x);
}
/* The C library keeps functions of these names to itself. */
#define __expf tn_sim_expf
#define __logf tn_sim_logf
static inline float tn_sim_expf(float x)
{
    return std::exp(x);
}
static inline float tn_sim_logf(float x)
{
    return std::log(x);
}
static inline float __fdividef(float x, float y)
{
    return x / y;
}
static inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float __uint_as_float(unsigned bits)
{
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
static inline int __popc(unsigned bits)
{
    return __builtin_popcount(bits);
}
#endif

#endif
