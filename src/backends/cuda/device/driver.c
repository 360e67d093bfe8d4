/*
 * Why there is no GPU, or none any more. cudaGetDeviceCount() tells three cases apart, the driver's version two more.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/cuda/device/device.h"

/* What CUDA has in a process is not in one that is forked from it, where its calls fail or hang. */
tn_status tn_cuda_check_process(const char *device)
{
    static atomic_int began; /* the process that used CUDA first */
    const int here = (int)getpid();
    int expected = 0;
    if (atomic_compare_exchange_strong(&began, &expected, here) || expected == here)
        return TN_OK;
    return tn_fail(TN_ERR_DEVICE,
                   "%s: process %d was forked from %d, which had used CUDA by then: CUDA does not "
                   "survive a fork; open devices after it, or start a new program",
                   device, here, expected);
}

void tn_cuda_why_no_device(cudaError_t e, char *why, size_t size)
{
    int driver = 0;
    const int major = CUDART_VERSION / 1000, minor = CUDART_VERSION % 1000 / 10;
    (void)cudaGetLastError(); /* it is told here */
    if (cudaDriverGetVersion(&driver) != cudaSuccess)
        driver = 0;
    switch (e) {
    case cudaErrorStubLibrary:
        snprintf(
            why, size,
            "the libcuda.so.1 that was found is the stub that the CUDA toolkit has for linking "
            "(it must not be on LD_LIBRARY_PATH), not NVIDIA's driver");
        break;
    case cudaErrorInsufficientDriver:
        if (driver > 0)
            snprintf(why, size,
                     "NVIDIA's driver is too old: it serves CUDA up to %d.%d, and this is built "
                     "with %d.%d",
                     driver / 1000, driver % 1000 / 10, major, minor);
        else
            snprintf(why, size, "NVIDIA's driver (libcuda.so.1) is not installed");
        break;
    case cudaErrorNoDevice:
    case cudaSuccess:
        snprintf(why, size,
                 "NVIDIA's driver is there and finds no CUDA-capable device (does "
                 "CUDA_VISIBLE_DEVICES hide it?)");
        break;
    default:
        snprintf(why, size, "cudaGetDeviceCount: %s", cudaGetErrorString(e));
        break;
    }
}
