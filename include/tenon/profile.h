/**
 * @file
 * Profiles: what happened when, in this process, while steps ran as they do: each kernel of each device, copies, sums over devices,
 * the threads of loaders, and what the program waited for.
 *
 *     tn_profile_begin(&profile, NULL);
 *     ... some steps, ended by a tn_plan_get() or tn_plan_take_sum() ...
 *     tn_profile_stop(profile);
 *     tn_profile_write(profile, file);
 *     tn_profile_destroy(profile);
 *
 * The file is in the trace-event format that Perfetto (ui.perfetto.dev) and chrome://tracing open. tn_plan_profile() beside this
 * measures each step by itself, with a wait after it.
 *
 * Threads: one profile is taken at a time, of all threads of the process; what is told here of one is one thread's at a time.
 */
#ifndef TENON_PROFILE_H
#define TENON_PROFILE_H

#include <stdint.h>
#include <stdio.h>

#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_profile tn_profile;

typedef struct tn_profile_opts {
    int64_t
        most; /**< spans, of 250 bytes each; those beyond are counted and lost; default 1000000 */
} tn_profile_opts;

/**
 * From now on spans are kept. Meanwhile GPUs are asked for the time before and after each kernel and copy, and steps are not
 * replayed as graphs, so that a step takes some microseconds a kernel longer; nothing waits. Where NVTX's headers were there when
 * Tenon was built, its ranges are set too, for Nsight.
 * @param opts NULL: all default
 * @return     TN_ERR_ARGUMENT if one is being taken already, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_profile_begin(tn_profile **out, const tn_profile_opts *opts);

/** Nothing is added any more. What a GPU did is added when its plan is waited for (tn_plan_get(), tn_plan_take_sum()) or
 *  destroyed; do one of these first. NULL is fine. */
TN_API void tn_profile_stop(tn_profile *profile);
TN_API void tn_profile_destroy(tn_profile *profile); /* stops it; NULL is fine */

/** Spans that were kept, and that were lost. */
TN_API int64_t tn_profile_spans(const tn_profile *profile);
TN_API int64_t tn_profile_lost(const tn_profile *profile);

/**
 * As JSON in the trace-event format: complete events ("X") in microseconds, `cat` "step", "run", "forward", "backward", "update",
 * "sum", "copy", "loader", "wait"; a track a thread, and of each device one for what it computes, one for copies and one
 * for sums. Kernels lie within the span of their pass, those of the program's thread within its steps. @return TN_ERR_IO
 */
TN_API TN_CHECKED tn_status tn_profile_write(const tn_profile *profile, FILE *to);

/** All times of one layer in one pass on one device together. Strings are the profile's. */
typedef struct tn_profile_layer {
    const char *device, *node;
    const char *pass;    /**< "forward", "backward", "update", "add", "tally" */
    const char *does;    /**< "conv2d+relu, winograd": operation and kernel */
    int64_t count;       /**< how many times */
    double seconds;      /**< of all of them */
    double flops, bytes; /**< of one; see tn_step_info */
} tn_profile_layer;

/** How many there are, in the order of their first time. It counts anew with each call: stop first. */
TN_API int tn_profile_num_layers(tn_profile *profile);
/** @return TN_ERR_ARGUMENT for an index that there is none of */
TN_API TN_CHECKED tn_status tn_profile_layer_at(tn_profile *profile, int index,
                                                tn_profile_layer *out);

#ifdef __cplusplus
}
#endif
#endif
