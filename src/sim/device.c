/*
 * The devices: how many, what model, and what they answer.
 */
#include <stdio.h>
#include <string.h>

#include "sim/_runtime.h"

/* As the drivers of the real ones say. */
static const tn_sim_gpu gpus[] = {
    {"h100", "NVIDIA H100 80GB HBM3", 9, 0, 132, 232448, 2048, 1980000, 2619000, 52428800},
    {"a100", "NVIDIA A100-SXM4-40GB", 8, 0, 108, 166912, 2048, 1410000, 1215000, 41943040},
    {"t4", "Tesla T4", 7, 5, 40, 65536, 1024, 1590000, 5001000, 4194304},
    {"r3090", "NVIDIA GeForce RTX 3090", 8, 6, 82, 101376, 1536, 1695000, 9751000, 6291456},
    {"r4090", "NVIDIA GeForce RTX 4090", 8, 9, 128, 101376, 1536, 2520000, 10501000, 75497472},
    {"r5090", "NVIDIA GeForce RTX 5090", 12, 0, 170, 101376, 1536, 2407000, 14001000, 100663296},
    {"b200", "NVIDIA B200", 10, 0, 148, 232448, 2048, 1965000, 3996000, 132644864},
    /* No such thing: grids end after 8 blocks, so that every loop over them goes round. */
    {"one", "one multiprocessor", 9, 0, 1, 232448, 2048, 1980000, 2619000, 52428800},
};

/* No more than so many has any model here: kernels that fill a whole one would take long. */
static int processors(const tn_sim_gpu *g)
{
    return g->processors < 8 ? g->processors : 8;
}

tn_sim_settings tn_sim_set = {8, 0, (size_t)2 << 30, &gpus[0], 60};
static cudaError_t faults[TN_SIM_MAX_DEVICES];
static _Thread_local int chosen;

/* ---- what tests ask for ------------------------------------------------------------------- */

void tn_sim_set_devices(int count)
{
    if (count < 0 || count > TN_SIM_MAX_DEVICES)
        tn_sim_break("control", "%d devices, of at most %d", count, TN_SIM_MAX_DEVICES);
    tn_sim_set.devices = count;
}

void tn_sim_set_memory(size_t bytes)
{
    tn_sim_set.memory = bytes;
}

bool tn_sim_set_gpu(const char *name)
{
    for (size_t i = 0; i < TN_SIM_COUNT(gpus); i++)
        if (!strcmp(gpus[i].name, name)) {
            tn_sim_set.gpu = &gpus[i];
            return true;
        }
    return false;
}

void tn_sim_set_count_error(int error)
{
    tn_sim_set.count_error = error;
}

void tn_sim_set_patience(double seconds)
{
    tn_sim_set.patience = seconds;
}

/* ---- faults ------------------------------------------------------------------------------- */

cudaError_t tn_sim_fault(int device)
{
    return faults[device];
}

void tn_sim_set_fault(int device, cudaError_t e)
{
    faults[device] = e;
}

/* ---- entry points ------------------------------------------------------------------------- */

static cudaError_t there(int device)
{
    if (tn_sim_set.count_error)
        return (cudaError_t)tn_sim_set.count_error;
    return device >= 0 && device < tn_sim_set.devices ? cudaSuccess : cudaErrorInvalidDevice;
}

int tn_sim_device(void)
{
    return chosen;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = (cudaError_t)tn_sim_set.count_error;
    if (!e && tn_sim_set.devices == 0)
        e = cudaErrorNoDevice;
    *count = e ? 0 : tn_sim_set.devices;
    return tn_sim_end(e);
}

cudaError_t cudaSetDevice(int device)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(device);
    if (!e)
        chosen = device;
    return tn_sim_end(e);
}

cudaError_t cudaGetDevice(int *device)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(chosen);
    *device = chosen;
    return tn_sim_end(e);
}

