/*
 * The kernels of this module, loaded before they are needed. CUDA loads one when it is first launched, and may wait for
 * all that the device does meanwhile: for a sum that waits for another device, whose thread waits for the driver.
 */
#include "backends/cuda/device/device.h"

/* The section that TN_KERNEL puts their addresses into; the linker gives it these names. */
extern const void *const __start_tn_kernels[] __attribute__((visibility("hidden")));
extern const void *const __stop_tn_kernels[] __attribute__((visibility("hidden")));

tn_status tn_cuda_load_kernels(const tn_backend_device *d)
{
    struct cudaFuncAttributes a;
    TN_TRY(tn_cuda_use(d));
    for (const void *const *k = __start_tn_kernels; k < __stop_tn_kernels; k++)
        TN_CUDA(d, NULL, cudaFuncGetAttributes(&a, *k));
    return TN_OK;
}
