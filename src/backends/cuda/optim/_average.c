#include "backends/cuda/optim/_average.h"

#include "backends/cuda/device/device.h"
#include "backends/cuda/kernels/average.h"

/* Four numbers a thread. */
static unsigned grid_for(const tn_backend_device *d, size_t count)
{
    return tn_cuda_grid(d, ((int64_t)count + 3) / 4);
}

tn_status tn_cuda_copy(tn_backend_device *d, float *to, const float *from, size_t count)
{
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL,
            cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyDeviceToDevice, d->compute));
    return TN_OK;
}

tn_status tn_cuda_swap(tn_backend_device *d, float *a, float *b, size_t count)
{
    struct tnk_swap_args s = {.a = a, .b = b, .count = (int64_t)count};
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_swap, grid_for(d, count), TN_CUDA_BLOCK, 0, d->compute, &s));
    return TN_OK;
}

tn_status tn_cuda_restore(const tn_optim_call *c, float *to, const float *from, size_t count)
{
    tn_backend_device *d = c->device;
    struct tnk_restore_args r = {
        .control = c->run->control, .to = to, .from = from, .count = (int64_t)count};
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_restore, grid_for(d, count), TN_CUDA_BLOCK, 0, d->compute, &r));
    return TN_OK;
}

tn_status tn_cuda_average(const tn_optim_call *c, float *average, const float *w, size_t count)
{
    tn_backend_device *d = c->device;
    struct tnk_average_args a = {.control = c->run->control,
                                 .average = average,
                                 .w = w,
                                 .count = (int64_t)count,
                                 .rest = (float)(1 - c->ema),
                                 .warmup = c->ema_warmup};
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_average, grid_for(d, count), TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}
