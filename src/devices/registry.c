/*
 * registry: from a name such as "cpu,threads=2" or "cuda:0-3" to an open device. The CPU is built in; every
 * other backend is a module, see base/module.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tenon/device.h>

#include "backends/surface.h"
#include "base/base.h"
#include "base/thread.h"
#include "devices/devices.h"
#include "devices/name.h"

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

/* "2 devices: cpu:0: ...; cpu:1: ...", "rank 0 of 2 by Open MPI v4.1.4: cpu: ..." */
static tn_status describe_group(tn_device *d)
{
    char *text = d->ranks ? tn_format("rank %d of %d by %s", d->place.rank, d->place.ranks,
                                      d->ranks->describe())
                          : tn_format("%d devices", d->members);
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
                                .places = n->count,
                                .near = d->place.near,
                                .nears = d->place.nears};
        TN_TRY(open_one(d->backend, true, &o, &d->member[d->members]));
    }
    return describe_group(d);
}

/* d: with its ranks, or empty. */
static tn_status fill_group(tn_device *d, const tn_backend *b, const tn_device_name_parts *n,
                            const char *name)
{
    if (!b->collectives)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "device \"%s\": the backend %s trains on one device at a time", name,
                       b->name);
    if (d->ranks && n->count > 1 && !b->collectives->spans)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "device \"%s\": a rank has one %s, whose threads it may use all", name,
                       b->name);
    d->backend = b;
    d->name = tn_copy_text(name);
    return d->name ? open_members(d, n) : tn_no_memory("device", strlen(name));
}

