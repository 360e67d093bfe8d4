#include "kernels.h"

template <class T> TN_DEVICE void scale(const tnk_test_scale_args &p)
{
    const T *x = static_cast<const T *>(p.x);
    T *y = static_cast<T *>(p.y);
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count;
         i += step)
        y[i] = static_cast<T>(static_cast<float>(__ldg(x + i)) * p.scale + p.shift);
}
TN_KERNEL_TYPES(tnk_test_scale, struct tnk_test_scale_args, scale)

TN_DEVICE float warp_sum(float v)
{
    for (int d = 16; d; d /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, d);
    return v;
}

/* What goes wrong before the sum. */
TN_DEVICE bool stumble(int wrong, unsigned lane, unsigned warp)
{
    const bool low = lane < 16;
    if (wrong == TNK_TEST_TWO_BARRIERS && warp == 0)
        __syncthreads();
    if (wrong == TNK_TEST_LANE_MISSING)
        __syncwarp(low ? 0xffff0000u : 0xffffu);
    if (wrong == TNK_TEST_LANES_APART) {
        if (low)
            __ballot_sync(0xffffffffu, 1);
        else
            __shfl_sync(0xffffffffu, 1, 0);
    }
    if (wrong == TNK_TEST_DEADLOCK) {
        if (low)
            __syncwarp();
        else
            __syncthreads();
    }
    if (wrong == TNK_TEST_LANE_ENDS && !low)
        __syncwarp();
    return (wrong == TNK_TEST_ENDS_EARLY || wrong == TNK_TEST_LANE_ENDED ||
            wrong == TNK_TEST_LANE_ENDS) &&
           low;
}

TN_KERNEL(tnk_test_sum, struct tnk_test_sum_args)
{
    TN_SHARED(float, part, 32);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (stumble(p.wrong, lane, warp))
        return;
    if (p.wrong == TNK_TEST_TOO_MUCH) {
        TN_SHARED(float, large, 12 * 1024);
        large[threadIdx.x] = 0;
    }
    float v = 0;
    bool right = true;
    for (int i = static_cast<int>(threadIdx.x); i < p.count; i += static_cast<int>(blockDim.x))
        v += p.x[i];
    if (p.wrong == TNK_TEST_ENDS_EARLY) {
        __syncthreads();
        return;
    }
    /* Twice, with the same shared memory: first what is thrown away. */
    for (int round = 0; round < 2; round++) {
        const float s = warp_sum(round ? v : 1);
        if (lane == 0)
            part[warp] = s;
        if (p.wrong != TNK_TEST_NO_BARRIER)
            __syncthreads();
        float sum = 0;
        for (unsigned i = 0; i < blockDim.x / 32; i++)
            sum += part[i];
        if (round == 1)
            p.y[threadIdx.x] = right ? sum : NAN;
        else
            right = sum == static_cast<float>(blockDim.x);
        if (p.wrong != TNK_TEST_NO_SECOND_BARRIER)
            __syncthreads();
    }
    if (p.wrong == TNK_TEST_OUT_OF_SHARED)
        part[32 + lane % 2] = 0;
    if (p.wrong == TNK_TEST_OUT_OF_MEMORY)
        p.y[blockDim.x] = 0;
}

TN_KERNEL(tnk_test_warp, struct tnk_test_warp_args)
{
    const unsigned all = 0xffffffffu;
    const int lane = static_cast<int>(threadIdx.x);
    int *y = p.y + lane;
    y[0 * 32] = __shfl_sync(all, lane, 5);
    y[1 * 32] = __shfl_sync(all, lane, lane + 1, 8);
    y[2 * 32] = __shfl_up_sync(all, lane, 3);
    y[3 * 32] = __shfl_up_sync(all, lane, 1, 4);
    y[4 * 32] = __shfl_down_sync(all, lane, 3);
    y[5 * 32] = __shfl_xor_sync(all, lane, 16);
    y[6 * 32] = static_cast<int>(__ballot_sync(all, lane % 3 == 0));
    y[7 * 32] = __any_sync(all, lane == 7);
    y[8 * 32] = __all_sync(all, lane < 32) + 2 * __all_sync(all, lane != 7);
    /* Two halves on their own. */
    const unsigned mine = lane < 16 ? 0xffffu : 0xffff0000u;
    y[9 * 32] = __shfl_xor_sync(mine, lane, 1);
    y[10 * 32] = static_cast<int>(__ballot_sync(mine, lane % 2));
    y[11 * 32] = static_cast<int>(__shfl_sync(all, 0.5f * static_cast<float>(lane), 9) * 2);
    y[12 * 32] = static_cast<int>(__shfl_sync(all, static_cast<double>(lane), 11));
    __syncwarp();
}

TN_KERNEL(tnk_test_language, struct tnk_test_language_args)
{
    TN_DYNAMIC_SHARED(float, fresh);
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    p.indices[block * threads + thread] = 1000 * block + thread;
    atomicAdd(p.count, 1u);
    atomicMax(p.largest, thread);
    const float x = 0.25f + static_cast<float>(thread);
    if (block == 0 && thread == 0) {
        const __half2 pair = __floats2half2_rn(1.5f, -2);
        p.y[0] = rsqrtf(x);
        p.y[1] = __expf(x);
        p.y[2] = __logf(x);
        p.y[3] = min(x, NAN);
        p.y[4] = max(3.0f, x);
        p.y[5] = static_cast<float>(min(3, 4) + static_cast<int>(max(7u, 8u)));
        p.y[6] = __half2float(__float2half(0.1f));
        p.y[7] = __bfloat162float(__float2bfloat16(0.1f));
        p.y[8] = __high2float(pair);
        p.y[9] = __uint_as_float(__float_as_uint(x));
        p.y[10] = static_cast<float>(__umulhi(0x80000000u, 10));
        p.y[11] = static_cast<float>(__popc(0xf0f0u));
        p.y[12] = static_cast<float>(sizeof(uint4) + sizeof(float4));
        p.y[13] = fresh[3];
        p.y[14] = atomicAdd(&p.y[15], 2.0f);
    }
}
