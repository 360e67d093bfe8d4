/* The CPU as a backend: memory is the host's, threads are its own, layouts are oneDNN's, if it is there. */
/* sysconf's memory is glibc's. */
#define _DEFAULT_SOURCE

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/cpu/device/pin.h"
#include "backends/cpu/onednn/door.h"
#include "backends/cpu/optim/_average.h"
#include "base/base.h"
#include "base/host_memory.h"

enum { LARGE = 4 << 20 };

extern const tn_kernel *const tn_cpu_kernels[];
extern const tn_kernel *const tn_reference_kernels[];
extern const tn_optim_kernel *const tn_cpu_optims[];

/* ---- opening ------------------------------------------------------------------------------ */

static tn_status count_devices(int *devices, char *why, size_t size)
{
    (void)why, (void)size;
    *devices = 1;
    return TN_OK;
}

/* "AMD EPYC 7B13", as Linux has it for x86. */
static void read_model(char *model, size_t size)
{
    snprintf(model, size, "unknown processor");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[256];
    while (fgets(line, sizeof line, f)) {
        const char *text = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && text) {
            text += strspn(text, ": \t");
            snprintf(model, size, "%.*s", (int)strcspn(text, "\n"), text);
            break;
        }
    }
    fclose(f);
}

static void close_device(tn_backend_device *d)
{
    if (!d)
        return;
    tn_onednn_close(d);
    tn_crew_close(d->crew);
    tn_pin_close(d->pin);
    tn_free(d->text);
    tn_free(d);
}

static tn_status open_unbound(tn_backend_device **out, const tn_open_opts *opts)
{
    tn_cpu_opts o;
    if (opts->places == 1 && opts->index != 0)
        return tn_fail(TN_ERR_DEVICE, "cpu:%d: there is only cpu:0, with all its cores",
                       opts->index);
    TN_TRY(tn_cpu_read_options(opts, &o));
    if (o.prefer != TN_CPU_FASTEST && !tn_onednn_version())
        return tn_fail(TN_ERR_UNSUPPORTED, "cpu: option prefer chooses among kernels that a build "
                                           "without oneDNN has not");
    tn_backend_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("cpu", sizeof *d);
    const int asked = o.threads;
    const char *with = tn_onednn_version();
    d->reference = o.reference;
    d->prefer = o.prefer;
    tn_status status = TN_OK;
    o.threads = (int)tn_cpu_lower(o.threads, tn_cpu_thread_limit());
    if (o.pin)
        status = tn_pin_open(&d->pin, &o);
    if (status == TN_OK)
        status = tn_crew_open(&d->crew, o.threads, d->pin ? d->pin->core : NULL);
    d->threads = tn_crew_size(d->crew);
    d->fewer = d->threads < o.threads;
    if (status == TN_OK)
        status = tn_onednn_open(d);
    if (status != TN_OK)
        goto fail;
    char model[128], name[16] = "cpu", fewer[64] = "";
    if (opts->places > 1)
        snprintf(name, sizeof name, "cpu:%d", opts->index);
    read_model(model, sizeof model);
    if (d->threads < asked)
        snprintf(fewer, sizeof fewer, " (%d were asked for, there are no more)", asked);
    d->text = tn_format(
        "%s: %s, %d thread%s%s%s, %s, %s", name, model, d->threads, d->threads == 1 ? "" : "s",
        fewer, d->pin ? ", pinned" : "", d->reference ? "reference kernels" : tn_onednn_isa(),
        with ? with : "no oneDNN in this build: most layers by reference kernels, slowly");
    if (!d->text) {
        status = tn_no_memory("cpu", 1);
        goto fail;
    }
    *out = d;
    return TN_OK;
fail:
    close_device(d);
    return status;
}

static tn_status open_device(tn_backend_device **out, const tn_open_opts *opts)
{
    return tn_openmp_let_go(open_unbound, out, opts);
}

static const tn_kernel *const *kernels_of(const tn_backend_device *d)
{
    return TN_WHOLE && d->reference ? tn_reference_kernels : tn_cpu_kernels;
}

static const char *describe(const tn_backend_device *d)
{
    return d->text;
}

static tn_status precision(const tn_backend_device *d, tn_precision asked, tn_precision *out)
{
    (void)d;
    if (!tn_precision_name(asked))
        return tn_fail(TN_ERR_ARGUMENT, "cpu: %d is no precision", (int)asked);
    if (asked != TN_PRECISION_DEFAULT && asked != TN_PRECISION_F32)
        return tn_fail(TN_ERR_UNSUPPORTED, "cpu: computes in f32, not in %s",
                       tn_precision_name(asked));
    *out = TN_PRECISION_F32;
    return TN_OK;
}

/* ---- memory ------------------------------------------------------------------------------- */

static tn_status memory(tn_backend_device *d, size_t *total, size_t *unused)
{
    uint64_t all, left;
    (void)d;
    if (!tn_host_memory("", &all, &left))
        return tn_fail(TN_ERR_DEVICE, "cpu: the system does not say how much memory it has");
    *total = (size_t)all;
    *unused = (size_t)left;
    return TN_OK;
}

/* Large pages where the system has them: prefetching stops at the end of a page. AlexNet's dense layers,
 * which read all of their weights once, take two thirds of the time at batch 1. */
static void want_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)p + page - 1) / page * page, end = (uintptr_t)p + bytes;
    if (bytes >= LARGE)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* it stays as it is if not */
