/*
 * registry: from a name such as "cpu,threads=2" or "cuda:0" to an open device. The CPU is built in; every
 * other backend is a module, see module.h.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/device.h>

#include "backends/module.h"
#include "base/base.h"

enum { MAX_INDEX = 1023 };

/* A name taken apart: "backend[:index][,options]". */
typedef struct device_name {
    char backend[16];
    int index;
    bool has_index;
    const char *options;
} device_name;

static tn_status parse(const char *name, device_name *out)
{
    const size_t length = strcspn(name, ":,");
    const char *rest = name + length;
    *out = (device_name){.options = ""};
    if (length == 0 || length >= sizeof out->backend ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz") < length)
        return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": the name begins with no backend", name);
    memcpy(out->backend, name, length);
    if (*rest == ':') {
        const char *digit = ++rest;
        for (; *digit >= '0' && *digit <= '9' && out->index <= MAX_INDEX; digit++)
            out->index = out->index * 10 + (*digit - '0');
        if (digit == rest || (*digit && *digit != ',') || out->index > MAX_INDEX)
            return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": \"%s\" is no device number", name,
                           rest);
        out->has_index = true;
        rest = digit;
    }
    if (*rest == ',')
        out->options = rest + 1;
    if (*rest && !rest[1])
        return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": no option follows the comma", name);
    return TN_OK;
}

static tn_status open_on(const tn_backend *b, const device_name *n, tn_device **out)
{
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    d->backend = b;
    tn_status status =
        b->open(&d->impl, &(tn_open_opts){.index = n->index, .options = n->options, .places = 1});
    if (status != TN_OK)
        goto fail;
    d->name = n->has_index
                  ? tn_format("%s:%d%s%s", b->name, n->index, *n->options ? "," : "", n->options)
                  : tn_format("%s%s%s", b->name, *n->options ? "," : "", n->options);
    if (!d->name) {
        status = tn_no_memory("device", strlen(n->options) + 32);
        goto fail;
    }
    *out = d;
    return TN_OK;
fail:
    tn_device_close(d);
    return status;
}

/* NULL: a GPU if there is one, else the CPU, whose description then says why. */
static tn_status open_best(tn_device **out)
{
    const device_name any = {.options = ""};
    const tn_backend *cuda;
    char why[1024];
    int count = 0;
    TN_TRY(tn_module_load("cuda", &cuda, why, sizeof why));
    if (!cuda)
        return open_on(&tn_backend_cpu, &any, out);
    TN_TRY(cuda->count(&count, why, sizeof why));
    if (count > 0)
        return open_on(cuda, &(device_name){.has_index = true, .options = ""}, out);
    tn_device *d;
    TN_TRY(open_on(&tn_backend_cpu, &any, &d));
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
    device_name n;
    const tn_backend *b;
    char looked[1024];
    if (!name)
        return open_best(out);
    TN_TRY(parse(name, &n));
    if (strcmp(n.backend, tn_backend_cpu.name) == 0)
        return open_on(&tn_backend_cpu, &n, out);
    TN_TRY(tn_module_load(n.backend, &b, looked, sizeof looked));
    if (b)
        return open_on(b, &n, out);
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
    if (d->impl)
        d->backend->close(d->impl);
    tn_free(d->name);
    tn_free(d->text);
    tn_free(d);
}

tn_status tn_device_memory(tn_device *d, size_t *total, size_t *unused)
{
    size_t all, left;
    TN_TRY(d->backend->memory(d->impl, &all, &left));
    if (total)
        *total = all;
    if (unused)
        *unused = left;
    return TN_OK;
}

tn_status tn_device_host_alloc(tn_device *d, size_t bytes, void **out)
{
    if (bytes == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: no bytes of memory are asked for", d->name);
    if (d->backend->host_alloc)
        return d->backend->host_alloc(d->impl, bytes, out);
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
        d->backend->host_free(d->impl, p);
    else
        tn_free(p);
}

tn_status tn_device_rates(tn_device *d, tn_precision precision, double *flops, double *bytes)
{
    double unused;
    if (!d->backend->rates)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: its peak rates are not known", d->name);
    TN_TRY(d->backend->precision(d->impl, precision, &precision));
    return d->backend->rates(d->impl, precision, flops ? flops : &unused, bytes);
}

const char *tn_device_name(const tn_device *d)
{
    return d->name;
}

const char *tn_device_describe(const tn_device *d)
{
    return d->text ? d->text : d->backend->describe(d->impl);
}
