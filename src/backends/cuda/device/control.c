#include "backends/cuda/device/control.h"

#include <string.h>

#include "backends/cuda/device/device.h"
#include "backends/cuda/device/fault.h"
#include "backends/cuda/kernels/update.h"

_Static_assert((int)TNK_LABELS == (int)TN_MAX_LABELS, "one for each labels");
_Static_assert(sizeof(struct tnk_control) <= TN_CUDA_CONTROL_BYTES, "what plans take for it");

tn_status tn_cuda_begin_run(tn_backend_device *d, const tn_run_state *run)
{
    struct tnk_begin_run_args a = {
        .control = run->control,
        .fault = tn_cuda_fault_of(d, run->control),
        .loss_start = run->loss_start,
        .seed = run->seed,
        .step = run->step,
        .rows = run->rows,
        .all_rows = run->all_rows,
        .loss_weight = run->loss_weight,
        .first_scale = run->precision == TN_PRECISION_F16 ? run->first_scale : 1,
        .training = run->training,
        .more = run->more,
    };
    memcpy(a.share_rows, run->share_rows, sizeof a.share_rows);
    d->running = run->control;
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_begin_run, 1, 1, 0, d->compute, &a));
    return TN_OK;
}

tn_status tn_cuda_begin_update(const tn_optim_call *c)
{
    tn_backend_device *d = c->device;
    struct tnk_begin_update_args a = {
        .control = c->run->control,
        .fault = tn_cuda_fault_of(d, c->run->control),
        .updates = c->step,
        .rate = c->rate,
        .scale = c->scale,
        .clip_norm = c->clip_norm,
    };
    if (c->kernel)
        c->kernel->formula(c->optim, &a.formula);
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_begin_update, 1, 1, 0, d->compute, &a));
    return TN_OK;
}

/* Two launches, in place of atomics, whose order would change from run to run: as many parts as the count asks
 * for, whatever the device, then their sum. */
tn_status tn_cuda_measure(tn_optim_call *c)
{
    enum { MOST_PARTS = 1024, EACH = 4 * TN_CUDA_BLOCK };
    _Static_assert(MOST_PARTS * sizeof(double) <= TN_CUDA_REDUCE_BYTES, "room for the parts");
    tn_backend_device *d = c->device;
    const int64_t wanted = ((int64_t)c->count + EACH - 1) / EACH;
    const int32_t parts = (int32_t)(wanted < 1 ? 1 : wanted < MOST_PARTS ? wanted : MOST_PARTS);
    struct tnk_sum_squares_args sum = {.g = c->g, .part = d->reduce, .count = (int64_t)c->count};
    struct tnk_judge_args judge = {
        .control = c->run->control,
        .part = d->reduce,
        .parts = parts,
        .scaled = c->run->precision == TN_PRECISION_F16,
        .guard = c->guard,
    };
    TN_CUDA(d, NULL,
            TN_LAUNCH(tnk_sum_squares, (unsigned)parts, TN_CUDA_BLOCK, 0, d->compute, &sum));
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_judge, 1, TN_CUDA_BLOCK, 0, d->compute, &judge));
    return TN_OK;
}

tn_status tn_cuda_control_get(tn_backend_device *d, const void *control, tn_control_report *out)
{
    struct tnk_control c;
    TN_TRY(tn_cuda_use(d));
    TN_TRY(tn_cuda_settle(d, d->compute,
                          NULL)); /* the copy waits by itself: this memory is not pinned */
    TN_CUDA(d, NULL, cudaMemcpyAsync(&c, control, sizeof c, cudaMemcpyDeviceToHost, d->compute));
    TN_TRY(tn_cuda_wait(d));
    *out = (tn_control_report){
        .norm = c.norm,
        .loss_scale = c.loss_scale == 0 ? 1 : c.loss_scale, /* 0: no run yet */
        .next_scale = c.next_scale,
        .growth = c.growth,
        .skipped = c.skipped,
    };
    return TN_OK;
}

tn_status tn_cuda_control_set(tn_backend_device *d, void *control, const tn_control_report *in)
{
    struct tnk_set_control_args a = {
        .control = control,
        .skipped = in->skipped,
        .norm = in->norm,
        .loss_scale = in->loss_scale,
        .next_scale = in->next_scale,
        .growth = in->growth,
    };
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, TN_LAUNCH(tnk_set_control, 1, 1, 0, d->compute, &a));
    return TN_OK;
}
