/*
 * Launches: the kernels there are, and what is checked before one goes to its stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"
#include "sim/device.h"

static tn_sim_kernel *kernels;
static size_t kernel_count, kernel_room;

/* What a launch was given; `args` is the kernel's one argument. */
typedef struct launch {
    const tn_sim_kernel *kernel;
    int device;
    dim3 grid, block;
    size_t shared;
    _Alignas(16) unsigned char args[];
} launch;

void tn_sim_register(const void *kernel, const char *name, tn_sim_call *call, size_t bytes)
{
    kernels = tn_sim_more(kernels, kernel_count, &kernel_room, sizeof *kernels);
    kernels[kernel_count++] = (tn_sim_kernel){kernel, name, call, bytes};
}

static tn_sim_kernel *find(const void *key)
{
    for (size_t i = 0; i < kernel_count; i++)
        if (kernels[i].key == key)
            return &kernels[i];
    return NULL;
}

/* The work of a launch. A fault, where a test asks for one, comes before the first block. */
static void run(void *argument)
{
    const launch *l = argument;
    if (tn_sim_kernel_faults())
        tn_sim_set_fault(l->device, cudaErrorIllegalAddress);
    else
        tn_sim_run_kernel(l->kernel, l->grid, l->block, l->shared, l->args);
}

/* A kernel is loaded on a device when it is first asked for there. */
void tn_sim_first_use(bool *loaded, int device, const char *what)
{
    char text[128];
    tn_sim_lock();
    if (!*loaded) {
        snprintf(text, sizeof text, "%s is loaded on device %d", what, device);
        tn_sim_check_finished(text);
    }
    *loaded = true;
    tn_sim_unlock();
}

static bool fits(dim3 grid, dim3 block)
{
    const uint64_t threads = (uint64_t)block.x * block.y * block.z;
    return threads >= 1 && threads <= 1024 && block.z <= 64 && grid.x >= 1 && grid.x <= INT32_MAX &&
           grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535;
}

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **args,
                             size_t shared, cudaStream_t stream)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    tn_sim_kernel *k = find(function);
    if (!e && !k)
        e = cudaErrorInvalidDeviceFunction;
    if (!e && !fits(grid, block))
        e = cudaErrorInvalidConfiguration;
    if (!e && shared > TN_SIM_SHARED)
        e = cudaErrorInvalidValue;
    if (e)
        return tn_sim_end(e);
    const int device = tn_sim_stream(stream)->device;
    tn_sim_first_use(&k->loaded[device], device, k->name);
    launch *l = tn_sim_new(1, sizeof *l + k->bytes);
    *l = (launch){k, device, grid, block, shared};
    memcpy(l->args, args[0], k->bytes);
    e = tn_sim_enqueue(stream, k->name, run, l, sizeof *l + k->bytes);
    free(l);
    return tn_sim_end(e);
}

/* Registers and memory of a thread are the compiler's business, which there is none of here. */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *a, const void *function)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    tn_sim_kernel *k = find(function);
    if (!e && !k)
        e = cudaErrorInvalidDeviceFunction;
    if (!e) {
        tn_sim_first_use(&k->loaded[tn_sim_device()], tn_sim_device(), k->name);
        const tn_sim_gpu *g = tn_sim_set.gpu;
        memset(a, 0, sizeof *a);
        a->maxThreadsPerBlock = 1024;
        a->maxDynamicSharedSizeBytes = TN_SIM_SHARED;
        a->numRegs = 32;
        a->binaryVersion = a->ptxVersion = 10 * g->major + g->minor;
    }
    return tn_sim_end(e);
}
