/*
 * inlet: the way of an input to the device, beside what the device is doing.
 *
 * The host's numbers go to pinned memory, from there on the copy stream to a stage on the device, and when
 * the compute stream gets there to the input itself, at the speed of the device's own memory. All three
 * are double: while a step runs on one batch, the next one is on its way. The host waits only if it is two
 * batches ahead of the bus.
 *
 * Many numbers that lie in pinned memory already are copied from where they are, and the host waits until the
 * bus has them: that is a fraction of what copying them on the host would take it, and of a step.
 */
#include <string.h>

#include "backends/cuda/device/device.h"

typedef struct way {
    void *pinned, *stage;
    cudaEvent_t copied; /* the stage has it: pinned memory is free again */
    cudaEvent_t used;   /* the input has it: the stage is free again */
} way;

typedef struct inlet {
    tn_backend_device *device;
    void *to;
    size_t bytes;
    way way[2];
    int next;
} inlet;

void tn_cuda_inlet_destroy(void *arg)
{
    inlet *in = arg;
    if (!in)
        return;
    cudaSetDevice(in->device->index); /* nothing can be done about a failure, here or below */
    for (int i = 0; i < 2; i++) {
        way *w = &in->way[i];
        /* What is still on its way has to end first. */
        if (w->copied) {
            cudaEventSynchronize(w->copied);
            cudaEventDestroy(w->copied);
        }
        if (w->used)
            cudaEventDestroy(w->used);
        if (w->pinned)
            cudaFreeHost(w->pinned);
    }
    tn_free(in);
}

tn_status tn_cuda_host_alloc(tn_backend_device *d, size_t bytes, void **out)
{
    TN_TRY(tn_cuda_use(d));
    const cudaError_t e = cudaHostAlloc(out, bytes, cudaHostAllocPortable);
    if (e == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError(); /* it is told here */
        return tn_fail(TN_ERR_MEMORY, "%s: no pinned memory for %zu bytes", d->name, bytes);
    }
    return tn_cuda_check(d, NULL, e, "cudaHostAlloc");
}

void tn_cuda_host_free(tn_backend_device *d, void *p)
{
    cudaSetDevice(d->index); /* nothing can be done about a failure of either */
    cudaFreeHost(p);
}

static tn_status make_way(inlet *in, way *w)
{
    const tn_backend_device *d = in->device;
    TN_CUDA(d, NULL, cudaMallocHost(&w->pinned, in->bytes));
    TN_CUDA(d, NULL, cudaEventCreateWithFlags(&w->copied, cudaEventDisableTiming));
    TN_CUDA(d, NULL, cudaEventCreateWithFlags(&w->used, cudaEventDisableTiming));
    return TN_OK;
}

tn_status tn_cuda_inlet_create(tn_backend_device *d, void *to, void *stage, size_t bytes,
                               void **out)
{
    const size_t half = (bytes + TN_CUDA_ALIGN - 1) / TN_CUDA_ALIGN * TN_CUDA_ALIGN;
    inlet *in = tn_alloc(1, sizeof *in);
    if (!in)
        return tn_no_memory("inlet", sizeof *in);
    *in = (inlet){.device = d, .to = to, .bytes = bytes};
    tn_status status = tn_cuda_use(d);
    for (int i = 0; i < 2 && status == TN_OK; i++) {
        in->way[i].stage = (char *)stage + (size_t)i * half;
        status = make_way(in, &in->way[i]);
    }
    if (status != TN_OK) {
        tn_cuda_inlet_destroy(in);
        return status;
    }
    *out = in;
    return TN_OK;
}

/* Copies from `from`, which is pinned, on the copy stream, and from there on the compute stream. */
static tn_status send(const inlet *in, const way *w, const void *from)
{
    const tn_backend_device *d = in->device;
    TN_CUDA(d, NULL, cudaStreamWaitEvent(d->copy, w->used, 0));
    TN_CUDA(d, NULL, cudaMemcpyAsync(w->stage, from, in->bytes, cudaMemcpyHostToDevice, d->copy));
    TN_CUDA(d, NULL, cudaEventRecord(w->copied, d->copy));
    TN_CUDA(d, NULL, cudaStreamWaitEvent(d->compute, w->copied, 0));
    TN_CUDA(d, NULL,
            cudaMemcpyAsync(in->to, w->stage, in->bytes, cudaMemcpyDeviceToDevice, d->compute));
    TN_CUDA(d, NULL, cudaEventRecord(w->used, d->compute));
    return TN_OK;
}

/* Few bytes are sooner copied than waited for. */
static tn_status is_pinned(const inlet *in, const void *host, bool *out)
{
    enum { MANY = 1 << 16 };
    struct cudaPointerAttributes a = {.type = cudaMemoryTypeUnregistered};
    if (in->bytes >= MANY)
        TN_CUDA(in->device, NULL, cudaPointerGetAttributes(&a, host));
    *out = a.type == cudaMemoryTypeHost;
    return TN_OK;
}

tn_status tn_cuda_inlet_push(void *arg, const void *host)
{
    inlet *in = arg;
    const tn_backend_device *d = in->device;
    way *w = &in->way[in->next];
    bool pinned;
    TN_TRY(tn_cuda_use(d));
    in->next = 1 - in->next;
    TN_TRY(is_pinned(in, host, &pinned));
    if (pinned) {
        TN_TRY(send(in, w, host));
        TN_TRY(tn_cuda_settle(in->device, d->copy, w->copied));
        TN_CUDA(d, NULL, cudaEventSynchronize(w->copied));
        return TN_OK;
    }
    const cudaError_t free = cudaEventQuery(w->copied);
    if (free == cudaErrorNotReady) {
        TN_TRY(tn_cuda_settle(in->device, d->copy, w->copied));
        TN_CUDA(d, NULL, cudaEventSynchronize(w->copied));
    } else {
        TN_TRY(tn_cuda_check(d, NULL, free, "cudaEventQuery"));
    }
    memcpy(w->pinned, host, in->bytes);
    return send(in, w, w->pinned);
}
