#include "backends/cuda/device/beside.h"

static tn_status make_event(const tn_backend_device *d, cudaEvent_t *e)
{
    if (!*e)
        TN_CUDA(d, NULL, cudaEventCreateWithFlags(e, cudaEventDisableTiming));
    return TN_OK;
}

/* Its kernels go first: others wait for them, and they need little of the device. */
static tn_status make_stream(const tn_backend_device *d, cudaStream_t *s)
{
    int least, greatest;
    TN_CUDA(d, NULL, cudaDeviceGetStreamPriorityRange(&least, &greatest));
    TN_CUDA(d, NULL, cudaStreamCreateWithPriority(s, cudaStreamNonBlocking, greatest));
    return TN_OK;
}

tn_status tn_cuda_beside_open(tn_backend_device *d)
{
    TN_TRY(tn_cuda_use(d));
    if (!d->beside)
        d->beside = tn_alloc(1, sizeof *d->beside);
    if (!d->beside)
        return tn_no_memory(d->name, sizeof *d->beside);
    if (!d->beside->stream)
        TN_TRY(make_stream(d, &d->beside->stream));
    return make_event(d, &d->beside->now);
}

/* Nothing can be done about failures here, nor is anything lost by them. */
void tn_cuda_beside_close(tn_backend_device *d)
{
    tn_cuda_beside *b = d->beside;
    if (!b)
        return;
    if (b->stream)
        cudaStreamDestroy(b->stream);
    for (int i = 0; i < TN_MAX_MARKS; i++) {
        if (b->mark[i].set)
            cudaEventDestroy(b->mark[i].set);
        if (b->mark[i].summed)
            cudaEventDestroy(b->mark[i].summed);
    }
    if (b->now)
        cudaEventDestroy(b->now);
    tn_free(b);
    d->beside = NULL;
}

static tn_status check_mark(const tn_backend_device *d, int mark)
{
    if (mark >= 0 && mark < TN_MAX_MARKS)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: %d is no mark: 0 to %d", d->name, mark, TN_MAX_MARKS - 1);
}

/* ---- in the compute stream ---------------------------------------------------------------- */

tn_status tn_cuda_mark(tn_backend_device *d, int mark)
{
    TN_TRY(check_mark(d, mark));
    TN_TRY(tn_cuda_beside_open(d));
    cudaEvent_t *set = &d->beside->mark[mark].set;
    TN_TRY(make_event(d, set));
    TN_CUDA(d, NULL,
            cudaEventRecordWithFlags(
                *set, d->compute, d->capturing ? cudaEventRecordExternal : cudaEventRecordDefault));
    return TN_OK;
}

tn_status tn_cuda_await(tn_backend_device *d, int mark)
{
    TN_TRY(check_mark(d, mark));
    if (!d->beside || !d->beside->mark[mark].is_summed)
        return tn_fail(TN_ERR_DEVICE, "%s: mark %d is waited for before anything was reduced",
                       d->name, mark);
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL,
            cudaStreamWaitEvent(d->compute, d->beside->mark[mark].summed,
                                d->capturing ? cudaEventWaitExternal : cudaEventWaitDefault));
    return TN_OK;
}

/* ---- on the communication stream ---------------------------------------------------------- */

tn_status tn_cuda_beside_begin(tn_backend_device *d, int mark)
{
    const tn_cuda_beside *b = d->beside;
    cudaEvent_t set = b->now;
    if (d->capturing)
        return tn_fail(TN_ERR_DEVICE,
                       "%s: a collective is asked for in a recording: they run between two",
                       d->name);
    if (mark == TN_MARK_NONE) {
        TN_CUDA(d, NULL, cudaEventRecord(b->now, d->compute));
    } else {
        TN_TRY(check_mark(d, mark));
        set = b->mark[mark].set;
        if (!set)
            return tn_fail(TN_ERR_DEVICE, "%s: mark %d is reduced before any run has set it",
                           d->name, mark);
    }
    TN_CUDA(d, NULL, cudaStreamWaitEvent(b->stream, set, cudaEventWaitDefault));
    return TN_OK;
}

tn_status tn_cuda_beside_end(tn_backend_device *d, int mark)
{
    tn_cuda_beside *b = d->beside;
    if (mark == TN_MARK_NONE) {
        TN_CUDA(d, NULL, cudaEventRecord(b->now, b->stream));
        TN_CUDA(d, NULL, cudaStreamWaitEvent(d->compute, b->now, cudaEventWaitDefault));
        return TN_OK;
    }
    TN_TRY(make_event(d, &b->mark[mark].summed));
    TN_CUDA(d, NULL, cudaEventRecord(b->mark[mark].summed, b->stream));
    b->mark[mark].is_summed = true;
    return TN_OK;
}
