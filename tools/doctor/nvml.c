/*
 * GPUs by NVML, the driver's own library for looking at them (libnvidia-ml.so.1): it makes no CUDA context, so it takes nothing
 * of a GPU's memory and wakes none up. What is declared here of it is its ABI as NVIDIA documents it (NVML API reference).
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

enum {
    NVML_OK = 0,
    NVML_TOO_SMALL = 7,
    NVML_MISMATCH = 18,
    CLOCK_SM = 1,
    LINKS = 18 /* the most that a GPU has */
};

typedef struct nvml_device *nvml_gpu;
typedef struct nvml_memory {
    unsigned long long total, free, used;
} nvml_memory;
typedef struct nvml_use {
    unsigned gpu, memory;
} nvml_use;
typedef struct nvml_pci {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} nvml_pci;

/* clang-format off */
#define NEEDED(X) \
    X(init, nvmlInit_v2, (void)) \
    X(driver_version, nvmlSystemGetDriverVersion, (char *text, unsigned size)) \
    X(count, nvmlDeviceGetCount_v2, (unsigned *count)) \
    X(handle, nvmlDeviceGetHandleByIndex_v2, (unsigned index, nvml_gpu *gpu)) \
    X(name, nvmlDeviceGetName, (nvml_gpu gpu, char *text, unsigned size))
#define WELCOME(X) \
    X(cuda_version, nvmlSystemGetCudaDriverVersion_v2, (int *version)) \
    X(pci, nvmlDeviceGetPciInfo_v3, (nvml_gpu gpu, nvml_pci *pci)) \
    X(capability, nvmlDeviceGetCudaComputeCapability, (nvml_gpu gpu, int *major, int *minor)) \
    X(memory, nvmlDeviceGetMemoryInfo, (nvml_gpu gpu, nvml_memory *memory)) \
    X(use, nvmlDeviceGetUtilizationRates, (nvml_gpu gpu, nvml_use *use)) \
    X(celsius, nvmlDeviceGetTemperature, (nvml_gpu gpu, int sensor, unsigned *celsius)) \
    X(power, nvmlDeviceGetPowerUsage, (nvml_gpu gpu, unsigned *milliwatts)) \
    X(power_limit, nvmlDeviceGetEnforcedPowerLimit, (nvml_gpu gpu, unsigned *milliwatts)) \
    X(clock, nvmlDeviceGetClockInfo, (nvml_gpu gpu, int clock, unsigned *mhz)) \
    X(clock_most, nvmlDeviceGetMaxClockInfo, (nvml_gpu gpu, int clock, unsigned *mhz)) \
    X(reasons, nvmlDeviceGetCurrentClocksThrottleReasons, (nvml_gpu gpu, unsigned long long *reasons)) \
    X(lanes, nvmlDeviceGetCurrPcieLinkWidth, (nvml_gpu gpu, unsigned *lanes)) \
    X(lanes_most, nvmlDeviceGetMaxPcieLinkWidth, (nvml_gpu gpu, unsigned *lanes)) \
    X(generation, nvmlDeviceGetCurrPcieLinkGeneration, (nvml_gpu gpu, unsigned *generation)) \
    X(generation_most, nvmlDeviceGetMaxPcieLinkGeneration, (nvml_gpu gpu, unsigned *generation)) \
    X(nvlink, nvmlDeviceGetNvLinkState, (nvml_gpu gpu, unsigned link, unsigned *active)) \
    X(nvlink_to, nvmlDeviceGetNvLinkRemotePciInfo_v2, (nvml_gpu gpu, unsigned link, nvml_pci *pci)) \
    X(ecc, nvmlDeviceGetTotalEccErrors, (nvml_gpu gpu, int kind, int counter, unsigned long long *errors)) \
    X(persistent, nvmlDeviceGetPersistenceMode, (nvml_gpu gpu, unsigned *on)) \
    X(mode, nvmlDeviceGetComputeMode, (nvml_gpu gpu, unsigned *mode)) \
    X(mig, nvmlDeviceGetMigMode, (nvml_gpu gpu, unsigned *now, unsigned *next)) \
    X(processes, nvmlDeviceGetComputeRunningProcesses, (nvml_gpu gpu, unsigned *count, void *processes)) \
    X(ancestor, nvmlDeviceGetTopologyCommonAncestor, (nvml_gpu a, nvml_gpu b, unsigned *level))

