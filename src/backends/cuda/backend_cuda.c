/*
 * An NVIDIA GPU as a backend: opening it, its memory, and the entry of this module.
 */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/cublaslt/cublaslt.h"
#include "backends/cuda/cudnn/cudnn.h"
#include "backends/cuda/device/beside.h"
#include "backends/cuda/device/control.h"
#include "backends/cuda/device/device.h"
#include "backends/cuda/device/fault.h"
#include "backends/cuda/device/gpus.h"
#include "backends/cuda/libraries/libraries.h"
#include "backends/cuda/nccl/nccl.h"
#include "backends/cuda/optim/_average.h"
#include "backends/cuda/reorder/reorder.h"
#include "base/module.h"

extern const tn_kernel *const tn_cuda_kernels[];
extern const tn_optim_kernel *const tn_cuda_optims[];

/* ---- waiting ------------------------------------------------------------------------------ */

static tn_status wait_for_all(tn_backend_device *d)
{
    if (d->index < 0) /* it is only planned for */
        return TN_OK;
    TN_TRY(tn_cuda_use(d));
    TN_TRY(tn_cuda_finish_collectives(d));
    return tn_cuda_wait(d);
}

static tn_status after_step(tn_backend_device *d, const char *pass, const tn_node *n)
{
    if (!d->opts.sync || d->capturing)
        return TN_OK;
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    const cudaError_t e = cudaStreamSynchronize(d->compute);
    if (e != cudaSuccess)
        return tn_fail(TN_ERR_DEVICE, "%s %s on %s: %s pass: %s%s", n ? n->op->name : "sum of",
                       n ? n->name : "gradients", d->name, pass, cudaGetErrorString(e),
                       tn_cuda_is_lost(e) ? "; CUDA needs a new process after it" : "");
    return tn_cuda_found(d, d->running);
}

/* ---- opening ------------------------------------------------------------------------------ */

static tn_status count_devices(int *devices, char *why, size_t size)
{
    *devices = 0; /* an error leaves it alone */
    TN_TRY(tn_cuda_check_process(tn_cuda_name));
    const cudaError_t e = cudaGetDeviceCount(devices);
    if (e == cudaSuccess && *devices > 0)
        return TN_OK;
    *devices = 0;
    tn_cuda_why_no_device(e, why, size);
    return TN_OK;
}

static tn_status find_gpu(tn_backend_device *d)
{
    struct cudaDeviceProp p;
    int devices;
    char why[512];
    TN_TRY(count_devices(&devices, why, sizeof why));
    if (devices == 0)
        return tn_fail(TN_ERR_DEVICE, "%s: there is no GPU: %s", d->name, why);
    if (d->index >= devices)
        return tn_fail(TN_ERR_DEVICE, "%s: there %s %d GPU%s", d->name, devices == 1 ? "is" : "are",
                       devices, devices == 1 ? "" : "s");
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, cudaGetDeviceProperties(&p, d->index));
    d->gpu = (tn_gpu){.sm = 10 * p.major + p.minor,
                      .processors = p.multiProcessorCount,
                      .memory_bytes = p.totalGlobalMem};
    snprintf(d->gpu.name, sizeof d->gpu.name, "%.*s", (int)sizeof d->gpu.name - 1, p.name);
    if (d->gpu.sm < 75)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: %s has compute capability %d.%d, below 7.5",
                       d->name, p.name, p.major, p.minor);
    return TN_OK;
}

static tn_status open_streams(tn_backend_device *d)
{
    TN_CUDA(d, NULL, cudaStreamCreateWithFlags(&d->compute, cudaStreamNonBlocking));
    TN_CUDA(d, NULL, cudaStreamCreateWithFlags(&d->copy, cudaStreamNonBlocking));
    TN_CUDA(d, NULL, cudaMalloc(&d->reduce, TN_CUDA_REDUCE_BYTES));
    return tn_cuda_faults_open(d);
}

/* cuDNN where it is there and wanted; `note` says why it is not. */
static tn_status open_cudnn(tn_backend_device *d, char *note, size_t size)
{
    *note = 0;
    if (!d->opts.cudnn) {
        snprintf(note, size, "cuDNN off");
        return TN_OK;
    }
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = tn_library_cudnn();
    if (status == TN_OK)
        status = tn_cudnn_open(d);
    if (status == TN_OK || d->opts.cudnn_named || status == TN_ERR_MEMORY)
        return status;
    snprintf(note, size, "no cuDNN (%s)", tn_error());
    tn_error_put_back(&kept);
    return TN_OK;
}

