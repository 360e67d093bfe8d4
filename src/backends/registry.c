/*
 * registry: from a name such as "cpu,threads=2" or "cuda:0-3" to an open device. The CPU is built in; every
 * other backend is a module, see module.h.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/device.h>

#include "backends/device_name.h"
#include "backends/module.h"
#include "base/base.h"

/* ---- one ------------------------------------------------------------------------------------ */

static tn_status open_one(const tn_backend *b, bool has_index, const tn_open_opts *o,
                          tn_device **out)
{
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    d->backend = b;
    tn_status status = b->open(&d->impl, o);
    if (status != TN_OK)
        goto fail;
    d->name = has_index
                  ? tn_format("%s:%d%s%s", b->name, o->index, *o->options ? "," : "", o->options)
                  : tn_format("%s%s%s", b->name, *o->options ? "," : "", o->options);
    if (!d->name) {
        status = tn_no_memory("device", strlen(o->options) + 32);
        goto fail;
    }
    *out = d;
    return TN_OK;
fail:
    tn_device_close(d);
    return status;
}

/* ---- several -------------------------------------------------------------------------------- */

/* "2 devices: cpu:0: ...; cpu:1: ..." */
static tn_status describe_group(tn_device *d)
{
    char *text = tn_format("%d devices", d->members);
    for (int i = 0; text && i < d->members; i++) {
        char *before = text;
        text = tn_format("%s%s %s", before, i ? ";" : ":", tn_device_describe(d->member[i]));
        tn_free(before);
    }
    d->text = text;
    return text ? TN_OK : tn_no_memory("device", 1024);
}

static tn_status open_members(tn_device *d, const tn_device_name_parts *n)
{
    d->member = tn_alloc((size_t)n->count, sizeof(tn_device *));
    if (!d->member)
        return tn_no_memory("device", (size_t)n->count * sizeof(tn_device *));
    for (; d->members < n->count; d->members++) {
        const tn_open_opts o = {.index = n->index[d->members],
                                .options = n->options,
                                .place = d->members,
                                .places = n->count};
        TN_TRY(open_one(d->backend, true, &o, &d->member[d->members]));
    }
    return describe_group(d);
}

static tn_status open_group(const tn_backend *b, const tn_device_name_parts *n, const char *name,
                            tn_device **out)
{
    if (!b->collectives)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "device \"%s\": the backend %s trains on one device at a time", name,
                       b->name);
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    d->backend = b;
    d->name = tn_copy_text(name);
    const tn_status status = d->name ? open_members(d, n) : tn_no_memory("device", strlen(name));
    if (status != TN_OK) {
        tn_device_close(d);
        return status;
    }
    *out = d;
    return TN_OK;
}

/* "all": every one that there is. */
static tn_status take_all(const tn_backend *b, const char *name, tn_device_name_parts *n)
{
    char why[1024] = "";
    int count = 0;
    TN_TRY(b->count(&count, why, sizeof why));
    if (count == 0)
        return tn_fail(TN_ERR_DEVICE, "device \"%s\": there is none: %s", name, why);
    if (count > TN_MAX_DEVICES)
        return tn_fail(TN_ERR_DEVICE, "device \"%s\": there are %d; name at most %d", name, count,
                       TN_MAX_DEVICES);
    n->count = count;
    for (int i = 0; i < count; i++)
        n->index[i] = i;
    return TN_OK;
}

static tn_status open_on(const tn_backend *b, tn_device_name_parts *n, const char *name,
                         tn_device **out)
{
    if (n->all)
        TN_TRY(take_all(b, name, n));
    if (n->count > 1)
        return open_group(b, n, name, out);
    return open_one(b, n->count == 1,
                    &(tn_open_opts){.index = n->index[0], .options = n->options, .places = 1}, out);
}

/* ---- by name -------------------------------------------------------------------------------- */

