/*
 * transfer: canonical host memory to and from device memory in any layout. Where the layouts differ the
 * numbers pass through a canonical tensor on the device, taken for the call.
 */
#include "plan/plan.h"

/* Either direction: from host into `device`, or from `device` into host. */
static tn_status staged(tn_plan *p, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout,
                        void *device, void *host, bool up)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_backend_device *d = p->device->impl;
    size_t bytes;
    void *stage = NULL, *reorder = NULL;
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    tn_status status = b->alloc(d, bytes, &stage);
    if (status == TN_OK)
        status =
            b->reorder_create(d, shape, dtype, up ? NULL : layout, up ? layout : NULL, &reorder);
    if (status == TN_OK && up)
        status = b->upload(d, stage, host, bytes);
    if (status == TN_OK)
        status = b->reorder_run(reorder, up ? device : stage, up ? stage : device);
    if (status == TN_OK && !up)
        status = b->download(d, host, stage, bytes);
    if (reorder)
        b->reorder_destroy(reorder);
    if (stage)
        b->free(d, stage);
    return status;
}

tn_status tn_plan_upload(tn_plan *p, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout,
                         void *to, const void *host)
{
    size_t bytes;
    if (layout) /* the host's bytes are only read when `up` is true */
        return staged(p, shape, dtype, layout, to, (void *)(uintptr_t)host, true);
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    return tn_plan_backend(p)->upload(p->device->impl, to, host, bytes);
}

tn_status tn_plan_found(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    return b->found ? b->found(p->device->impl, p->run.control) : TN_OK;
}

tn_status tn_plan_download(tn_plan *p, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *host, const void *from)
{
    size_t bytes;
    if (layout) {
        TN_TRY(staged(p, shape, dtype, layout, (void *)(uintptr_t)from, host, false));
        return tn_plan_found(p);
    }
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    TN_TRY(tn_plan_backend(p)->download(p->device->impl, host, from, bytes));
    return tn_plan_found(p);
}