#else
    (void)p, (void)bytes;
#endif
}

static tn_status alloc_memory(tn_backend_device *d, size_t bytes, void **out)
{
    (void)d;
    void *p = tn_alloc_aligned(bytes);
    if (!p)
        return tn_no_memory("cpu", bytes);
    want_large_pages(p, bytes);
    *out = p;
    return TN_OK;
}

static void free_memory(tn_backend_device *d, void *p)
{
    (void)d;
    tn_free(p);
}

static tn_status upload(tn_backend_device *d, void *to, const void *host, size_t bytes)
{
    (void)d;
    memcpy(to, host, bytes);
    return TN_OK;
}

static tn_status download(tn_backend_device *d, void *host, const void *from, size_t bytes)
{
    (void)d;
    memcpy(host, from, bytes);
    return TN_OK;
}

typedef struct filling {
    unsigned char *to;
    int byte;
    size_t bytes;
} filling;

enum { FILL_BYTES = 1 << 20 /* of a piece */ };

static void fill_some(const void *of, tn_piece p)
{
    const filling *f = of;
    const size_t begin = (size_t)p.begin * FILL_BYTES, end = (size_t)p.end * FILL_BYTES;
    memset(f->to + begin, f->byte, (end < f->bytes ? end : f->bytes) - begin);
}

/* By all threads: most of it is the system's work, which gives the pages of new memory. */
static tn_status fill(tn_backend_device *d, void *to, int byte, size_t bytes)
{
    tn_each(d, (int64_t)((bytes + FILL_BYTES - 1) / FILL_BYTES), 1, fill_some,
            &(filling){to, byte, bytes});
    return TN_OK;
}

/* ---- threads ------------------------------------------------------------------------------ */

static tn_status begin_run(tn_backend_device *d, const tn_run_state *run)
{
    (void)run;
    return tn_pin_caller(d->pin);
}

static tn_status begin_update(const tn_optim_call *c)
{
    return tn_pin_caller(c->device->pin);
}

/* ---- arithmetic --------------------------------------------------------------------------- */

typedef struct addition {
    float *to;
    const float *from;
} addition;

static void add(const void *of, tn_piece p)
{
    const addition *a = of;
    float *y = a->to;
    const float *x = a->from;
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        y[i] += x[i];
}

static tn_status accumulate(tn_backend_device *d, const tn_layout *layout, void *to,
                            const void *from, size_t bytes)
{
    (void)layout; /* all of them are of f32 */
    tn_each(d, (int64_t)(bytes / sizeof(float)), TN_FLOATS, add, &(addition){to, from});
    return TN_OK;
}

static tn_status tally(tn_backend_device *d, const tn_run_state *run, double *sum, const void *x,
                       tn_dtype dtype)
{
    (void)d;
    (void)run;
    sum[1] += 1;
    *sum += dtype == TN_I32 ? (double)*(const int32_t *)x : (double)*(const float *)x;
    return TN_OK;
}

/* Always the same parts, added in the same order: the threads only share them out. */
enum { PARTS = 256 };
typedef struct squares {
    const float *x;
    size_t count;
    double *part;
} squares;

static void add_squares(const void *of, tn_piece all)
{
    const squares *s = of;
    const float *x = s->x;
    const size_t size = s->count / PARTS + 1;
    for (int64_t p = all.begin; p < all.end; p++) {
        const size_t begin = (size_t)p * size < s->count ? (size_t)p * size : s->count;
        const size_t end = begin + size < s->count ? begin + size : s->count;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = begin; i < end; i++)
            sum += (double)x[i] * (double)x[i];
        s->part[p] = sum;
    }
}

static double sum_squares(const tn_backend_device *d, const float *x, size_t count)
{
    double part[PARTS], sum = 0;
    tn_each(d, PARTS, 1, add_squares, &(squares){x, count, part});
    for (int p = 0; p < PARTS; p++)
        sum += part[p];
    return sum;
}

/* As PyTorch's clip_grad_norm_: scale by max_norm / (norm + 1e-6) if that is below 1. */
static tn_status measure(tn_optim_call *c)
{
    c->norm = (float)sqrt(sum_squares(c->device, c->g, c->count)) * c->scale;
    c->left_out = c->guard && !isfinite(c->norm);
    const float shrink = c->clip_norm / (c->norm + 1e-6f);
    if (c->clip_norm > 0 && shrink < 1)
        c->scale *= shrink;
    return TN_OK;
}

const tn_backend tn_backend_cpu = {
    .abi = TN_MODULE_ABI,
    .name = "cpu",
    .is_host = true,
    .kernels = tn_cpu_kernels,
    .kernels_of = kernels_of,
    .optims = tn_cpu_optims,
    .count = count_devices,
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .precision = precision,
    .memory = memory,
    .alloc = alloc_memory,
    .free = free_memory,
    .upload = upload,
    .download = download,
    .fill = fill,
    .reorder_create = tn_onednn_reorder_create,
    .reorder_run = tn_onednn_reorder_run,
    .reorder_destroy = tn_onednn_reorder_destroy,
    .part_layout = tn_onednn_part_layout,
    .accumulate = accumulate,
    .tally = tally,
    .measure = measure,
    .copy = tn_cpu_copy,
    .swap = tn_cpu_swap,
    .restore = tn_cpu_restore,
    .average = tn_cpu_average,
    .begin_run = begin_run,
    .begin_update = begin_update,
    .collectives = &tn_host_collectives,
};
