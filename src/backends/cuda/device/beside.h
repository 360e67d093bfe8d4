/*
 * What a device that is one of several does beside its steps: the communication stream, on which all-reduces
 * run one after another, and the marks by which they and the steps wait for each other (collective.h).
 *
 * A mark is two events. In a recording they are nodes of their own, which other streams see at each replay:
 * cudaEventRecordExternal and cudaEventWaitExternal. So the recording stays one graph, and what is done
 * between two of them need be in neither.
 */
#ifndef TN_CUDA_BESIDE_H
#define TN_CUDA_BESIDE_H

#include "backends/cuda/device/device.h"

typedef struct tn_cuda_beside {
    cudaStream_t stream;
    struct {
        cudaEvent_t set;    /* in the compute stream */
        cudaEvent_t summed; /* on the communication stream, after the all-reduce */
        bool is_summed;     /* there has been one */
    } mark[TN_MAX_MARKS];
    cudaEvent_t now; /* of work that has no mark */
    tn_comm *comms;  /* that the device is a member of, see nccl/ */
} tn_cuda_beside;

/* The first that needs it opens it. */
tn_status tn_cuda_beside_open(tn_backend_device *d);
void tn_cuda_beside_close(tn_backend_device *d);

/* What comes after on the communication stream waits for the mark, or with TN_MARK_NONE for all that was
 * run before. */
tn_status tn_cuda_beside_begin(tn_backend_device *d, int mark);
/* Await waits for what came before on the communication stream; with TN_MARK_NONE so does all that is run
 * after. */
tn_status tn_cuda_beside_end(tn_backend_device *d, int mark);

#endif
