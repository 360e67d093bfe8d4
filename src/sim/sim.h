/*
 * The simulated GPU, as its parts see it. It is linked in place of the CUDA runtime, cuDNN, cuBLASLt and
 * NCCL: it defines those of their functions that src/backends/cuda calls, with NVIDIA's own headers for
 * every type. For tests only; it never says anything about speed.
 *
 * It is strict. A rule that is broken ends the process: "sim: <rule>: <what happened>" on stderr, then
 * abort(). Where the real library would return an error, so does it.
 */
#ifndef TN_SIM_H
#define TN_SIM_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every entry point begins with this: writes it to the trace, and says whether a test wants this call
 * to fail. `bytes`: of a copy or an allocation, else 0. */
bool tn_sim_enter(const char *function, size_t bytes);

/* A rule is broken. Does not return. */
_Noreturn void tn_sim_break(const char *rule, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Work for a stream: `run` is called with a copy of the argument's bytes when the stream gets there, or
 * becomes part of the graph that the stream is being captured into. `what` names it in messages. */
typedef void tn_sim_work(void *argument);
cudaError_t tn_sim_enqueue(cudaStream_t stream, const char *what, tn_sim_work *run,
                           const void *argument, size_t bytes);

/* A library is about to run code that *loaded tells whether the device has: if not, it loads it, which breaks the rule
 * "unfinished" while devices do something together. */
void tn_sim_first_use(bool *loaded, int device, const char *what);

/* The device that this thread has chosen with cudaSetDevice(), and the one that a stream is on. */
int tn_sim_device(void);
int tn_sim_stream_device(cudaStream_t stream);

/* Fails the rule "memory" unless [p, p + bytes) lies in one living allocation of that device. */
void tn_sim_check_memory(int device, const char *what, const void *p, size_t bytes);

/* Objects that must be destroyed: handles, descriptors, streams. What is left at the end of the process,
 * or when tn_sim_check_leaks() is called, breaks the rule "leak". */
void tn_sim_born(const char *kind, const void *object);
void tn_sim_died(const char *kind, const void *object);

#ifdef __cplusplus
}
#endif
#endif