/* NULL: a GPU if there is one, else the CPU, whose description then says why. */
static tn_status open_best(tn_device **out)
{
    const tn_open_opts any = {.options = "", .places = 1};
    const tn_backend *cuda;
    char why[1024];
    int count = 0;
    TN_TRY(tn_module_load("cuda", &cuda, why, sizeof why));
    if (!cuda)
        return open_one(&tn_backend_cpu, false, &any, out);
    TN_TRY(cuda->count(&count, why, sizeof why));
    if (count > 0)
        return open_one(cuda, true, &any, out);
    tn_device *d;
    TN_TRY(open_one(&tn_backend_cpu, false, &any, &d));
    d->text = tn_format("%s; no GPU: %s", d->backend->describe(d->impl), why);
    if (!d->text) {
        tn_device_close(d);
        return tn_no_memory("device", strlen(why));
    }
    *out = d;
    return TN_OK;
}

tn_status tn_device_open(tn_device **out, const char *name)
{
    tn_device_name_parts n;
    const tn_backend *b;
    char looked[1024];
    if (!name)
        return open_best(out);
    TN_TRY(tn_device_name_parse(name, &n));
    if (strcmp(n.backend, tn_backend_cpu.name) == 0)
        return open_on(&tn_backend_cpu, &n, name, out);
    TN_TRY(tn_module_load(n.backend, &b, looked, sizeof looked));
    if (b)
        return open_on(b, &n, name, out);
    return tn_fail(
        TN_ERR_UNSUPPORTED,
        "device \"%s\": this build of Tenon has no backend \"%s\": it has cpu, and there "
        "is no tenon_%s.so in %s",
        name, n.backend, n.backend, looked);
}

void tn_device_close(tn_device *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->members; i++)
        tn_device_close(d->member[i]);
    tn_free(d->member);
    if (d->impl)
        d->backend->close(d->impl);
    tn_free(d->name);
    tn_free(d->text);
    tn_free(d);
}

static tn_status memory_of_one(tn_device *d, size_t *total, size_t *unused)
{
    return d->backend->memory(d->impl, total, unused);
}

tn_status tn_device_memory(tn_device *d, size_t *total, size_t *unused)
{
    size_t all = 0, left = SIZE_MAX;
    if (!d->members)
        TN_TRY(memory_of_one(d, &all, &left));
    for (int i = 0; i < d->members; i++) { /* the one that is first to be full */
        size_t total_i, left_i;
        TN_TRY(memory_of_one(d->member[i], &total_i, &left_i));
        if (left_i >= left)
            continue;
        all = total_i;
        left = left_i;
    }
    if (total)
        *total = all;
    if (unused)
        *unused = left;
    return TN_OK;
}

/* Of a group one is as good as another: what it pins all may copy from. */
static tn_backend_device *any_of(const tn_device *d)
{
    return d->members ? d->member[0]->impl : d->impl;
}

tn_status tn_device_host_alloc(tn_device *d, size_t bytes, void **out)
{
    if (bytes == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: no bytes of memory are asked for", d->name);
    if (d->backend->host_alloc)
        return d->backend->host_alloc(any_of(d), bytes, out);
    void *p = tn_alloc_aligned(bytes);
    if (!p)
        return tn_no_memory(d->name, bytes);
    *out = p;
    return TN_OK;
}

void tn_device_host_free(tn_device *d, void *p)
{
    if (!p)
        return;
    if (d->backend->host_free)
        d->backend->host_free(any_of(d), p);
    else
        tn_free(p);
}

static tn_status rates_of_one(tn_device *d, tn_precision precision, double *flops, double *bytes)
{
    if (!d->backend->rates)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: its peak rates are not known", d->name);
    TN_TRY(d->backend->precision(d->impl, precision, &precision));
    return d->backend->rates(d->impl, precision, flops, bytes);
}

tn_status tn_device_rates(tn_device *d, tn_precision precision, double *flops, double *bytes)
{
    double sum = 0, sum_bytes = 0;
    tn_device *const *one = d->members ? d->member : &d;
    for (int i = 0; i < (d->members ? d->members : 1); i++) {
        double f = 0, b = 0;
        TN_TRY(rates_of_one(one[i], precision, &f, bytes ? &b : NULL));
        sum += f;
        sum_bytes += b;
    }
    if (flops)
        *flops = sum;
    if (bytes)
        *bytes = sum_bytes;
    return TN_OK;
}

const char *tn_device_name(const tn_device *d)
{
    return d->name;
}

const char *tn_device_describe(const tn_device *d)
{
    return d->text ? d->text : d->backend->describe(d->impl);
}
