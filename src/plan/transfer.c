/*
 * transfer: canonical host memory to and from device memory in any layout. Where the layouts differ the
 * numbers pass through a canonical tensor on the device, taken for the call; a device whose memory is the host's needs none.
 */
#include "plan/plan.h"

/* By way of `stage`, where the device cannot reach what is the host's. */
static tn_status pass(const tn_device *on, void *reorder, void *device, void *host, void *stage,
                      size_t bytes, bool up)
{
    const tn_backend *b = on->backend;
    void *canonical = stage ? stage : host;
    tn_status status = TN_OK;
    if (stage && up)
        status = b->upload(on->impl, stage, host, bytes);
    if (status == TN_OK)
        status = b->reorder_run(reorder, up ? device : canonical, up ? canonical : device);
    if (status == TN_OK && stage && !up)
        status = b->download(on->impl, host, stage, bytes);
    return status;
}

/* Either direction: from host into `device`, or from `device` into host. */
static tn_status reordered(const tn_device *on, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *device, void *host, bool up)
{
    const tn_backend *b = on->backend;
    tn_backend_device *d = on->impl;
    size_t bytes;
    void *stage = NULL, *reorder = NULL;
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    tn_status status = b->is_host ? TN_OK : b->alloc(d, bytes, &stage);
    if (status == TN_OK)
        status =
            b->reorder_create(d, shape, dtype, up ? NULL : layout, up ? layout : NULL, &reorder);
    if (status == TN_OK)
        status = pass(on, reorder, device, host, stage, bytes, up);
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
        return reordered(device, shape, dtype, layout, to, (void *)(uintptr_t)host, true);
    TN_TRY(tn_shape_bytes(shape, dtype, &bytes));
    return device->backend->upload(device->impl, to, host, bytes);
}

tn_status tn_device_download(tn_device *device, const tn_shape *shape, tn_dtype dtype,
                             const tn_layout *layout, void *host, const void *from)
{
    size_t bytes;
    if (layout)
        return reordered(device, shape, dtype, layout, (void *)(uintptr_t)from, host, false);
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
