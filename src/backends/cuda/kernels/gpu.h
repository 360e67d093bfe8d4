/*
 * One source for the GPU kernels, two ways to build it.
 *
 *   GPU   nvcc. A kernel is a __global__ function with C's linkage; the host stub that nvcc makes of it
 *         is an ordinary symbol, whose address is what cudaLaunchKernel() wants. So C launches kernels.
 *   host  g++ -DTN_SIM -x c++, for the simulated GPU. A kernel is an ordinary function, and says its name
 *         and the size of its arguments to the simulation before main() runs.
 *
 * Every kernel takes exactly one struct, by value: the compiler checks a launch's arguments against it,
 * and the array of arguments that cudaLaunchKernel() wants has one entry. Grids and blocks are
 * one-dimensional. A kernel for all three types of numbers is a template, made three times:
 *
 *     struct tnk_scale_args { const void *x; void *y; int64_t count; float factor; };   a header
 *     TN_KERNEL_DECL_TYPES(tnk_scale, struct tnk_scale_args);
 *
 *     template <class T> TN_DEVICE void scale(const tnk_scale_args &p) { ... }           a .cu file
 *     TN_KERNEL_TYPES(tnk_scale, struct tnk_scale_args, scale)
 *
 *     TN_LAUNCH_TYPE(dtype, tnk_scale, grid, block, shared_bytes, stream, &args)         a .c file
 */
#ifndef TN_GPU_H
#define TN_GPU_H

#include <cuda_runtime_api.h> /* plain C: cudaStream_t, cudaLaunchKernel */
#include <stdint.h>

#include <tenon/tensor.h>

#ifdef __cplusplus
#define TN_EXTERN_C extern "C"
#else
#define TN_EXTERN_C extern
#endif

/* ---- what launches see -------------------------------------------------------------------- */

#if defined(__CUDACC__)
#define TN_KERNEL_DECL(name, args) TN_EXTERN_C __global__ void name(const __grid_constant__ args p)
#else
#define TN_KERNEL_DECL(name, args) TN_EXTERN_C void name(const args p)
#endif

#define TN_KERNEL_DECL_TYPES(name, args) \
    TN_KERNEL_DECL(name##_f32, args);    \
    TN_KERNEL_DECL(name##_f16, args);    \
    TN_KERNEL_DECL(name##_bf16, args)

#ifndef __cplusplus
typedef void (*tn_any_kernel)(void);

/* cudaLaunchKernel() wants the function's address as an object's, which POSIX allows and C does not. */
static inline cudaError_t tn_launch(tn_any_kernel kernel, unsigned grid, unsigned block, void *args,
                                    size_t shared_bytes, cudaStream_t stream)
{
    union {
        tn_any_kernel function;
        const void *object;
    } key = {kernel};
    const dim3 blocks = {grid, 1, 1}, threads = {block, 1, 1};
    return cudaLaunchKernel(key.object, blocks, threads, &args, shared_bytes, stream);
}

/* sizeof evaluates nothing, but makes the compiler check the struct against the kernel's. */
#define TN_LAUNCH(kernel, grid, block, shared_bytes, stream, argp) \
    ((void)sizeof(((kernel)(*(argp)), 0)),                         \
     tn_launch((tn_any_kernel)(kernel), (grid), (block), (argp), (shared_bytes), (stream)))

#define TN_LAUNCH_TYPE(dtype, name, grid, block, shared_bytes, stream, argp)                \
    ((dtype) == TN_F16    ? TN_LAUNCH(name##_f16, grid, block, shared_bytes, stream, argp)  \
     : (dtype) == TN_BF16 ? TN_LAUNCH(name##_bf16, grid, block, shared_bytes, stream, argp) \
                          : TN_LAUNCH(name##_f32, grid, block, shared_bytes, stream, argp))
#endif

/* ---- what kernels see --------------------------------------------------------------------- */

/* Every kernel's address, in a section of its own: device/kernels.c goes through it. */
#define TN_KERNEL_KEY(name)                                                            \
    __attribute__((used, section("tn_kernels"))) static const void *const name##_key = \
        reinterpret_cast<const void *>(name);

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#if defined(__CUDA_ARCH__) /* the pass for the device has no use for it */
#undef TN_KERNEL_KEY
#define TN_KERNEL_KEY(name)
#endif
#define TN_KERNEL(name, args)                                        \
    extern "C" __global__ void name(const __grid_constant__ args p); \
    TN_KERNEL_KEY(name)                                              \
    extern "C" __global__ void name(const __grid_constant__ args p)
#define TN_DEVICE static __device__ __forceinline__
/* `type *var`: n of them, one array a block. */
#define TN_SHARED(type, var, n) __shared__ type var[n]
/* `type *var`: what shared_bytes of the launch has room for. */
#define TN_DYNAMIC_SHARED(type, var)                             \
    extern __shared__ __align__(16) unsigned char tn_dynamic_[]; \
    type *var = reinterpret_cast<type *>(tn_dynamic_)
#elif defined(TN_SIM)
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "sim/device.h"
#define TN_KERNEL(name, args)                                                                    \
    extern "C" void name(const args p);                                                          \
    static void name##_call(const void *p)                                                       \
    {                                                                                            \
        name(*static_cast<const args *>(p));                                                     \
    }                                                                                            \
    __attribute__((constructor)) static void name##_register(void)                               \
    {                                                                                            \
        tn_sim_register(reinterpret_cast<const void *>(name), #name, name##_call, sizeof(args)); \
    }                                                                                            \
    TN_KERNEL_KEY(name)                                                                          \
    extern "C" void name(const args p)
#define TN_DEVICE static inline
#define TN_SHARED(type, var, n) \
    type *var = static_cast<type *>(tn_sim_shared(__COUNTER__, sizeof(type) * (n)))
#define TN_DYNAMIC_SHARED(type, var) type *var = static_cast<type *>(tn_sim_dynamic_shared())
#endif

#define TN_KERNEL_TYPES(name, args, function) \
    TN_KERNEL(name##_f32, args)               \
    {                                         \
        function<float>(p);                   \
    }                                         \
    TN_KERNEL(name##_f16, args)               \
    {                                         \
        function<__half>(p);                  \
    }                                         \
    TN_KERNEL(name##_bf16, args)              \
    {                                         \
        function<__nv_bfloat16>(p);           \
    }

#endif
