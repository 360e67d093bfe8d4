#include "backends/cuda/kernels/update.h"
#include "backends/cuda/kernels/vector.h"

/* Is there one that the host was not told of yet? */
TN_DEVICE bool is_set(const volatile tn_cuda_fault *fault)
{
    return fault && fault->kind != TN_FAULT_NONE;
}

TN_KERNEL(tnk_begin_run, struct tnk_begin_run_args)
{
    tnk_control *c = p.control;
    c->failed |= c->training && c->fault;
    if (p.training && !p.more)
        c->failed = 0;
    c->training = p.training;
    c->fault = is_set(p.fault);
    c->seed = p.seed;
    c->step = p.step;
    for (int i = 0; i < TNK_LABELS; i++)
        c->share_rows[i] = p.share_rows[i];
    c->rows = p.rows;
    c->all_rows = p.all_rows;
    if (c->next_scale == 0)
        c->next_scale = p.first_scale;
    if (!p.training) /* the gradients of the last run are as large as they were */
        return;
    c->loss_scale = c->next_scale;
    if (p.loss_start)
        *p.loss_start = p.loss_weight * c->next_scale;
}

TN_KERNEL(tnk_begin_update, struct tnk_begin_update_args)
{
    tnk_control *c = p.control;
    c->updates = p.updates;
    c->rate = p.rate;
    c->factor = p.scale;
    c->clip_norm = p.clip_norm;
    c->formula = p.formula;
    c->skip = is_set(p.fault) || c->failed || (c->training && c->fault);
    c->failed = c->training = 0;
    c->skipped += c->skip;
}

TN_KERNEL(tnk_set_control, struct tnk_set_control_args)
{
    tnk_control *c = p.control;
    c->skipped = p.skipped;
    c->norm = p.norm;
    c->loss_scale = p.loss_scale;
    c->next_scale = p.next_scale;
    c->growth = p.growth;
}

/* Doubles are slow on many GPUs (1/64 of f32's rate): four squares are added in f32 where they are sure to be
 * neither too large nor too small for it, and what is no such sum, NaN too, is done over in double. */
TN_DEVICE double square(const float (&x)[4])
{
    const float s = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3];
    if (s > 1e-20f && s < 1e30f)
        return static_cast<double>(s);
    double exact = 0;
    TN_UNROLL
    for (int j = 0; j < 4; j++)
        exact += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    return exact;
}

TN_KERNEL(tnk_sum_squares, struct tnk_sum_squares_args)
{
    double sum = 0;
    TN_GRID_STRIDE(i, tn_groups<4>(p.count))
    {
        float x[4];
        tn_read(x, p.g, i, p.count, true);
        sum += square(x);
    }
    sum = tn_block_sum(sum);
    if (threadIdx.x == 0)
        p.part[blockIdx.x] = sum;
}

/* The loss scale after an update whose gradients were finite, or not. */
TN_DEVICE void adapt(tnk_control *c, bool finite)
{
    constexpr float most = TNK_MOST_SCALE;
    if (!finite) {
        c->skip = 1;
        c->skipped++;
        c->growth = 0;
        c->next_scale = fmaxf(c->next_scale / 2, 1.0f);
    } else if (++c->growth >= TNK_GROWTH) {
        c->growth = 0;
        if (c->next_scale < most)
            c->next_scale = fminf(2 * c->next_scale, most);
    }
}

TN_KERNEL(tnk_judge, struct tnk_judge_args)
{
    double sum = 0;
    for (int i = static_cast<int>(threadIdx.x); i < p.parts; i += static_cast<int>(blockDim.x))
        sum += p.part[i];
    sum = tn_block_sum(sum);
    if (threadIdx.x != 0)
        return;
    tnk_control *c = p.control;
    const float factor = c->factor / c->loss_scale;
    c->norm = static_cast<float>(sqrt(sum)) * factor;
    const float shrink = c->clip_norm / (c->norm + 1e-6f);
    c->factor = c->clip_norm > 0 && shrink < 1 ? factor * shrink : factor;
    if (c->skip)
        return;
    if (p.scaled) {
        adapt(c, sum < 1e300); /* finite squares of f32 do not add up to that */
    } else if (p.guard && !(c->norm < INFINITY)) {
        c->skip = 1;
        c->skipped++;
    }
}
