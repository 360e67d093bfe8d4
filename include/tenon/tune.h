/**
 * @file
 * Which kernels are fastest here: every one that accepts a layer is timed in place, on this machine, with this batch.
 *
 *     tn_tune(&tuned, g, device, &opts, NULL);
 *     opts.kernels = tuned->kernels;
 *     opts.num_kernels = tuned->num_kernels;
 *     tn_plan_create(&plan, g, device, &opts);
 *
 * Threads: as of a plan on that device.
 */
#ifndef TENON_TUNE_H
#define TENON_TUNE_H

#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TN_KERNEL_NOW = -1 /**< the one that does it */ };

/**
 * The name of kernel number `index`, from 0, of those that can do the layer of a forward step, in the order in which they are
 * asked: for tn_plan_opts.kernels. Those too that refuse by a rule of what is fast. *name is NULL past the last, and of
 * steps that are no layer's. It asks the kernels: not to be called while the plan runs.
 */
TN_API TN_CHECKED tn_status tn_plan_kernel(const tn_plan *plan, int step, int index,
                                           const char **name);

typedef struct tn_tune_opts {
    int runs; /**< of each kernel, of which each step's shortest counts; default 10 */
    float
        gain; /**< a kernel that is not the first one takes its place if it saves this part of the layer's time; default 0.05;
                     TN_ZERO: any */
    /** Told of each kernel that was timed: seconds of a whole run with it, and with the best until then. An error ends all
     *  and is what tn_tune() returns. NULL: nobody is told. */
    tn_status (*progress)(void *arg, const tn_kernel_choice *tried, double seconds, double best);
    void *arg; /**< for progress() */
} tn_tune_opts;

/** What was found: a choice for each layer that several kernels can do. Strings are its own. */
typedef struct tn_tuned {
    tn_kernel_choice *kernels;
    int num_kernels;
    double before,
        after; /**< seconds of a run, without a choice and with all of them: sums of each step's shortest */
} tn_tuned;

/**
 * Makes plans as opts says and measures them (tn_plan_profile()) on inputs of its own, two at a time, in turn. The memory is
 * that of two plans; where all have their weights in common (opts.weights) of one copy of them. opts.kernels is what it
 * begins with.
 * @return TN_ERR_ARGUMENT for a plan with a loss that has weights in common: they would be trained; TN_ERR_UNSUPPORTED of
 *         several devices as one
 */
TN_API TN_CHECKED tn_status tn_tune(tn_tuned **out, const tn_graph *g, tn_device *device,
                                    const tn_plan_opts *opts, const tn_tune_opts *tune);
TN_API void tn_tuned_destroy(tn_tuned *tuned); /* NULL is fine */

/**
 * What the device reaches now, beside the peaks of its data sheet (tn_device_rates()): operations a second in a product of two
 * square matrices in that precision, a multiply and an add being two, and bytes a second, read and written, of a relu of an array
 * that fits in no cache. The best of some runs, of sizes that grow as long as there is time. What shares the machine slows
 * both down; a convolution by a method that needs fewer operations than its formula (Winograd's) may exceed the first, and what
 * finds its input in a cache the second.
 * @param seconds  of measuring, each of the two; above 0, up to 60
 * @param flops    either may be NULL, and then takes no time
 * @return         TN_ERR_ARGUMENT; TN_ERR_UNSUPPORTED of several devices as one; what plans return
 */
TN_API TN_CHECKED tn_status tn_measure_rates(tn_device *device, tn_precision precision,
                                             double seconds, double *flops, double *bytes);

#ifdef __cplusplus
}
#endif
#endif
