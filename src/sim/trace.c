/*
 * What has been called, and how often, since a test asked.
 *
 * A table of entry points by name. What happens again in a graph that is replayed is not counted: it was
 * when it was captured, and the launch of the graph is.
 */
#include <string.h>

#include "sim/_runtime.h"

enum { NAMES = 512 };

static struct {
    const char *function[NAMES];
    long calls[NAMES];
    int names;
    tn_sim_counts counts[TN_SIM_MAX_DEVICES];
} trace;

static int find(const char *function)
{
    for (int i = 0; i < trace.names; i++)
        if (trace.function[i] == function || !strcmp(trace.function[i], function))
            return i;
    return -1;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* Which sum a call belongs to, or NULL. Copies are counted where their direction is known. */
static long *sum_of(const char *f)
{
    static const struct {
        const char *function;
        size_t offset;
    } sums[] = {
        {"cudaLaunchKernel", offsetof(tn_sim_counts, launches)},
        {"cudaGraphLaunch", offsetof(tn_sim_counts, graph_launches)},
        {"cudnnBackendExecute", offsetof(tn_sim_counts, executions)},
        {"cublasLtMatmul", offsetof(tn_sim_counts, matmuls)},
        {"cudaMemset", offsetof(tn_sim_counts, fills)},
        {"cudaMemsetAsync", offsetof(tn_sim_counts, fills)},
        {"cudaMalloc", offsetof(tn_sim_counts, allocations)},
        {"cudaMallocHost", offsetof(tn_sim_counts, allocations)},
        {"cudaHostAlloc", offsetof(tn_sim_counts, allocations)},
        {"cudaFree", offsetof(tn_sim_counts, frees)},
        {"cudaFreeHost", offsetof(tn_sim_counts, frees)},
        {"cudaStreamSynchronize", offsetof(tn_sim_counts, synchronisations)},
        {"cudaEventSynchronize", offsetof(tn_sim_counts, synchronisations)},
        {"cudaDeviceSynchronize", offsetof(tn_sim_counts, synchronisations)},
        {"cudaMemcpy", offsetof(tn_sim_counts, synchronisations)},
    };
    tn_sim_counts *c = &trace.counts[tn_sim_device()];
    for (size_t i = 0; i < TN_SIM_COUNT(sums); i++)
        if (!strcmp(sums[i].function, f))
            return (long *)(void *)((char *)c + sums[i].offset);
    /* What cuDNN has besides its graphs: cudnnPoolingForward(), cudnnSoftmaxBackward() and so on. */
    if (begins(f, "cudnn") && !begins(f, "cudnnGet") && !begins(f, "cudnnSet") &&
        (strstr(f, "Forward") || strstr(f, "Backward")))
        return &c->executions;
    return NULL;
}

void tn_sim_count_call(const char *function)
{
    int i = find(function);
    if (i < 0) {
        if (trace.names == NAMES)
            tn_sim_break("trace", "more than %d entry points", NAMES);
        i = trace.names++;
        trace.function[i] = function;
    }
    trace.calls[i]++;
    long *sum = sum_of(function);
    if (sum)
        ++*sum;
}

void tn_sim_count_copy(enum cudaMemcpyKind kind, size_t bytes)
{
    tn_sim_counts *c = &trace.counts[tn_sim_device()];
    long *const copies[] = {
        [cudaMemcpyHostToDevice] = &c->copies_to_device,
        [cudaMemcpyDeviceToHost] = &c->copies_from_device,
        [cudaMemcpyDeviceToDevice] = &c->copies_inside,
    };
    size_t *const sums[] = {
        [cudaMemcpyHostToDevice] = &c->bytes_to_device,
        [cudaMemcpyDeviceToHost] = &c->bytes_from_device,
        [cudaMemcpyDeviceToDevice] = &c->bytes_inside,
    };
    ++*copies[kind];
    *sums[kind] += bytes;
}

void tn_sim_count_collective(int device, bool sum, size_t bytes)
{
    tn_sim_counts *c = &trace.counts[device];
    ++*(sum ? &c->sums : &c->broadcasts);
    *(sum ? &c->bytes_summed : &c->bytes_broadcast) += bytes;
}

void tn_sim_count_work(int device)
{
    trace.counts[device].work++;
}

void tn_sim_trace_begin(void)
{
    tn_sim_lock();
    memset(trace.calls, 0, sizeof trace.calls);
    memset(trace.counts, 0, sizeof trace.counts);
    tn_sim_unlock();
}

tn_sim_counts tn_sim_trace_device(int device)
{
    if (device < 0 || device >= TN_SIM_MAX_DEVICES)
        tn_sim_break("control", "device %d, of at most %d", device, TN_SIM_MAX_DEVICES);
    tn_sim_lock();
    const tn_sim_counts c = trace.counts[device];
    tn_sim_unlock();
    return c;
}

static void add_counts(tn_sim_counts *sum, const tn_sim_counts *c)
{
    sum->launches += c->launches;
    sum->graph_launches += c->graph_launches;
    sum->executions += c->executions;
    sum->matmuls += c->matmuls;
    sum->copies_to_device += c->copies_to_device;
    sum->copies_from_device += c->copies_from_device;
    sum->copies_inside += c->copies_inside;
    sum->bytes_to_device += c->bytes_to_device;
    sum->bytes_from_device += c->bytes_from_device;
    sum->bytes_inside += c->bytes_inside;
    sum->fills += c->fills;
    sum->allocations += c->allocations;
    sum->frees += c->frees;
    sum->synchronisations += c->synchronisations;
    sum->sums += c->sums;
    sum->broadcasts += c->broadcasts;
    sum->bytes_summed += c->bytes_summed;
    sum->bytes_broadcast += c->bytes_broadcast;
    sum->work += c->work;
}

tn_sim_counts tn_sim_trace_counts(void)
{
    tn_sim_counts sum = {0};
    tn_sim_lock();
    for (int i = 0; i < TN_SIM_MAX_DEVICES; i++)
        add_counts(&sum, &trace.counts[i]);
    tn_sim_unlock();
    return sum;
}

long tn_sim_trace_calls(const char *function)
{
    tn_sim_lock();
    long calls = 0;
    for (int i = 0; i < trace.names; i++)
        if (!*function || !strcmp(trace.function[i], function))
            calls += trace.calls[i];
    tn_sim_unlock();
    return calls;
}