static tn_status open_group(const tn_backend *b, const tn_device_name_parts *n, const char *name,
                            tn_device **out)
{
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    const tn_status status = fill_group(d, b, n, name);
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

/* To what is said of it: "; " and these. */
static tn_status add_text(tn_device *d, const char *what, const char *more)
{
    char *text = tn_format("%s; %s%s", tn_device_describe(d), what, more);
    if (!text)
        return tn_no_memory("device", strlen(more));
    tn_free(d->text);
    d->text = text;
    return TN_OK;
}

/* NULL: a GPU if there is one, else the CPU, whose description then says why. */
static tn_status open_best(tn_device **out)
{
    const tn_open_opts any = {.options = "", .places = 1};
    const void *module;
    char why[1024];
    int count = 0;
    TN_TRY(tn_module_load("cuda", &module, why, sizeof why));
    if (!module)
        return open_one(&tn_backend_cpu, false, &any, out);
    const tn_backend *cuda = module;
    TN_TRY(cuda->count(&count, why, sizeof why));
    if (count > 0)
        return open_one(cuda, true, &any, out);
    tn_device *d;
    TN_TRY(open_one(&tn_backend_cpu, false, &any, &d));
    const tn_status status = add_text(d, "no GPU: ", why);
    if (status != TN_OK) {
        tn_device_close(d);
        return status;
    }
    *out = d;
    return TN_OK;
}

/* The parts of a name and the backend that it means. */
static tn_status find(const char *name, const char *part, tn_device_name_parts *n,
                      const tn_backend **out)
{
    const void *module;
    char looked[1024];
    TN_TRY(tn_device_name_parse(part, n));
    *out = &tn_backend_cpu;
    if (strcmp(n->backend, tn_backend_cpu.name) == 0)
        return TN_OK;
    TN_TRY(tn_module_load(n->backend, &module, looked, sizeof looked));
    *out = module;
    if (module)
        return TN_OK;
    return tn_fail(
        TN_ERR_UNSUPPORTED,
        "device \"%s\": this build of Tenon has no backend \"%s\": it has cpu, and there "
        "is no tenon_%s.so in %s",
        name, n->backend, n->backend, looked);
}

static const char ranked[] = "mpi:"; /* before the name of what each rank has */

/* Which of the devices that it sees: a launcher may let each process see only its own, number 0 for all of them. Two
 * on one GPU are refused by what they train through. */
static tn_status own_index(const tn_device *d, const tn_backend *b, int *index)
{
    char why[512];
    int visible;
    *index = 0;
    if (b == &tn_backend_cpu)
        return TN_OK;
    TN_TRY(b->count(&visible, why, sizeof why));
    *index = visible > 0 ? d->place.number % visible : d->place.number;
    return TN_OK;
}

/* What this rank has: the device named, or of several the one of its number. */
static tn_status open_own(tn_device *d, const char *name)
{
    tn_device_name_parts n;
    const tn_backend *b;
    TN_TRY(find(name, name + strlen(ranked), &n, &b));
    if (n.all)
        TN_TRY(take_all(b, name, &n));
    if (n.count == 0) {
        n.count = 1;
        TN_TRY(own_index(d, b, &n.index[0]));
    }
    return fill_group(d, b, &n, name);
}

static tn_status open_rank(const char *name, tn_device **out)
{
    tn_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("device", sizeof *d);
    tn_status status = tn_ranks_begin(name, &d->ranks, &d->place);
    if (status != TN_OK) {
        tn_free(d);
        return status;
    }
    d->stall = TN_STALL;
    status = tn_ranks_agree(d->ranks, &d->place, d->stall, open_own(d, name));
    if (status == TN_OK)
        status = tn_ranks_same(d);
    if (status == TN_OK && tn_cores() == 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
        status =
            add_text(d, "", "bound to one core, which its loader has too (mpirun --bind-to none)");
    if (status != TN_OK) {
        tn_device_close(d);
        return status;
    }
    *out = d;
    return TN_OK;
}

static tn_status open_named(const char *name, tn_device **out)
{
    tn_device_name_parts n;
    const tn_backend *b;
    if (strncmp(name, ranked, strlen(ranked)) == 0)
        return open_rank(name, out);
    TN_TRY(find(name, name, &n, &b));
    return open_on(b, &n, name, out);
}

tn_status tn_device_open(tn_device **out, const char *name)
{
    TN_NEED(out, "out");
    tn_device *d = NULL;
    TN_TRY(name ? open_named(name, &d) : open_best(&d));
    const char *alone = d->ranks ? NULL : tn_ranks_alone();
    const tn_status status = alone ? add_text(d, "", alone) : TN_OK;
    if (status != TN_OK) {
        tn_device_close(d);
        return status;
    }
    *out = d;
    return TN_OK;
}

void tn_device_close(tn_device *d)
{
    if (!d)
        return;
    if (d->ranks)
        d->ranks->end();
    for (int i = 0; i < d->members; i++)
        tn_device_close(d->member[i]);
    tn_free(d->member);
    if (d->impl)
        d->backend->close(d->impl);
    tn_free(d->own);
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
    TN_NEED(d, "device");
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
    TN_NEED(d, "device");
    TN_NEED(out, "out");
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
    if (!d || !p)
        return;
    if (d->backend->host_free)
        d->backend->host_free(any_of(d), p);
    else
        tn_free(p);
}

tn_status tn_device_cut(tn_device *d, const tn_surface_cut *c, uint8_t *rgb)
{
    if (!d->backend->surface_fit)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: has no memory that video is decoded to", d->name);
    if (d->backend->runnable)
        TN_TRY(d->backend->runnable(any_of(d)));
    return d->backend->surface_fit(any_of(d), c, rgb);
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
    TN_NEED(d, "device");
    double sum = 0, sum_bytes = 0;
    tn_device *const *one = d->members ? d->member : &d;
    for (int i = 0; i < (d->members ? d->members : 1); i++) {
        double f = 0, b = 0;
        TN_TRY(rates_of_one(one[i], precision, &f, bytes ? &b : NULL));
        sum += f;
        sum_bytes += b;
    }
    sum *= tn_device_ranks(d);
    sum_bytes *= tn_device_ranks(d);
    if (flops)
        *flops = sum;
    if (bytes)
        *bytes = sum_bytes;
    return TN_OK;
}

const char *tn_device_name(const tn_device *d)
{
    return d ? d->name : NULL;
}

const char *tn_device_describe(const tn_device *d)
{
    if (!d)
        return NULL;
    return d->text ? d->text : d->backend->describe(d->impl);
}
