/*
 * stamps: when the GPU gets to a point of what it was asked, by events with a time. With NVTX's headers here at build, what lies between
 * two stamps is a range of NVTX's too, which costs nothing unless Nsight listens.
 */
#include <string.h>

#include "backends/cuda/device/beside.h"
#include "backends/cuda/device/device.h"

#if TN_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

struct tn_cuda_stamps {
    cudaEvent_t *event; /* NULL: not made yet */
    int count;
};

void tn_cuda_stamps_close(tn_backend_device *d)
{
    struct tn_cuda_stamps *s = d->stamps;
    for (int i = 0; s && i < s->count; i++)
        if (s->event[i])
            cudaEventDestroy(s->event[i]); /* nothing can be done about a failure */
    if (s)
        tn_free(s->event);
    tn_free(s);
    d->stamps = NULL;
}

/* Room for that slot, and its event. */
static tn_status event_of(tn_backend_device *d, int slot, cudaEvent_t *out)
{
    if (!d->stamps)
        d->stamps = tn_alloc(1, sizeof *d->stamps);
    if (!d->stamps)
        return tn_no_memory(d->name, sizeof *d->stamps);
    struct tn_cuda_stamps *s = d->stamps;
    if (slot >= s->count) {
        const int count = 2 * slot + 256;
        cudaEvent_t *more = tn_alloc((size_t)count, sizeof *more);
        if (!more)
            return tn_no_memory(d->name, (size_t)count * sizeof *more);
        if (s->count)
            memcpy(more, s->event, (size_t)s->count * sizeof *more);
        tn_free(s->event);
        s->event = more;
        s->count = count;
    }
    if (!s->event[slot])
        TN_CUDA(d, NULL, cudaEventCreateWithFlags(&s->event[slot], cudaEventDefault));
    *out = s->event[slot];
    return TN_OK;
}

tn_status tn_cuda_stamp(tn_backend_device *d, tn_lane lane, int slot, const char *begins)
{
    cudaEvent_t event = NULL;
    TN_TRY(tn_cuda_use(d));
    TN_TRY(event_of(d, slot, &event));
    TN_CUDA(d, NULL,
            cudaEventRecord(event, lane == TN_LANE_COPIES              ? d->copy
                                   : lane == TN_LANE_SUMS && d->beside ? d->beside->stream
                                                                       : d->compute));
#if TN_NVTX
    if (begins)
        nvtxRangePushA(begins);
    else if (slot > 0)
        nvtxRangePop();
#else
    (void)begins;
#endif
    return TN_OK;
}

tn_status tn_cuda_stamp_time(tn_backend_device *d, int slot, double *seconds)
{
    float ms;
    cudaEvent_t first = NULL, event = NULL;
    TN_TRY(tn_cuda_use(d));
    TN_TRY(event_of(d, 0, &first));
    TN_TRY(event_of(d, slot, &event));
    TN_CUDA(d, NULL, cudaEventSynchronize(event)); /* copies go on beside what is waited for */
    TN_CUDA(d, NULL, cudaEventElapsedTime(&ms, first, event));
    *seconds = (double)ms / 1e3;
    return TN_OK;
}
