/*
 * What kernels share: numbers of any type as f32, sixteen bytes at a time, loops over the whole grid, sums
 * and maxima of a warp and of a block, random numbers. For .cu files.
 *
 *     template <class T> TN_DEVICE void scale(const tnk_scale_args &p)
 *     {
 *         const T *x = static_cast<const T *>(p.x);
 *         T *y = static_cast<T *>(p.y);
 *         constexpr int N = tn_lanes<T>;
 *         const bool whole = tn_aligned<T, N>(x) && tn_aligned<T, N>(y);
 *         TN_GRID_STRIDE(i, tn_groups<N>(p.count)) {
 *             float v[N];
 *             tn_read(v, x, i, p.count, whole);
 *             for (int j = 0; j < N; j++)
 *                 v[j] *= p.factor;
 *             tn_write(y, v, i, p.count, whole);
 *         }
 *     }
 */
#ifndef TN_VECTOR_H
#define TN_VECTOR_H

#include "backends/cuda/kernels/gpu.h"

/* Before a loop whose counts are constant. */
#ifdef __CUDACC__
#define TN_UNROLL _Pragma("unroll")
#else
#define TN_UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- numbers ------------------------------------------------------------------------------ */

TN_DEVICE float tn_float(float x)
{
    return x;
}
TN_DEVICE float tn_float(__half x)
{
    return __half2float(x);
}
TN_DEVICE float tn_float(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

TN_DEVICE void tn_put(float &to, float x)
{
    to = x;
}
TN_DEVICE void tn_put(__half &to, float x)
{
    to = __float2half_rn(x);
}
TN_DEVICE void tn_put(__nv_bfloat16 &to, float x)
{
    to = __float2bfloat16_rn(x);
}

template <class T> TN_DEVICE float tn_load(const T *p)
{
    return tn_float(*p);
}
template <class T> TN_DEVICE void tn_store(T *p, float x)
{
    tn_put(*p, x);
}

/* ---- several at a time -------------------------------------------------------------------- */

/* How many make 16 bytes, the most that one instruction moves. */
template <class T> constexpr int tn_lanes = 16 / static_cast<int>(sizeof(T));

/* An integer type of as many bytes, to move them as one. */
template <int bytes> struct tn_word;
template <> struct tn_word<2> {
    typedef unsigned short type;
};
template <> struct tn_word<4> {
    typedef unsigned type;
};
template <> struct tn_word<8> {
    typedef uint2 type;
};
template <> struct tn_word<16> {
    typedef uint4 type;
};

/* N numbers are moved in pieces of at most 16 bytes. */
template <class T, int N>
constexpr int tn_piece = N * sizeof(T) > 16 ? 16 : N *static_cast<int>(sizeof(T));

/* May p be moved N at a time? True of all that begins where memory was taken, or N elements on. */
template <class T, int N> TN_DEVICE bool tn_aligned(const T *p)
{
    return reinterpret_cast<uintptr_t>(p) % tn_piece<T, N> == 0;
}

/* N numbers at p, which is aligned. N: a power of 2. */
template <int N, class T> TN_DEVICE void tn_load_all(float (&to)[N], const T *p)
{
    constexpr int each = tn_piece<T, N> / static_cast<int>(sizeof(T));
    alignas(16) T v[each];
    TN_UNROLL
    for (int i = 0; i < N; i += each) {
#ifdef __CUDACC__
        typedef typename tn_word<tn_piece<T, N>>::type word;
        *reinterpret_cast<word *>(v) = *reinterpret_cast<const word *>(p + i);
#else
        std::memcpy(static_cast<void *>(v), p + i, sizeof v);
#endif
        TN_UNROLL
        for (int j = 0; j < each; j++)
            to[i + j] = tn_float(v[j]);
    }
}
template <int N, class T> TN_DEVICE void tn_store_all(T *p, const float (&from)[N])
{
    constexpr int each = tn_piece<T, N> / static_cast<int>(sizeof(T));
    alignas(16) T v[each];
    TN_UNROLL
    for (int i = 0; i < N; i += each) {
        TN_UNROLL
        for (int j = 0; j < each; j++)
            tn_put(v[j], from[i + j]);
#ifdef __CUDACC__
        typedef typename tn_word<tn_piece<T, N>>::type word;
        *reinterpret_cast<word *>(p + i) = *reinterpret_cast<const word *>(v);
#else
        std::memcpy(p + i, static_cast<const void *>(v), sizeof v);
#endif
    }
}

/* Groups of N in `count` elements, the last perhaps not full. */
template <int N> TN_DEVICE int64_t tn_groups(int64_t count)
{
    return (count + N - 1) / N;
}

/* Group i of N out of `count` elements, zero past the end. `whole`: tn_aligned. */
template <int N, class T>
TN_DEVICE void tn_read(float (&to)[N], const T *from, int64_t i, int64_t count, bool whole)
{
    const int64_t begin = i * N;
    if (whole && begin + N <= count) {
        tn_load_all(to, from + begin);
        return;
    }
    TN_UNROLL
    for (int j = 0; j < N; j++)
        to[j] = begin + j < count ? tn_load(from + begin + j) : 0.0f;
}
template <int N, class T>
TN_DEVICE void tn_write(T *to, const float (&from)[N], int64_t i, int64_t count, bool whole)
{
    const int64_t begin = i * N;
    if (whole && begin + N <= count) {
        tn_store_all(to + begin, from);
        return;
    }
    TN_UNROLL
    for (int j = 0; j < N; j++)
        if (begin + j < count)
            tn_store(to + begin + j, from[j]);
}

/* For i of 0 .. count - 1, each once in the grid. */
#define TN_GRID_STRIDE(i, count)                                                             \
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x,            \
                 i##_step = static_cast<int64_t>(gridDim.x) * blockDim.x, i##_end = (count); \
         i < i##_end; i += i##_step)

/* ---- reductions --------------------------------------------------------------------------- */

/* All threads of the warp, or of the block (whole warps of it), take part and all have the result. The
 * order is fixed, so the same numbers give the same bits. */

enum { TN_WARP = 32, TN_MAX_WARPS = 32 };

template <class T> TN_DEVICE T tn_warp_sum(T x)
{
    for (int d = TN_WARP / 2; d > 0; d /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, d);
    return x;
}
/* NaN if any is. */
TN_DEVICE float tn_warp_max(float x)
{
    for (int d = TN_WARP / 2; d > 0; d /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, x, d);
        x = other > x || other != other ? other : x;
    }
    return x;
}

