/*
 * A stand-in for NVIDIA's libraries as far as tenon-doctor asks them: libnvidia-ml.so.1 of a machine that variables describe, and
 * the versions of cuBLASLt, cuDNN and NCCL. FAKE_GPUS: how many (2); FAKE_INIT: what NVML's beginning returns (0); FAKE_CUDA: what
 * the driver serves (13000); FAKE_CUBLASLT, FAKE_CUDNN, FAKE_CUDNN_CUDA, FAKE_NCCL: versions; FAKE_REASONS: why clocks are low (0);
 * FAKE_SM: the compute capability (90).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 0) : otherwise;
}

typedef struct memory {
    unsigned long long total, free, used;
} memory;
typedef struct use {
    unsigned gpu, memory;
} use;
typedef struct pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} pci;

#define FAKE __attribute__((visibility("default")))
#define NOTHING_SUCH 3

/* clang-format off */
FAKE int nvmlInit_v2(void);
FAKE int nvmlInit_v2(void) { return (int)number("FAKE_INIT", 0); }
FAKE const char *nvmlErrorString(int e);
FAKE const char *nvmlErrorString(int e)
{
    return e == 18 ? "Driver/library version mismatch" : e == 9 ? "Driver Not Loaded" : "Unknown Error";
}
FAKE int nvmlSystemGetDriverVersion(char *text, unsigned size);
FAKE int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
    snprintf(text, size, "%s", number("FAKE_CUDA", 13000) >= 13000 ? "580.95.05" : "470.57.02");
    return 0;
}
FAKE int nvmlSystemGetCudaDriverVersion_v2(int *cuda);
FAKE int nvmlSystemGetCudaDriverVersion_v2(int *cuda) { *cuda = (int)number("FAKE_CUDA", 13000); return 0; }
FAKE int nvmlDeviceGetCount_v2(unsigned *count);
FAKE int nvmlDeviceGetCount_v2(unsigned *count) { *count = (unsigned)number("FAKE_GPUS", 2); return 0; }
FAKE int nvmlDeviceGetHandleByIndex_v2(unsigned index, size_t *gpu);
FAKE int nvmlDeviceGetHandleByIndex_v2(unsigned index, size_t *gpu) { *gpu = index + 1; return 0; }
FAKE int nvmlDeviceGetName(size_t gpu, char *text, unsigned size);
FAKE int nvmlDeviceGetName(size_t gpu, char *text, unsigned size)
{
    (void)gpu;
    snprintf(text, size, "NVIDIA H100 80GB HBM3");
    return 0;
}
FAKE int nvmlDeviceGetPciInfo_v3(size_t gpu, pci *to);
FAKE int nvmlDeviceGetPciInfo_v3(size_t gpu, pci *to)
{
    snprintf(to->bus_id, sizeof to->bus_id, "00000000:%02zX:00.0", gpu);
    return 0;
}
FAKE int nvmlDeviceGetCudaComputeCapability(size_t gpu, int *major, int *minor);
FAKE int nvmlDeviceGetCudaComputeCapability(size_t gpu, int *major, int *minor)
{
    (void)gpu;
    *major = (int)number("FAKE_SM", 90) / 10;
    *minor = (int)number("FAKE_SM", 90) % 10;
    return 0;
}
FAKE int nvmlDeviceGetMemoryInfo(size_t gpu, memory *to);
FAKE int nvmlDeviceGetMemoryInfo(size_t gpu, memory *to)
{
    *to = (memory){.total = 85899345920, .used = gpu * 1000000000, .free = 85899345920 - gpu * 1000000000};
    return 0;
}
FAKE int nvmlDeviceGetUtilizationRates(size_t gpu, use *to);
FAKE int nvmlDeviceGetUtilizationRates(size_t gpu, use *to) { (void)gpu; *to = (use){37, 12}; return 0; }
FAKE int nvmlDeviceGetTemperature(size_t gpu, int sensor, unsigned *c);
FAKE int nvmlDeviceGetTemperature(size_t gpu, int sensor, unsigned *c) { (void)gpu; *c = 61; return sensor; }
FAKE int nvmlDeviceGetPowerUsage(size_t gpu, unsigned *mw);
FAKE int nvmlDeviceGetPowerUsage(size_t gpu, unsigned *mw) { (void)gpu; *mw = 312500; return 0; }
FAKE int nvmlDeviceGetEnforcedPowerLimit(size_t gpu, unsigned *mw);
FAKE int nvmlDeviceGetEnforcedPowerLimit(size_t gpu, unsigned *mw) { (void)gpu; *mw = 700000; return 0; }
FAKE int nvmlDeviceGetClockInfo(size_t gpu, int clock, unsigned *mhz);
FAKE int nvmlDeviceGetClockInfo(size_t gpu, int clock, unsigned *mhz) { (void)gpu; *mhz = 1200; return clock != 1; }
FAKE int nvmlDeviceGetMaxClockInfo(size_t gpu, int clock, unsigned *mhz);
FAKE int nvmlDeviceGetMaxClockInfo(size_t gpu, int clock, unsigned *mhz) { (void)gpu; *mhz = 1980; return clock != 1; }
FAKE int nvmlDeviceGetCurrentClocksThrottleReasons(size_t gpu, unsigned long long *why);
FAKE int nvmlDeviceGetCurrentClocksThrottleReasons(size_t gpu, unsigned long long *why)
{
    *why = gpu == 1 ? (unsigned long long)number("FAKE_REASONS", 0) : 1;
    return 0;
}
FAKE int nvmlDeviceGetNvLinkState(size_t gpu, unsigned link, unsigned *on);
FAKE int nvmlDeviceGetNvLinkState(size_t gpu, unsigned link, unsigned *on) { (void)gpu; *on = 1; return link < 4 ? 0 : NOTHING_SUCH; }
FAKE int nvmlDeviceGetNvLinkRemotePciInfo_v2(size_t gpu, unsigned link, pci *to);
FAKE int nvmlDeviceGetNvLinkRemotePciInfo_v2(size_t gpu, unsigned link, pci *to)
{
    snprintf(to->bus_id, sizeof to->bus_id, "00000000:%02zX:00.0", 3 - gpu);
    return link < 4 ? 0 : NOTHING_SUCH;
}

FAKE size_t cublasLtGetVersion(void);
FAKE size_t cublasLtGetVersion(void) { return (size_t)number("FAKE_CUBLASLT", 130100); }
FAKE size_t cudnnGetVersion(void);
FAKE size_t cudnnGetVersion(void) { return (size_t)number("FAKE_CUDNN", 91900); }
FAKE size_t cudnnGetCudartVersion(void);
FAKE size_t cudnnGetCudartVersion(void) { return (size_t)number("FAKE_CUDNN_CUDA", 13000); }
FAKE int ncclGetVersion(int *version);
FAKE int ncclGetVersion(int *version) { *version = (int)number("FAKE_NCCL", 22809); return 0; }
