/*
 * registry: from a name such as "cpu,threads=2" or "cuda:0" to an open device.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/device.h>

#include "backends/backend.h"
#include "base/base.h"

/* Best first: what NULL tries. */
static const tn_backend *const backends[] = {&tn_backend_cpu};

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
    if (length == 0 || length >= sizeof out->backend)
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
    int count;
    char why[512] = "";
    TN_TRY(b->count(&count, why, sizeof why));
    if (n->index >= count)
        return tn_fail(TN_ERR_DEVICE, "device %s:%d: there are %d of them", b->name, n->index,
                       count);
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    d->backend = b;
    tn_status status = b->open(&d->impl, n->index, n->options);
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

tn_status tn_device_open(tn_device **out, const char *name)
{
    device_name n = {.options = ""};
    if (!name)
        return open_on(backends[0], &n, out);
    TN_TRY(parse(name, &n));
    for (size_t i = 0; i < TN_COUNT(backends); i++)
        if (strcmp(backends[i]->name, n.backend) == 0)
            return open_on(backends[i], &n, out);

    char known[128] = "";
    for (size_t i = 0; i < TN_COUNT(backends); i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 backends[i]->name);
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "device \"%s\": this build of Tenon has no backend \"%s\"; it has: %s", name,
                   n.backend, known);
}

void tn_device_close(tn_device *d)
{
    if (!d)
        return;
    if (d->impl)
        d->backend->close(d->impl);
    tn_free(d->name);
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

const char *tn_device_name(const tn_device *d)
{
    return d->name;
}

const char *tn_device_describe(const tn_device *d)
{
    return d->backend->describe(d->impl);
}