#define POINTER(field, name, parameters) int (*field) parameters;
static struct {
    NEEDED(POINTER)
    WELCOME(POINTER)
    const char *(*error)(int status);
} nvml;

#define ENTRY(field, name, parameters) {#name, (library_function *)(void *)&nvml.field},
static const struct entry {
    const char *name;
    library_function *function;
} needed[] = {NEEDED(ENTRY)}, welcome[] = {WELCOME(ENTRY)};
/* clang-format on */

static const char *error_text(int status)
{
    return nvml.error ? nvml.error(status) : "no reason given";
}

/* Once in a process. False: there is none, or no GPU answers, and *g says why. */
static bool open_it(gpus_facts *g)
{
    static void *library;
    static int status = -1;
    char where[DOCTOR_PATH];
    if (!library) {
        library = library_open("libnvidia-ml.so.1", where);
        if (!library)
            return false;
        nvml.error = (const char *(*)(int))library_find(library, "nvmlErrorString");
        for (size_t i = 0; i < sizeof welcome / sizeof *welcome; i++)
            *welcome[i].function = library_find(library, welcome[i].name);
        for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
            if (!(*needed[i].function = library_find(library, needed[i].name))) {
                snprintf(g->why, sizeof g->why, "%.200s has no %s", where, needed[i].name);
                g->driver = DRIVER_NO_ANSWER;
                return false;
            }
        status = nvml.init();
    }
    if (status == NVML_OK)
        return true;
    g->driver = status == NVML_MISMATCH ? DRIVER_MISMATCH : DRIVER_NO_ANSWER;
    snprintf(g->why, sizeof g->why, "%s", error_text(status));
    return false;
}

/* A number that a function without others beside gives; -1: it does not. */
static int number(int (*ask)(nvml_gpu, unsigned *), nvml_gpu gpu)
{
    unsigned n;
    return ask && ask(gpu, &n) == NVML_OK ? (int)n : -1;
}

static int clock_of(int (*ask)(nvml_gpu, int, unsigned *), nvml_gpu gpu)
{
    unsigned mhz;
    return ask && ask(gpu, CLOCK_SM, &mhz) == NVML_OK ? (int)mhz : -1;
}

static double watts(int (*ask)(nvml_gpu, unsigned *), nvml_gpu gpu)
{
    const int milliwatts = number(ask, gpu);
    return milliwatts < 0 ? -1 : milliwatts / 1000.0;
}

static int count_links(nvml_gpu gpu)
{
    int active = 0;
    unsigned on;
    for (unsigned i = 0; nvml.nvlink && i < LINKS; i++)
        active += nvml.nvlink(gpu, i, &on) == NVML_OK && on;
    return active;
}

/* What stays as it is. */
static void look_at_card(nvml_gpu gpu, gpu_facts *to)
{
    nvml_pci pci = {0};
    if (nvml.name(gpu, to->name, sizeof to->name) != NVML_OK)
        snprintf(to->name, sizeof to->name, "a GPU that does not say its name");
    if (nvml.pci && nvml.pci(gpu, &pci) == NVML_OK)
        snprintf(to->bus, sizeof to->bus, "%.31s", pci.bus_id);
    if (!nvml.capability || nvml.capability(gpu, &to->major, &to->minor) != NVML_OK)
        to->major = to->minor = -1;
    to->clock_most = clock_of(nvml.clock_most, gpu);
    to->watts_most = watts(nvml.power_limit, gpu);
    to->lanes_most = number(nvml.lanes_most, gpu);
    to->generation_most = number(nvml.generation_most, gpu);
    to->nvlinks = count_links(gpu);
    to->persistent = number(nvml.persistent, gpu);
    to->mode = number(nvml.mode, gpu);
    unsigned now, next;
    to->mig = nvml.mig && nvml.mig(gpu, &now, &next) == NVML_OK ? (int)now : -1;
}

