/*
 * transfer: canonical host memory to and from device memory in any layout. Where the layouts differ the
 * numbers pass through a canonical tensor on the device, taken for the call.
 */
#include "plan/plan.h"

/* Either direction: from host into `device`, or from `device` into host. */
static tn_status staged(const tn_device *on, const tn_shape *shape, tn_dtype dtype,
                        const tn_layout *layout, void *device, void *host, bool up)
{
    const tn_backend *b = on->backend;
    tn_backend_device *d = on->impl;
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

tn_status tn_device_upload(tn_device *device, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *to, const void *host)
{
    size_t bytes;
    if (layout) /* the host's bytes are only read when `up` is true */
        return staged(device, shape, dtype, layout, to, (void *)(uintptr_t)host, true);
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    return device->backend->upload(device->impl, to, host, bytes);
}

tn_status tn_device_download(tn_device *device, const tn_shape *shape, tn_dtype dtype,
                             const tn_layout *layout, void *host, const void *from)
{
    size_t bytes;
    if (layout)
        return staged(device, shape, dtype, layout, (void *)(uintptr_t)from, host, false);
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    return device->backend->download(device->impl, host, from, bytes);
}

tn_status tn_plan_upload(tn_plan *p, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout,
                         void *to, const void *host)
{
    return tn_device_upload(p->device, shape, dtype, layout, to, host);
}

tn_status tn_plan_found(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    return b->found ? b->found(p->device->impl, p->run.control) : TN_OK;
}

tn_status tn_plan_download(tn_plan *p, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *host, const void *from)
{
    TN_TRY(tn_device_download(p->device, shape, dtype, layout, host, from));
    return tn_plan_found(p);
}