static tn_status describe_device(tn_backend_device *d, const char *no_cudnn)
{
    char with[768];
    if (*no_cudnn)
        snprintf(with, sizeof with, "%s", no_cudnn);
    else
        snprintf(with, sizeof with, "%s", tn_cudnn_describe(d));
    d->text = tn_format(
        "%s: %s, sm_%d, %d multiprocessors, %.1f GiB%s; CUDA %d.%d, %s; computes in "
        "%s unless told otherwise",
        d->name, d->gpu.name, d->gpu.sm, d->gpu.processors, (double)d->gpu.memory_bytes / (1 << 30),
        d->index < 0 ? ", to be planned for only" : "", CUDART_VERSION / 1000,
        CUDART_VERSION % 1000 / 10, with, d->gpu.sm >= 80 ? "tf32" : "f32");
    return d->text ? TN_OK : tn_no_memory(d->name, sizeof with);
}

static void close_device(tn_backend_device *d)
{
    if (!d)
        return;
    /* Nothing can be done about failures here, nor is anything lost by them. */
    if (d->index >= 0)
        cudaSetDevice(d->index);
    if (d->compute)
        cudaStreamSynchronize(d->compute);
    tn_cuda_stamps_close(d);
    tn_cuda_surface_close(d);
    tn_cuda_beside_close(d);
    tn_cudnn_close(d);
    tn_cublaslt_close(d);
    tn_cuda_faults_close(d);
    if (d->reduce)
        cudaFree(d->reduce);
    if (d->copy)
        cudaStreamDestroy(d->copy);
    if (d->compute)
        cudaStreamDestroy(d->compute);
    tn_cuda_free_layouts(d);
    tn_free(d->own_json);
    tn_free(d->text);
    tn_free(d);
}

/* The share of a device's memory that one kernel's scratch may take, unless told. */
enum { WORKSPACE_SHARE = 16 };

static tn_status open_parts(tn_backend_device *d)
{
    char no_cudnn[512];
    if (*d->opts.gpu) {
        TN_TRY(tn_gpu_find(d->opts.gpu, &d->gpu, &d->own_json));
    } else {
        TN_TRY(find_gpu(d));
        TN_TRY(tn_library_cublaslt());
        TN_TRY(open_streams(d));
        TN_TRY(tn_cublaslt_open(d));
    }
    if (!d->opts.workspace_named)
        d->opts.workspace = d->gpu.memory_bytes / WORKSPACE_SHARE;
    TN_TRY(open_cudnn(d, no_cudnn, sizeof no_cudnn));
    return describe_device(d, no_cudnn);
}

static tn_status open_device(tn_backend_device **out, const tn_open_opts *how)
{
    tn_cuda_opts opts;
    TN_TRY(tn_cuda_read_options(how->options, &opts));
    tn_backend_device *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory(tn_cuda_name, sizeof *d);
    d->opts = opts;
    d->index = *opts.gpu ? -1 : how->index;
    snprintf(d->name, sizeof d->name, "%s:%d", tn_cuda_name, how->index);
    const tn_status status = open_parts(d);
    if (status != TN_OK) {
        close_device(d);
        return status;
    }
    *out = d;
    return TN_OK;
}

static const char *describe(const tn_backend_device *d)
{
    return d->text;
}

static tn_status precision(const tn_backend_device *d, tn_precision asked, tn_precision *out)
{
    const bool ampere = d->gpu.sm >= 80;
    if (asked == TN_PRECISION_DEFAULT)
        asked = ampere ? TN_PRECISION_TF32 : TN_PRECISION_F32;
    if ((asked == TN_PRECISION_TF32 || asked == TN_PRECISION_BF16) && !ampere)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: %s (sm_%d) has no %s: f32 or f16", d->name,
                       d->gpu.name, d->gpu.sm, tn_precision_name(asked));
    if (!tn_precision_name(asked))
        return tn_fail(TN_ERR_ARGUMENT, "%s: %d is no precision", d->name, (int)asked);
    *out = asked;
    return TN_OK;
}

static tn_status runnable(const tn_backend_device *d)
{
    if (d->index >= 0)
        return TN_OK;
    return tn_fail(TN_ERR_DEVICE, "%s: %s is only planned for (gpu=%s): plans must be dry", d->name,
                   d->gpu.name, d->opts.gpu);
}

