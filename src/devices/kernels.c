/*
 * kernels: those of a program's own, which a device has beside its backend's.
 */
#include <string.h>

#include "base/base.h"
#include "devices/devices.h"

static tn_status check_rank(const tn_kernel *have, const tn_kernel *k, const char *device)
{
    if (have->rank != k->rank || strcmp(have->op, k->op) != 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "kernel %s: %s has one of rank %d for %s already%s%s",
                   k->name ? k->name : "without a name", device, k->rank, k->op,
                   have->name ? ": " : "", have->name ? have->name : "");
}

static tn_status check(const tn_device *d, const tn_kernel *k)
{
    if (k->version != TN_SYS_VERSION)
        return tn_fail(TN_ERR_ARGUMENT,
                       "kernel: its table is of version %u of <tenon/sys/kernel.h>, the library's "
                       "of %u",
                       k->version, TN_SYS_VERSION);
    if (!k->op || !k->prepare || !k->forward)
        return tn_fail(TN_ERR_ARGUMENT, "kernel for %s: it has no %s", k->op ? k->op : "what?",
                       !k->op        ? "op"
                       : !k->prepare ? "prepare()"
                                     : "forward()");
    for (const tn_kernel *const *have = d->backend->kernels_of ? d->backend->kernels_of(d->impl)
                                                               : d->backend->kernels;
         *have; have++)
        TN_TRY(check_rank(*have, k, d->name));
    for (size_t i = 0; i < d->num_own; i++)
        TN_TRY(check_rank(d->own[i], k, d->name));
    return TN_OK;
}

static tn_status add(tn_device *d, const tn_kernel *k)
{
    TN_TRY(check(d, k));
    TN_TRY(tn_grow((void **)&d->own, d->num_own, &d->own_capacity, sizeof *d->own, "kernels"));
    d->own[d->num_own++] = k;
    return TN_OK;
}

tn_status tn_device_add_kernel(tn_device *d, const tn_kernel *kernel)
{
    TN_NEED(d, "device");
    TN_NEED(kernel, "kernel");
    if (d->members == 0)
        return add(d, kernel);
    for (int i = 0; i < d->members; i++) {
        const tn_status status = add(d->member[i], kernel);
        if (status == TN_OK)
            continue;
        while (i-- > 0) /* none has it, or all */
            d->member[i]->num_own--;
        return status;
    }
    return TN_OK;
}
