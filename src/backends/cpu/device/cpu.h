/*
 * The CPU device as its kernels see it.
 *
 * A kernel's loops are shared out among the device's own threads (device/crew.h), so that a plan may be run from any thread:
 *     tn_each(c->device, count, 1, rows, c);
 * oneDNN's primitives are cut into pieces of one thread each (onednn/pieces.c), which are such a loop.
 *
 * The floating-point mode is left alone, as PyTorch leaves it: no flushing of denormal numbers. The
 * mode belongs to a thread, and these threads belong to the program too.
 */
#ifndef TN_CPU_H
#define TN_CPU_H

#include <string.h>

#include "backends/backend.h"
#include "backends/cpu/device/crew.h"

/* The kernel that is taken wherever it can be, also where another is faster: the option "prefer". */
typedef enum tn_cpu_prefer {
    TN_CPU_FASTEST,
    TN_CPU_FIRST,
    TN_CPU_TILES,
    TN_CPU_WINOGRAD,
    TN_CPU_WINOGRAD_4X4, /* and with that tile in place of the 6 x 6 */
    TN_CPU_DIRECT,
} tn_cpu_prefer;

struct tn_backend_device {
    int threads;
    bool fewer; /* than it was to have: the system starts no more */
    tn_crew *crew;
    tn_cpu_prefer prefer;
    bool reference;     /* with the kernels of reference/ alone */
    struct tn_pin *pin; /* NULL: the system chooses the threads' cores */
    char *text;         /* what describe says */
    struct dnnl_engine *engine;
    struct dnnl_stream *stream;
};

/* What the kernels of vector/vector.h are there for. */
typedef enum tn_cpu_isa { TN_CPU_PORTABLE, TN_CPU_AVX2, TN_CPU_AVX512, TN_CPU_ISAS } tn_cpu_isa;

/* The best that this processor has, held to what oneDNN is held to (ONEDNN_MAX_CPU_ISA). */
tn_cpu_isa tn_cpu_isa_here(void);

enum { TN_CPU_ALIGN = 256 };

/* A loop's smallest piece where an item is an f32 or a few of them: some microseconds. */
enum { TN_FLOATS = 4096 };

static inline void tn_each(const tn_backend_device *d, int64_t count, int64_t grain, tn_work *work,
                           const void *of)
{
    tn_crew_run(d->crew, count, grain, work, of);
}

/* Part i of `parts` of `count` items, as equal as can be. */
static inline tn_piece tn_part(int64_t count, int64_t parts, int64_t i)
{
    return (tn_piece){count * i / parts, count * (i + 1) / parts, 0};
}

static inline size_t tn_cpu_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline int64_t tn_cpu_lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One number a filter as whole blocks have them: 0 for those that fill the last one; made at `to` if there are such.
 * NULL stays NULL. */
static inline const float *tn_cpu_whole_blocks(const float *one, int64_t filters, int64_t wide,
                                               float *to)
{
    if (!one || filters == wide)
        return one;
    memset(to + filters, 0, (size_t)(wide - filters) * sizeof *to);
    return memcpy(to, one, (size_t)filters * sizeof *to);
}

/* A kernel's scratch or saved memory has several parts: adds one of `bytes`, returns where it starts. */
static inline size_t tn_cpu_part(size_t *total, size_t bytes)
{
    const size_t offset = *total;
    *total += (bytes + TN_CPU_ALIGN - 1) & ~(size_t)(TN_CPU_ALIGN - 1);
    return offset;
}

#endif
