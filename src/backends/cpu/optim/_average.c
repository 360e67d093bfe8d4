#include "backends/cpu/optim/_average.h"

#include <string.h>

#include "backends/cpu/device/cpu.h"

tn_status tn_cpu_copy(tn_backend_device *d, float *to, const float *from, size_t count)
{
    (void)d;
    memcpy(to, from, count * sizeof *to);
    return TN_OK;
}

typedef struct arrays {
    float *to, *other;
    const float *from;
    float rate;
} arrays;

static void swap(const void *of, tn_piece p)
{
    const arrays *s = of;
    float *a = s->to, *b = s->other;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

tn_status tn_cpu_swap(tn_backend_device *d, float *a, float *b, size_t count)
{
    tn_each(d, (int64_t)count, TN_FLOATS, swap, &(arrays){.to = a, .other = b});
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

static void approach(const void *of, tn_piece p)
{
    const arrays *s = of;
    float *average = s->to;
    const float *w = s->from;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        average[i] += s->rate * (w[i] - average[i]);
}

tn_status tn_cpu_average(const tn_optim_call *c, float *average, const float *w, size_t count)
{
    if (c->left_out)
        return TN_OK;
    if (c->step == 1)
        return tn_cpu_copy(c->device, average, w, count);
    tn_each(c->device, (int64_t)count, TN_FLOATS, approach,
            &(arrays){.to = average, .from = w, .rate = rest(c)});
    return TN_OK;
}