/* A driver that is missing, or that is older than every run time. */
cudaError_t cudaDriverGetVersion(int *version)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    *version = tn_sim_set.count_error == cudaErrorInsufficientDriver ? 0 : CUDART_VERSION;
    return tn_sim_end(e);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    *version = CUDART_VERSION;
    return tn_sim_end(e);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(device);
    if (e)
        return tn_sim_end(e);
    const tn_sim_gpu *g = tn_sim_set.gpu;
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", g->full_name);
    p->totalGlobalMem = tn_sim_set.memory;
    p->sharedMemPerBlock = TN_SIM_SHARED;
    p->sharedMemPerBlockOptin = (size_t)g->shared_optin;
    p->sharedMemPerMultiprocessor = (size_t)g->shared_optin + 1024;
    p->reservedSharedMemPerBlock = 1024;
    p->regsPerBlock = p->regsPerMultiprocessor = 65536;
    p->warpSize = 32;
    p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = INT32_MAX;
    p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->maxThreadsPerMultiProcessor = g->threads;
    p->maxBlocksPerMultiProcessor = 16;
    p->major = g->major;
    p->minor = g->minor;
    p->multiProcessorCount = processors(g);
    p->l2CacheSize = g->l2;
    p->pciBusID = device + 1;
    p->canMapHostMemory = p->unifiedAddressing = p->concurrentKernels = 1;
    p->asyncEngineCount = 2;
    return tn_sim_end(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(device);
    if (e)
        return tn_sim_end(e);
    const tn_sim_gpu *g = tn_sim_set.gpu;
    const struct {
        enum cudaDeviceAttr attribute;
        int value;
    } known[] = {
        {cudaDevAttrComputeCapabilityMajor, g->major},
        {cudaDevAttrComputeCapabilityMinor, g->minor},
        {cudaDevAttrMultiProcessorCount, processors(g)},
        {cudaDevAttrMaxThreadsPerMultiProcessor, g->threads},
        {cudaDevAttrMaxThreadsPerBlock, 1024},
        {cudaDevAttrMaxSharedMemoryPerBlock, TN_SIM_SHARED},
        {cudaDevAttrMaxSharedMemoryPerBlockOptin, g->shared_optin},
        {cudaDevAttrWarpSize, 32},
        {cudaDevAttrClockRate, g->clock},
        {cudaDevAttrMemoryClockRate, g->memory_clock},
        {cudaDevAttrL2CacheSize, g->l2},
        {cudaDevAttrUnifiedAddressing, 1},
        {cudaDevAttrCanMapHostMemory, 1},
        {cudaDevAttrAsyncEngineCount, 2},
        {cudaDevAttrPciDomainId, 0},
        {cudaDevAttrPciBusId, device + 1},
        {cudaDevAttrPciDeviceId, 0},
    };
    for (size_t i = 0; i < TN_SIM_COUNT(known); i++)
        if (known[i].attribute == attribute) {
            *value = known[i].value;
            return tn_sim_end(cudaSuccess);
        }
    tn_sim_break("unknown", "cudaDeviceGetAttribute: attribute %d is not simulated", attribute);
}

/* Every two are linked, and the first four better with each other, as the others are with each other. */
cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(device);
    if (!e)
        e = there(peer);
    *can = !e && device != peer;
    return tn_sim_end(e);
}

cudaError_t cudaDeviceGetP2PAttribute(int *value, enum cudaDeviceP2PAttr attribute, int device,
                                      int peer)
{
    cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e)
        e = there(device);
    if (!e)
        e = there(peer);
    if (!e && device == peer)
        e = cudaErrorInvalidDevice;
    if (!e && attribute != cudaDevP2PAttrNativeAtomicSupported)
        tn_sim_break("unknown", "%s: attribute %d is not simulated", __func__, (int)attribute);
    *value = !e && device / 4 == peer / 4;
    return tn_sim_end(e);
}
