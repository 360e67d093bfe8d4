/*
 * NCCL: what collective.h asks of a backend, done by ncclAllReduce and ncclBroadcast.
 *
 * One communicator for each device and group. It does not block: every call returns at once and is polled, so
 * that a member that never comes is an error after `stall` seconds and no hang. All of them run on the
 * device's communication stream, never in a recording. TENON_NCCL is 0 in a build without nccl.h.
 */
#ifndef TN_CUDA_NCCL_H
#define TN_CUDA_NCCL_H

#include "backends/cuda/device/device.h"

#if TENON_NCCL
extern const tn_collectives tn_cuda_collectives;

/* Waits for all collectives that the device was asked for. */
tn_status tn_cuda_finish_collectives(tn_backend_device *d);

/* links.c: how this device reaches the others of its group, "NVLink" or "NVLink (3 GPUs), PCIe (4)".
 * Where a device is: numbers that a float holds. */
enum { TN_CUDA_PLACE = 3 };
tn_status tn_cuda_whereabouts(const tn_backend_device *d, float place[TN_CUDA_PLACE]);
tn_status tn_cuda_links(const tn_backend_device *d, int ranks, int rank, const float *places,
                        char *text, size_t size);
/* "/dev/shm has 60 of 64 MiB free" */
void tn_cuda_shared_memory(char *text, size_t size);
#else
static inline tn_status tn_cuda_finish_collectives(tn_backend_device *d)
{
    (void)d;
    return TN_OK;
}
#endif

#endif
