#include "backends/cpu/optim/_average.h"

#include <string.h>

#include "backends/cpu/device/cpu.h"

tn_status tn_cpu_copy(tn_backend_device *d, float *to, const float *from, size_t count)
{
    (void)d;
    memcpy(to, from, count * sizeof *to);
    return TN_OK;
}

tn_status tn_cpu_swap(tn_backend_device *d, float *a, float *b, size_t count)
{
#pragma omp parallel for simd num_threads(d->threads) schedule(static)
    for (size_t i = 0; i < count; i++) {
        const float x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
    return TN_OK;
}

tn_status tn_cpu_restore(const tn_optim_call *c, float *to, const float *from, size_t count)
{
    return c->left_out ? tn_cpu_copy(c->device, to, from, count) : TN_OK;
}

/* 1 - d of this update: with d = (1 + t) / (10 + t), t averages made before, it is 9 / (10 + t). */
static float rest(const tn_optim_call *c)
{
    const double last = 1 - c->ema, warm = 9 / (9 + (double)c->step);
    return (float)(c->ema_warmup && warm > last ? warm : last);
}

tn_status tn_cpu_average(const tn_optim_call *c, float *average, const float *w, size_t count)
{
    const float k = rest(c);
    if (c->left_out)
        return TN_OK;
    if (c->step == 1)
        return tn_cpu_copy(c->device, average, w, count);
#pragma omp parallel for simd num_threads(c->device->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        average[i] += k * (w[i] - average[i]);
    return TN_OK;
}