template <class T> TN_DEVICE T tn_block_sum(T x)
{
    TN_SHARED(T, part, TN_MAX_WARPS);
    const unsigned lane = threadIdx.x % TN_WARP, warps = blockDim.x / TN_WARP;
    x = tn_warp_sum(x);
    __syncthreads(); /* the last sum's parts have been read */
    if (lane == 0)
        part[threadIdx.x / TN_WARP] = x;
    __syncthreads();
    return tn_warp_sum(lane < warps ? part[lane] : T(0));
}
TN_DEVICE float tn_block_max(float x)
{
    TN_SHARED(float, part, TN_MAX_WARPS);
    const unsigned lane = threadIdx.x % TN_WARP, warps = blockDim.x / TN_WARP;
    x = tn_warp_max(x);
    __syncthreads();
    if (lane == 0)
        part[threadIdx.x / TN_WARP] = x;
    __syncthreads();
    return tn_warp_max(part[lane < warps ? lane : 0]);
}

/* ---- random numbers ----------------------------------------------------------------------- */

/* As base/random.h has it, bit for bit. */
struct tn_philox4 {
    uint32_t word[4];
};

TN_DEVICE tn_philox4 tn_philox_at(uint64_t key, uint64_t counter_low, uint64_t counter_high)
{
    uint32_t c0 = static_cast<uint32_t>(counter_low);
    uint32_t c1 = static_cast<uint32_t>(counter_low >> 32);
    uint32_t c2 = static_cast<uint32_t>(counter_high);
    uint32_t c3 = static_cast<uint32_t>(counter_high >> 32);
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    TN_UNROLL
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xD2511F53) * c0, b = UINT64_C(0xCD9E8D57) * c2;
        c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
        c1 = static_cast<uint32_t>(b);
        c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
        c3 = static_cast<uint32_t>(a);
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    return {{c0, c1, c2, c3}};
}

/* The dropout purpose of tn_random_at(). */
TN_DEVICE tn_philox4 tn_philox_dropout(uint64_t seed, uint64_t stream, uint64_t index)
{
    constexpr uint64_t purpose = 1; /* TN_RANDOM_DROPOUT */
    return tn_philox_at(seed, index, (purpose << 56) | (stream & UINT64_C(0xFFFFFFFFFFFFFF)));
}

#endif
