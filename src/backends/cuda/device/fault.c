/*
 * What kernels find wrong, in pinned memory of the host: a place for each plan on the device that can find something,
 * named by its control. So each plan tells of its own runs, and is stopped by them alone.
 */
#include "backends/cuda/device/fault.h"

#include <string.h>

#include "backends/cuda/kernels/control.h"

enum { PLACES = 64 };

struct tn_cuda_faults {
    struct tn_cuda_fault *place, *on_device; /* the same, as kernels see it */
    const void *owner[PLACES];               /* its control; NULL: free */
};

tn_status tn_cuda_faults_open(tn_backend_device *d)
{
    void *place = NULL, *seen = NULL;
    d->faults = tn_alloc(1, sizeof *d->faults);
    if (!d->faults)
        return tn_no_memory(d->name, sizeof *d->faults);
    TN_CUDA(d, NULL,
            cudaHostAlloc(&place, PLACES * sizeof(struct tn_cuda_fault), cudaHostAllocMapped));
    d->faults->place = place;
    memset(place, 0, PLACES * sizeof(struct tn_cuda_fault));
    TN_CUDA(d, NULL, cudaHostGetDevicePointer(&seen, place, 0));
    d->faults->on_device = seen;
    return TN_OK;
}

void tn_cuda_faults_close(tn_backend_device *d)
{
    if (d->faults && d->faults->place)
        cudaFreeHost(d->faults->place);
    tn_free(d->faults);
}

static int find(const tn_backend_device *d, const void *control)
{
    for (int i = 0; control && i < PLACES; i++)
        if (d->faults->owner[i] == control)
            return i;
    return -1;
}

struct tn_cuda_fault *tn_cuda_fault_of(const tn_backend_device *d, const void *control)
{
    const int i = find(d, control);
    return i < 0 ? NULL : &d->faults->on_device[i];
}

tn_status tn_cuda_fault_claim(tn_backend_device *d, const void *control, struct tn_cuda_fault **out)
{
    for (int i = 0; find(d, control) < 0 && i < PLACES; i++)
        if (!d->faults->owner[i])
            d->faults->owner[i] = control;
    *out = tn_cuda_fault_of(d, control);
    return *out ? TN_OK
                : tn_fail(TN_ERR_DEVICE, "%s: more than %d plans with losses at a time", d->name,
                          PLACES);
}

void tn_cuda_fault_drop(tn_backend_device *d, const void *control)
{
    const int i = find(d, control);
    if (i < 0)
        return;
    cudaStreamSynchronize(d->compute); /* or one may yet come */
    d->faults->place[i] = (struct tn_cuda_fault){0};
    d->faults->owner[i] = NULL;
}

static const struct {
    const char *what, *or_else;
} words[] = {
    [TN_FAULT_LABEL] = {"label", " nor -1"},
    [TN_FAULT_INDEX] = {"index", ""},
    [TN_FAULT_CLASS] = {"label", ", nor is it left out"},
};

tn_status tn_cuda_found(tn_backend_device *d, const void *control)
{
    const int i = find(d, control);
    if (i < 0 || d->faults->place[i].kind == TN_FAULT_NONE)
        return TN_OK;
    const struct tn_cuda_fault f = d->faults->place[i];
    const tn_node *n = (const tn_node *)(uintptr_t)f.where;
    d->faults->place[i] = (struct tn_cuda_fault){0};
    return tn_fail(TN_ERR_ARGUMENT, "%s %s: %s %d in row %lld is not in [%lld, %lld)%s",
                   n->op->name, n->name, words[f.kind].what, (int)f.value, (long long)f.row,
                   (long long)f.low, (long long)f.limit, words[f.kind].or_else);
}
