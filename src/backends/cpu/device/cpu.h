/*
 * The CPU device as its kernels see it.
 *
 * Threads are OpenMP's, whose pool oneDNN shares. A kernel's own loops ask for the device's number,
 *     #pragma omp parallel for num_threads(c->device->threads) schedule(static)
 * and oneDNN's are told it around each call (onednn/prim.c), so that a plan may be run from any thread
 * and the calling program's own OpenMP settings stay as they are; but the adjusting of numbers by load (OMP_DYNAMIC) is
 * turned off in a thread that runs plans. The number is no more than OpenMP was seen to give when the device was opened
 * (device/team.h): oneDNN would wait for the others for ever.
 *
 * The floating-point mode is left alone, as PyTorch leaves it: no flushing of denormal numbers. The
 * mode belongs to a thread, and these threads belong to the program too.
 */
#ifndef TN_CPU_H
#define TN_CPU_H

#include <string.h>

#include "backends/backend.h"

/* The kernel that is taken wherever it can be, also where another is faster: the option "prefer". */
typedef enum tn_cpu_prefer {
    TN_CPU_FASTEST,
    TN_CPU_FIRST,
    TN_CPU_TILES,
    TN_CPU_WINOGRAD,
    TN_CPU_WINOGRAD_4X4, /* and with that tile in place of the 6 x 6 */
} tn_cpu_prefer;

struct tn_backend_device {
    int threads;
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
