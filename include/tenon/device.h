/**
 * @file
 * Devices: what a plan runs on.
 *
 * Threads: a device, with all plans on it, is one thread's at a time; several devices may be opened and used at once.
 * Texts and numbers of a device (its name, description, rank) may be read by any thread.
 */
#ifndef TENON_DEVICE_H
#define TENON_DEVICE_H

#include <stddef.h>

#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One device and its memory, or several that work as one. Safe to use from one thread at a time. */
typedef struct tn_device tn_device;

/**
 * Open a device.
 *
 * "cpu" is part of the library. "cuda" is a file beside it, tenon_cuda.so, which is looked for in the folders
 * of $TENON_MODULES (parted by ":"), then beside libtenon.so or the program, in tenon/ there, one folder up,
 * and in the installation; NVIDIA's libraries are opened with the first GPU, so a run on the CPU does
 * not pay for them.
 *
 * Several devices are a group, and a plan on it trains on all of them (docs/group.md): each has a replica of
 * the plan and an equal share of the batch, and what the program sees is one plan.
 *
 * "cpu,pin=on" (Linux): a device's threads are bound, one a core, to those that the opening thread may use, in their
 * order; whichever thread runs a plan is bound to the first when it first does. Replicas have different ones, and so have
 * ranks that may use the same, and a second device as long as there are enough for both. More threads than cores are an
 * error. Closing the device gives threads of the program back the cores that they had. Until then Tenon's other threads,
 * those of loaders among them, may use all cores as ever; threads that the program starts from a bound one inherit its one
 * core. A bound thread stays near what its caches hold; where other programs compete for the cores that can be slower, as it
 * waits for its own while another is free.
 *
 * @param name  A backend, then optionally ":" and an index, several ("0-3", "0,2") or "all", then
 *              optionally options that each begin with a comma: "cpu", "cpu,threads=2", "cuda:0",
 *              "cuda:0-3,deterministic=on". NULL takes the first GPU there is,
 *              else the CPU; tn_device_describe() says which it was. Anything named and not there is
 *              an error: nothing falls back silently. "cpu:0-1" are two replicas on the one CPU.
 *              Options are name=value, each once, in any order; "on" may be left out: "cpu,reference".
 *              Options of "cpu":
 *                threads=N      default: what OMP_NUM_THREADS says, else every core, or as many as a quota of
 *                               control groups gives the time of; in a group of all replicas together. Where
 *                               the system gives fewer (ulimit -u), or OMP_THREAD_LIMIT is less, it is those, and
 *                               the description says so. The device's own: who has nothing to do sleeps, and
 *                               a process that was forked goes on with the calling thread alone
 *                reference      off; on: the naive loops of each formula, in double, instead of all other kernels:
 *                               slow, and what the others are checked against
 *                prefer=KERNEL  a way to measure and to test: this kernel is taken wherever it can be, also
 *                               where another is faster; the others where it cannot (TN_ERR_UNSUPPORTED in
 *                               a build without oneDNN). fastest: no
 *                               such preference; first: a convolution
 *                               of up to 4 channels behind an input; tiles: dense of up to 128 images;
 *                               winograd: convolutions of 3 x 3 and 5 x 5; winograd4x4: those, and 3 x 3
 *                               with the smaller tile; direct: all but those of groups that share a
 *                               block of 8 or 16 channels, as their formula has them
 *                pin            off; on: each thread that computes is bound to a core of its own, as said
 *                               above
 *              Options of "cuda", each on or off but where others stand:
 *                cudnn          on: NVIDIA's kernels for convolution and others where cuDNN is
 *                               there; off: only cuBLASLt and Tenon's own; all: cuDNN also for what
 *                               Tenon's own do faster
 *                deterministic  off; on: only what gives the same bits every time
 *                autotune       off; on: time the best few of cuDNN's engines when planning
 *                graph          on: replay a step of training as one CUDA graph
 *                sync           off; on: wait after each step of a plan, so that the error of a
 *                               kernel that faults names it
 *                workspace=MiB  limit of one kernel's working memory; default a 16th of all memory
 *                gpu=NAME       plan for this model ("h100", "t4", ...) or for the one whose
 *                               properties are in this file, without having it: dry plans only
 *
 *              "mpi:" before all that: this process is one of several, ranks, that mpirun or srun has
 *              started, on one machine or many, and they train as one: "mpi:cpu", "mpi:cuda" (of the
 *              GPUs of its machine each takes the one of its number there), "mpi:cuda:0-3". Every rank
 *              runs the same program and calls the same functions in the same order; see the page
 *              docs/ranks.md. MPI is in a file of its own too, tenon_mpi.so. Under mpirun a
 *              device without "mpi:" is on its own, and its description says that.
 * @return      TN_ERR_ARGUMENT if the name or an option is malformed; TN_ERR_UNSUPPORTED if there is
 *              no such backend (tn_error() says where it was looked for); TN_ERR_DEVICE if there is
 *              no such device, or no driver, or a library that it needs (with what was found, and
 *              where it was looked for); TN_ERR_MEMORY.
 */
