#include "backends/cuda/kernels/average.h"
#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/vector.h"

TN_KERNEL(tnk_restore, struct tnk_restore_args)
{
    if (!p.control->skip)
        return;
    TN_GRID_STRIDE(i, tn_groups<4>(p.count))
    {
        float x[4];
        tn_read(x, p.from, i, p.count, true);
        tn_write(p.to, x, i, p.count, true);
    }
}

TN_KERNEL(tnk_average, struct tnk_average_args)
{
    const tnk_control *c = p.control;
    if (c->skip)
        return;
    const float t = static_cast<float>(c->updates - c->skipped);
    const float warm = p.warmup ? 9 / (9 + t) : 0, k = t == 1 ? 1 : fmaxf(p.rest, warm);
    TN_GRID_STRIDE(i, tn_groups<4>(p.count))
    {
        float a[4], w[4];
        tn_read(a, p.average, i, p.count, true);
        tn_read(w, p.w, i, p.count, true);
        TN_UNROLL
        for (int j = 0; j < 4; j++)
            a[j] = t == 1 ? w[j] : a[j] + k * (w[j] - a[j]);
        tn_write(p.average, a, i, p.count, true);
    }
}

TN_KERNEL(tnk_swap, struct tnk_swap_args)
{
    TN_GRID_STRIDE(i, tn_groups<4>(p.count))
    {
        float a[4], b[4];
        tn_read(a, p.a, i, p.count, true);
        tn_read(b, p.b, i, p.count, true);
        tn_write(p.a, b, i, p.count, true);
        tn_write(p.b, a, i, p.count, true);
    }
}
