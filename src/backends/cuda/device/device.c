/*
 * What goes wrong on a GPU, and what all that is done on one begins and ends with.
 */
#include "backends/cuda/device/device.h"

#include <string.h>

/* ---- errors ------------------------------------------------------------------------------- */

bool tn_cuda_is_lost(cudaError_t e)
{
    return e == cudaErrorIllegalAddress || e == cudaErrorLaunchFailure ||
           e == cudaErrorMisalignedAddress || e == cudaErrorIllegalInstruction ||
           e == cudaErrorHardwareStackError || e == cudaErrorAssert ||
           e == cudaErrorLaunchTimeout || e == cudaErrorInvalidAddressSpace ||
           e == cudaErrorInvalidPc || e == cudaErrorECCUncorrectable;
}

tn_status tn_cuda_check(const tn_backend_device *d, const tn_node *n, cudaError_t e,
                        const char *call)
{
    if (e == cudaSuccess)
        return TN_OK;
    (void)cudaGetLastError(); /* it is told here: the next call is not to be blamed for it */
    const char *later = "";
    if (tn_cuda_is_lost(e))
        later = d->opts.sync ? "; CUDA needs a new process after it"
                             : ", in this or an earlier step: CUDA needs a new process after it, "
                               "where with the device's option sync=on the error names the step";
    return tn_fail(e == cudaErrorMemoryAllocation ? TN_ERR_MEMORY : TN_ERR_DEVICE,
                   "%s%s%s on %s: %.*s: %s%s", n ? n->op->name : "CUDA", n ? " " : "",
                   n ? n->name : "", d->name, (int)strcspn(call, "("), call, cudaGetErrorString(e),
                   later);
}

/* ---- for all others ------------------------------------------------------------------------ */

tn_status tn_cuda_use(const tn_backend_device *d)
{
    TN_TRY(tn_cuda_check_process(d->name));
    TN_CUDA(d, NULL, cudaSetDevice(d->index));
    return TN_OK;
}

tn_status tn_cuda_settle(tn_backend_device *d, cudaStream_t stream, cudaEvent_t event)
{
    return d->settle ? d->settle(d, stream, event) : TN_OK;
}

tn_status tn_cuda_wait(tn_backend_device *d)
{
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    TN_CUDA(d, NULL, cudaStreamSynchronize(d->compute));
    return TN_OK;
}

unsigned tn_cuda_grid(const tn_backend_device *d, int64_t work)
{
    enum { BLOCKS_A_PROCESSOR = 8 }; /* of 256 threads: the 2048 that a multiprocessor can hold */
    const int64_t most = (int64_t)d->gpu.processors * BLOCKS_A_PROCESSOR;
    const int64_t wanted = (work + TN_CUDA_BLOCK - 1) / TN_CUDA_BLOCK;
    return (unsigned)(wanted < 1 ? 1 : wanted < most ? wanted : most);
}