/* What changes. */
static void look_at_now(nvml_gpu gpu, gpu_facts *to)
{
    nvml_memory memory;
    nvml_use use;
    unsigned celsius, processes = 0;
    unsigned long long wide;
    const bool sized = nvml.memory && nvml.memory(gpu, &memory) == NVML_OK;
    to->memory = sized ? (double)memory.total : -1;
    to->used = sized ? (double)memory.used : -1;
    to->busy = nvml.use && nvml.use(gpu, &use) == NVML_OK ? (int)use.gpu : -1;
    to->celsius = nvml.celsius && nvml.celsius(gpu, 0, &celsius) == NVML_OK ? (int)celsius : -1;
    to->watts = watts(nvml.power, gpu);
    to->clock = clock_of(nvml.clock, gpu);
    to->lanes = number(nvml.lanes, gpu);
    to->generation = number(nvml.generation, gpu);
    to->reasons = nvml.reasons && nvml.reasons(gpu, &wide) == NVML_OK ? (int64_t)wide : -1;
    to->ecc_errors = nvml.ecc && nvml.ecc(gpu, 1, 1, &wide) == NVML_OK ? (int64_t)wide : -1;
    const int status = nvml.processes ? nvml.processes(gpu, &processes, NULL) : -1;
    to->processes = status == NVML_OK || status == NVML_TOO_SMALL ? (int)processes : -1;
}

void nvml_look(gpus_facts *g)
{
    unsigned count = 0;
    nvml_gpu gpu;
    if (!open_it(g))
        return;
    g->driver = DRIVER_READY;
    if (nvml.driver_version(g->version, sizeof g->version) != NVML_OK)
        g->version[0] = '\0';
    if (!nvml.cuda_version || nvml.cuda_version(&g->cuda) != NVML_OK)
        g->cuda = 0;
    int status = nvml.count(&count);
    g->count = 0;
    for (unsigned i = 0; status == NVML_OK && i < count && i < MAX_GPUS; i++) {
        status = nvml.handle(i, &gpu);
        if (status != NVML_OK)
            break;
        look_at_card(gpu, &g->gpu[i]);
        look_at_now(gpu, &g->gpu[i]);
        g->count++;
    }
    if (status != NVML_OK)
        snprintf(g->why, sizeof g->why, "GPU %d does not answer: %s", g->count, error_text(status));
}

/* ---- between GPUs ----------------------------------------------------------------------------- */

/* How many of a's links end at b. */
static int links_between(nvml_gpu a, const gpu_facts *b)
{
    nvml_pci pci;
    int count = 0;
    for (unsigned i = 0; nvml.nvlink_to && i < LINKS; i++)
        count += nvml.nvlink_to(a, i, &pci) == NVML_OK && strcmp(pci.bus_id, b->bus) == 0;
    return count;
}

void nvml_look_at_links(gpus_facts *g)
{
    /* As nvidia-smi topo calls them: beyond PHB, the bridge to the processor, all goes through its memory. */
    static const struct {
        unsigned near;
        const char *name;
    } ways[] = {{0, "PIX"}, {10, "PIX"}, {20, "PXB"}, {30, "PHB"}, {40, "NODE"}, {50, "SYS"}};
    for (int i = 0; i < g->count; i++) {
        char *text = g->links[i];
        nvml_gpu a, b;
        *text = '\0';
        for (int k = 0; k < g->count; k++) {
            char word[24] = "-";
            unsigned near;
            const bool there = i != k && nvml.handle((unsigned)i, &a) == NVML_OK &&
                               nvml.handle((unsigned)k, &b) == NVML_OK;
            const int direct = there ? links_between(a, &g->gpu[k]) : 0;
            if (direct > 0) {
                snprintf(word, sizeof word, "NV%d", direct);
            } else if (there && nvml.ancestor && nvml.ancestor(a, b, &near) == NVML_OK) {
                for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
                    if (ways[w].near == near)
                        snprintf(word, sizeof word, "%s", ways[w].name);
                g->far |= near >= 40 && g->gpu[i].nvlinks == 0;
            }
            const size_t used = strlen(text);
            snprintf(text + used, WORDS - used, "%s%s", k ? " " : "", word);
        }
    }
}