TN_API TN_CHECKED tn_status tn_device_open(tn_device **out, const char *name);
TN_API void tn_device_close(tn_device *device); /* NULL is fine */

/**
 * What a plan computes in. Parameters, their gradients, what the optimizer keeps, sums and losses are f32
 * in all of them.
 */
typedef enum tn_precision {
    TN_PRECISION_DEFAULT, /**< the device's choice: TF32 on GPUs that have it, else F32 */
    TN_PRECISION_F32,     /**< every product in f32 */
    TN_PRECISION_TF32,    /**< values f32; conv2d and dense multiply with 10 bits of fraction */
    TN_PRECISION_BF16,    /**< values and their gradients bf16 */
    TN_PRECISION_F16 /**< values and their gradients f16; the loss is scaled up as far as they allow,
                          and an update whose gradients are not finite is left out and counted */
} tn_precision;

/** @return "f32", "tf32", "bf16", "f16", "default"; NULL for a value that is not a tn_precision. */
TN_API const char *tn_precision_name(tn_precision precision);

/** The precision of that name. @return TN_ERR_ARGUMENT listing the names if there is none. */
TN_API TN_CHECKED tn_status tn_precision_find(const char *name, tn_precision *out);

/** @return "cpu", "cuda:0", ...: a name that opens the same device again; lives as long as it. */
TN_API const char *tn_device_name(const tn_device *device);

/** @return one line for a program's banner: model, threads, libraries with versions, or that the cpu has no oneDNN and
 *  so is slow. */
TN_API const char *tn_device_describe(const tn_device *device);

/**
 * Memory of the host that the device copies from by itself, at the full speed of the bus (on a GPU it is pinned;
 * on a CPU it is memory like any other), aligned to 64 bytes and not cleared. Batches for tn_plan_set() should
 * lie in such, and those of a loader do that was opened with this device: from other memory each is copied once
 * more, by the thread that calls. There is not much of it: it is never swapped out.
 * @return TN_ERR_ARGUMENT for no bytes, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_device_host_alloc(tn_device *device, size_t bytes, void **out);
/** Before the device is closed. NULL is fine. */
TN_API void tn_device_host_free(tn_device *device, void *memory);

enum { TN_MAX_RANKS = 1024 };

/**
 * Ranks: processes that train one model together, see tn_device_open(). Which of them this one is, from 0, and how
 * many there are; 0 of 1 if the device is not "mpi:...". What a program should do but once, such as printing,
 * rank 0 does.
 */
TN_API int tn_device_rank(const tn_device *device);
/** At most TN_MAX_RANKS. */
TN_API int tn_device_ranks(const tn_device *device);

/**
 * What each rank has, in all of them: @p bytes of each, behind each other in the order of ranks. For what ranks must
 * decide alike but see differently, a clock or a signal. Every rank calls it; with one rank it copies.
 * @param own  may be this rank's place in @p all
 * @return     TN_ERR_DEVICE with the rank that did not come, or that has failed
 */
TN_API TN_CHECKED tn_status tn_device_gather(tn_device *device, const void *own, size_t bytes,
                                             void *all);

/** Bytes of memory the device has in all, and how many of them are free now; either may be NULL. Of a group:
 *  those of the device that has the least left. */
TN_API TN_CHECKED tn_status tn_device_memory(tn_device *device, size_t *total, size_t *free);

/**
 * Peak rates of a device: floating point operations a second in a precision (a multiply and an add are
 * two; matrices without sparsity, sums in f32), and bytes a second to and from its memory. From the maker's
 * data sheets; of a GPU known by a file of properties, its multiprocessors times its clock. Nothing exceeds
 * them and nothing reaches them. Of a group: all together. Either pointer may be NULL.
 * @return TN_ERR_UNSUPPORTED, with what is not known or not there, "cpu" among it
 */
TN_API TN_CHECKED tn_status tn_device_rates(tn_device *device, tn_precision precision,
                                            double *flops_per_second, double *bytes_per_second);

#ifdef __cplusplus
}
#endif
#endif
