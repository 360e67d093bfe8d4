/*
 * Peak rates of GPUs: what bounds the time of a step from below.
 *
 * Of a model that is known, from NVIDIA's own papers: matrices without sparsity, sums in f32. GeForce cards
 * sum f16 products in f32 at half the rate of f16 sums; the lower rate is the one that training gets. Of a
 * model in a file (gpu=FILE): multiprocessors x clock x operations a clock, and "memoryBandwidthGBps".
 */
#include <string.h>

#include "backends/cuda/device/device.h"
#include "backends/cuda/device/gpus.h"

/* ---- models ------------------------------------------------------------------------------- */

typedef struct model_rates {
    const char *name;            /* as CUDA gives it */
    double f32, tf32, bf16, f16; /* 1e12 operations a second; 0: it has none */
    double bandwidth;            /* 1e9 bytes a second */
} model_rates;

static const model_rates models[] = {
    /* Turing architecture whitepaper, T4 data sheet of 2018; memory: 5001 MHz x 2 x 256 bits. */
    {"Tesla T4", 8.1, 0, 0, 65, 320},
    /* A100 data sheet: 40 and 80 GB, as SXM and for PCIe. */
    {"NVIDIA A100-SXM4-40GB", 19.5, 156, 312, 312, 1555},
    {"NVIDIA A100-PCIE-40GB", 19.5, 156, 312, 312, 1555},
    {"NVIDIA A100-SXM4-80GB", 19.5, 156, 312, 312, 2039},
    {"NVIDIA A100 80GB PCIe", 19.5, 156, 312, 312, 1935},
    /* Ampere GA102 architecture whitepaper, appendix A. */
    {"NVIDIA GeForce RTX 3090", 35.6, 35.6, 71, 71, 936},
    /* Ada architecture whitepaper, appendix A. */
    {"NVIDIA GeForce RTX 4090", 82.6, 82.6, 165.2, 165.2, 1008},
    /* H100 architecture whitepaper, H100 SXM5. */
    {"NVIDIA H100 80GB HBM3", 66.9, 494.7, 989.4, 989.4, 3352},
    /* H100 data sheet, PCIe and NVL: a half of what it says with sparsity. */
    {"NVIDIA H100 PCIe", 51, 378, 756, 756, 2000},
    {"NVIDIA H100 NVL", 60, 417.5, 835.5, 835.5, 3900},
    /* H200 data sheet, SXM (the H100's rates, exactly) and NVL. */
    {"NVIDIA H200", 66.9, 494.7, 989.4, 989.4, 4800},
    {"NVIDIA H200 NVL", 60, 417.5, 835.5, 835.5, 4800},
    /* Blackwell architecture technical brief, HGX B200; tf32: half of bf16, which it rounds to 1100. */
    {"NVIDIA B200", 80, 1125, 2250, 2250, 8000},
    /* RTX Blackwell architecture whitepaper, appendix A. */
    {"NVIDIA GeForce RTX 5090", 104.8, 104.8, 209.5, 209.5, 1792},
};

static const model_rates *find_model(const char *name)
{
    for (size_t i = 0; i < TN_COUNT(models); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

static double pick(const model_rates *r, tn_precision p)
{
    return p == TN_PRECISION_F16    ? r->f16
           : p == TN_PRECISION_BF16 ? r->bf16
           : p == TN_PRECISION_TF32 ? r->tf32
                                    : r->f32;
}

/* ---- files -------------------------------------------------------------------------------- */

/* Operations of one multiprocessor in one clock. f32: CUDA C++ Programming Guide, "Throughput of native
 * arithmetic instructions"; the others: the whitepapers above, their rates divided by clock and number. */
static const struct {
    int sm;
    double f32, tf32, half;
    bool geforce_halves; /* tf32, bf16 and f16 with sums in f32 */
} clocks[] = {
    {75, 128, 0, 1024, true},      {80, 128, 1024, 2048, false}, {86, 256, 512, 1024, true},
    {89, 256, 512, 1024, true},    {90, 256, 2048, 4096, false}, {100, 256, 4096, 8192, false},
    {103, 256, 4096, 8192, false}, {120, 256, 512, 1024, true},
};

static tn_status file_flops(const tn_backend_device *d, tn_precision p, double *out)
{
    int64_t kilohertz;
    if (!tn_gpu_property(d->own_json, "smClockRateKHz", &kilohertz) || kilohertz <= 0)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: no peak rate: \"smClockRateKHz\" is missing in the properties of %s",
                       d->name, d->gpu.name);
    for (size_t i = 0; i < TN_COUNT(clocks); i++) {
        if (clocks[i].sm != d->gpu.sm)
            continue;
        const bool halved = clocks[i].geforce_halves && strstr(d->gpu.name, "GeForce");
        const model_rates r = {.f32 = clocks[i].f32,
                               .tf32 = clocks[i].tf32 / (halved ? 2 : 1),
                               .bf16 = clocks[i].half / (halved ? 2 : 1),
                               .f16 = clocks[i].half / (halved ? 2 : 1)};
        *out = pick(&r, p) * (double)d->gpu.processors * (double)kilohertz * 1e3;
        return TN_OK;
    }
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "%s: no peak rate: what sm_%d (%s) does in a clock is not known", d->name,
                   d->gpu.sm, d->gpu.name);
}

static tn_status file_bandwidth(const tn_backend_device *d, double *out)
{
    int64_t gigabytes;
    if (!tn_gpu_property(d->own_json, "memoryBandwidthGBps", &gigabytes) || gigabytes <= 0)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: the memory bandwidth of %s is not known: add \"memoryBandwidthGBps\" "
                       "to its properties",
                       d->name, d->gpu.name);
    *out = (double)gigabytes * 1e9;
    return TN_OK;
}

/* ---- both --------------------------------------------------------------------------------- */

tn_status tn_cuda_rates(const tn_backend_device *d, tn_precision p, double *flops, double *bytes)
{
    if (d->own_json) {
        TN_TRY(file_flops(d, p, flops));
        return bytes ? file_bandwidth(d, bytes) : TN_OK;
    }
    const model_rates *r = find_model(d->gpu.name);
    if (!r)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: the peak rates of %s are not known; a file of its properties "
                       "(gpu=FILE) can tell them",
                       d->name, d->gpu.name);
    *flops = pick(r, p) * 1e12;
    if (bytes)
        *bytes = r->bandwidth * 1e9;
    return TN_OK;
}
