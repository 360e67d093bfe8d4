/*
 * The simulation is in place of NVIDIA's libraries: there is nothing to open.
 */
#include "backends/cuda/libraries/libraries.h"

const char tn_cuda_name[] = "sim";

tn_status tn_library_cudnn(void)
{
    return TN_OK;
}

tn_status tn_library_cublaslt(void)
{
    return TN_OK;
}

tn_status tn_library_nccl(void)
{
    return TN_OK;
}
