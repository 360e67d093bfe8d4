/*
 * A step as one CUDA graph: what is launched on the compute stream between begin and end is recorded, and
 * then replayed with one call. Everything recorded has run once before, so that libraries have loaded what
 * they load on first use, which must not happen while recording.
 */
#include <stdio.h>

#include "backends/cuda/device/device.h"

tn_status tn_cuda_capture_begin(tn_backend_device *d)
{
    if (!d->opts.graph)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s was opened with graph=off", d->name);
    if (d->opts.sync)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s was opened with sync=on", d->name);
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, cudaStreamBeginCapture(d->compute, cudaStreamCaptureModeThreadLocal));
    d->capturing = true;
    return TN_OK;
}

tn_status tn_cuda_capture_end(tn_backend_device *d, bool keep, void **recording, char *why,
                              size_t size)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    const char *call = "cudaStreamEndCapture";
    cudaError_t e = cudaStreamEndCapture(d->compute, &graph);
    d->capturing = false;
    if (e == cudaSuccess && keep) {
        call = "cudaGraphInstantiate";
        e = cudaGraphInstantiate(&exec, graph, 0);
    }
    if (graph)
        cudaGraphDestroy(graph); /* the exec has its own copy: nothing depends on this */
    *recording = exec;
    if (e != cudaSuccess) {
        snprintf(why, size, "%s: %s: %s", d->name, call, cudaGetErrorString(e));
        (void)cudaGetLastError(); /* it is told; the next call starts afresh */
    }
    return TN_OK;
}

tn_status tn_cuda_replay(tn_backend_device *d, void *recording)
{
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL, cudaGraphLaunch(recording, d->compute));
    return TN_OK;
}

void tn_cuda_recording_destroy(tn_backend_device *d, void *recording)
{
    cudaSetDevice(d->index); /* nothing can be done about a failure of either */
    cudaGraphExecDestroy(recording);
}