/* ---- memory ------------------------------------------------------------------------------- */

static tn_status memory(tn_backend_device *d, size_t *total, size_t *unused)
{
    if (d->index < 0) {
        *total = *unused = d->gpu.memory_bytes;
        return TN_OK;
    }
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, cudaMemGetInfo(unused, total));
    return TN_OK;
}

static tn_status alloc_memory(tn_backend_device *d, size_t bytes, void **out)
{
    TN_TRY(runnable(d));
    TN_TRY(tn_cuda_use(d));
    const cudaError_t e = cudaMalloc(out, bytes ? bytes : 1);
    if (e == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError(); /* it is told here */
        return tn_fail(TN_ERR_MEMORY, "%s: no memory for %zu bytes", d->name, bytes);
    }
    return tn_cuda_check(d, NULL, e, "cudaMalloc");
}

static void free_memory(tn_backend_device *d, void *p)
{
    cudaSetDevice(d->index); /* nothing can be done about a failure of either */
    cudaFree(p);             /* waits for what uses it */
}

static tn_status upload(tn_backend_device *d, void *to, const void *host, size_t bytes)
{
    TN_TRY(tn_cuda_use(d));
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    TN_CUDA(d, NULL, cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, d->compute));
    TN_CUDA(d, NULL, cudaStreamSynchronize(d->compute));
    return TN_OK;
}

static tn_status download(tn_backend_device *d, void *host, const void *from, size_t bytes)
{
    TN_TRY(tn_cuda_use(d));
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    TN_CUDA(d, NULL, cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, d->compute));
    return tn_cuda_wait(d);
}

static tn_status fill(tn_backend_device *d, void *to, int byte, size_t bytes)
{
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, cudaMemsetAsync(to, byte, bytes, d->compute));
    return TN_OK;
}

static void *compute_stream(tn_backend_device *d)
{
    return d->compute;
}

static const tn_backend backend = {
    .abi = TN_MODULE_ABI,
    .name = tn_cuda_name,
    .kernels = tn_cuda_kernels,
    .optims = tn_cuda_optims,
    .count = count_devices,
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .precision = precision,
    .runnable = runnable,
    .memory = memory,
    .stream = compute_stream,
    .alloc = alloc_memory,
    .free = free_memory,
    .upload = upload,
    .download = download,
    .fill = fill,
    .reorder_create = tn_cuda_reorder_create,
    .reorder_run = tn_cuda_reorder_run,
    .reorder_destroy = tn_cuda_reorder_destroy,
    .view_layout = tn_cuda_view_layout,
    .part_layout = tn_cuda_part_layout,
    .accumulate = tn_cuda_accumulate,
    .tally = tn_cuda_tally,
    .measure = tn_cuda_measure,
    .copy = tn_cuda_copy,
    .swap = tn_cuda_swap,
    .restore = tn_cuda_restore,
    .average = tn_cuda_average,
    .halve = tn_cuda_halve,
    .control_bytes = TN_CUDA_CONTROL_BYTES,
    .begin_run = tn_cuda_begin_run,
    .begin_update = tn_cuda_begin_update,
    .control_get = tn_cuda_control_get,
    .control_set = tn_cuda_control_set,
    .host_alloc = tn_cuda_host_alloc,
    .host_free = tn_cuda_host_free,
    .inlet_create = tn_cuda_inlet_create,
    .inlet_push = tn_cuda_inlet_push,
    .inlet_destroy = tn_cuda_inlet_destroy,
    .surface_fit = tn_cuda_surface_fit,
    .capture_begin = tn_cuda_capture_begin,
    .capture_end = tn_cuda_capture_end,
    .replay = tn_cuda_replay,
    .recording_destroy = tn_cuda_recording_destroy,
#if TENON_NCCL
    .collectives = &tn_cuda_collectives,
#endif
    .mark = tn_cuda_mark,
    .await = tn_cuda_await,
    .after_step = after_step,
    .stamp = tn_cuda_stamp,
    .stamp_time = tn_cuda_stamp_time,
    .found = tn_cuda_found,
    .wait = wait_for_all,
    .rates = tn_cuda_rates,
};

TN_API tn_module_entry tn_module_open;

const void *tn_module_open(const tn_host *host)
{
    return tn_lent_by(host) ? &backend : NULL;
}
