/*
 * Copies and fills.
 *
 *     from pageable memory   the bytes are taken when the call is made
 *     to pageable memory     the call returns when they are there
 *     pinned memory          read and written when the stream gets to it
 */
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

typedef struct copy {
    int device;
    void *to;
    const void *from; /* NULL: the bytes follow */
    size_t bytes;
    _Alignas(16) unsigned char staged[];
} copy;

typedef struct fill {
    int device, value;
    void *to;
    size_t bytes;
} fill;

static void run_copy(void *argument)
{
    const copy *c = argument;
    const void *from = c->from ? c->from : c->staged;
    /* It may have been freed since. */
    tn_sim_place_of(c->device, "a copy that runs", c->to, c->bytes);
    if (c->from)
        tn_sim_place_of(c->device, "a copy that runs", from, c->bytes);
    memcpy(c->to, from, c->bytes);
}

static void run_fill(void *argument)
{
    const fill *f = argument;
    tn_sim_check_memory(f->device, "a fill that runs", f->to, f->bytes);
    memset(f->to, f->value, f->bytes);
}

/* The direction that the addresses say; breaks the rule "memory" if the program says another. */
static enum cudaMemcpyKind direction(const char *function, enum cudaMemcpyKind said,
                                     tn_sim_place to, tn_sim_place from)
{
    const bool to_device = to == TN_SIM_ON_DEVICE, from_device = from == TN_SIM_ON_DEVICE;
    const enum cudaMemcpyKind is =
        to_device     ? from_device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
        : from_device ? cudaMemcpyDeviceToHost
                      : cudaMemcpyHostToHost;
    if (said != cudaMemcpyDefault && said != is)
        tn_sim_break("memory", "%s: called with direction %d, and the addresses say %d", function,
                     (int)said, (int)is);
    return is;
}

/* Puts the copy on the stream; *wait: the call has to wait for it. */
static cudaError_t copy_start(const char *function, void *to, const void *from, size_t bytes,
                              enum cudaMemcpyKind kind, cudaStream_t stream, bool *wait)
{
    const int device = tn_sim_device();
    const tn_sim_place to_place = tn_sim_place_of(device, function, to, bytes);
    const tn_sim_place from_place = tn_sim_place_of(device, function, from, bytes);
    tn_sim_count_copy(direction(function, kind, to_place, from_place), bytes);
    const bool pageable = to_place == TN_SIM_PAGEABLE || from_place == TN_SIM_PAGEABLE;
    if ((uintptr_t)to < (uintptr_t)from + bytes && (uintptr_t)from < (uintptr_t)to + bytes)
        tn_sim_break("memory", "%s: %zu bytes from %p to %p overlap", function, bytes, from, to);
    if (pageable && tn_sim_stream(stream)->capture)
        return tn_sim_unsafe_stream(tn_sim_stream(stream));
    const size_t staged = from_place == TN_SIM_PAGEABLE ? bytes : 0;
    copy *c = tn_sim_new(1, sizeof *c + staged);
    *c = (copy){device, to, staged ? NULL : from, bytes};
    if (staged)
        memcpy(c->staged, from, bytes);
    const cudaError_t e = tn_sim_enqueue(stream, function, run_copy, c, sizeof *c + staged);
    free(c);
    *wait = to_place == TN_SIM_PAGEABLE;
    return e;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    bool wait = false;
    cudaError_t e = tn_sim_begin_device(__func__, bytes);
    if (!e && bytes)
        e = copy_start(__func__, to, from, bytes, kind, stream, &wait);
    if (!e && wait)
        e = tn_sim_run_stream(tn_sim_stream(stream));
    return tn_sim_end(e);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    bool wait = false;
    cudaError_t e = tn_sim_begin_device(__func__, bytes);
    if (!e)
        e = tn_sim_unsafe_stream(tn_sim_stream(NULL));
    if (!e && bytes)
        e = copy_start(__func__, to, from, bytes, kind, NULL, &wait);
    return tn_sim_end(e ? e : tn_sim_run_stream(tn_sim_stream(NULL)));
}

static cudaError_t fill_start(const char *function, void *to, int value, size_t bytes,
                              cudaStream_t stream)
{
    if (!bytes)
        return cudaSuccess;
    const fill f = {tn_sim_device(), value, to, bytes};
    tn_sim_check_memory(f.device, function, to, bytes);
    return tn_sim_enqueue(stream, function, run_fill, &f, sizeof f);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    const cudaError_t e = tn_sim_begin_device(__func__, bytes);
    return tn_sim_end(e ? e : fill_start(__func__, to, value, bytes, stream));
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    const cudaError_t e = tn_sim_begin_device(__func__, bytes);
    return tn_sim_end(e ? e : fill_start(__func__, to, value, bytes, NULL));
}
