/*
 * What tests may ask of the simulated GPU: tests/lab_sim.c finds these in tenon_sim.so, by name.
 */
#ifndef TN_SIM_CONTROL_H
#define TN_SIM_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TN_SIM_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* The nth call from now of that entry point fails, once (1: the next). NULL, 0: none does. An entry
 * point of "" counts every call of any; "kernel" and "collective" are those that fail while they run. */
TN_SIM_API void tn_sim_fail_at(const char *function, long nth);

/* How many devices there are (default 8), how many bytes each has (default 2 GiB), and what model they
 * are, as src/backends/cuda/gpus names it (default "h100") or "one", which has one multiprocessor: while
 * none is open. */
TN_SIM_API void tn_sim_set_devices(int count);
TN_SIM_API void tn_sim_set_memory(size_t bytes);
TN_SIM_API bool tn_sim_set_gpu(const char *name);

/* How many seconds a thread waits for what another one has to do before the rule "stall" is broken
 * (default 60). */
TN_SIM_API void tn_sim_set_patience(double seconds);

/* Order of streams, blocks and threads: 0 is as they come, anything else is a seed. */
TN_SIM_API void tn_sim_set_seed(uint64_t seed);

/* What cudaGetDeviceCount() returns as a status: 35 for a driver that is missing, 100 for no device. */
TN_SIM_API void tn_sim_set_count_error(int error);

/* Refuses configurations in cuDNN's heuristics: "none" (default), "table" (what real cuDNN refuses for
 * this model), "all"; of what has no graph, the calls for gradients: "backward"; or in cuBLASLt's all products with a bias or a relu in them: "epilogues". */
TN_SIM_API bool tn_sim_set_refusals(const char *policy);

/* What happened since tn_sim_trace_begin(). */
typedef struct tn_sim_counts {
    long launches;       /* kernels launched on a stream, or recorded in a capture */
    long graph_launches; /* cudaGraphLaunch */
    long executions;     /* cudnnBackendExecute and legacy forward/backward calls */
    long matmuls;        /* cublasLtMatmul */
    long copies_to_device, copies_from_device, copies_inside;
    size_t bytes_to_device, bytes_from_device, bytes_inside;
    long fills;
    long allocations, frees; /* of device and of pinned memory */
    long synchronisations;   /* calls that wait for the device, besides copies to pageable memory */
    long sums, broadcasts;   /* ncclAllReduce, ncclBroadcast: every rank's */
    size_t bytes_summed, bytes_broadcast;
    long work; /* kernels, copies, products and so on that have been done, in replays too */
} tn_sim_counts;
TN_SIM_API void tn_sim_trace_begin(void);
TN_SIM_API tn_sim_counts tn_sim_trace_counts(void);
/* The same of one device: of calls that were made while it was chosen. */
TN_SIM_API tn_sim_counts tn_sim_trace_device(int device);
/* Calls of one entry point, or with "" of any, since tn_sim_trace_begin(). */
TN_SIM_API long tn_sim_trace_calls(const char *function);

/* Breaks the rule "leak" if anything is alive that was made with a simulated call. */
TN_SIM_API void tn_sim_check_leaks(void);

#ifdef __cplusplus
}
#endif
#endif
