/**
 * @file
 * Weights: parameters and running statistics apart from plans, so that several plans have the same ones.
 *
 *     tn_weights_create(&weights);
 *     tn_plan_create(&train, g, gpu, &(tn_plan_opts){.loss = loss, .optim = sgd, .batch = 128, .weights = weights});
 *     tn_plan_create(&test, g, gpu, &(tn_plan_opts){.keep = &y, .num_keep = 1, .batch = 500, .weights = weights});
 *     tn_plan_create(&one, g, cpu, &(tn_plan_opts){.keep = &y, .num_keep = 1, .batch = 1, .weights = weights});
 *
 * They are known by their full names ("conv1.weight"), whatever graph a plan is of; shapes must be the same. What is
 * lacking when a plan is made begins as it does without weights, or as tn_plan_opts.from has it; what is there is taken
 * as it is, no random numbers are drawn for it, and a model in `from` that has it too is an error that names it.
 *
 * Plans on one device have one memory for them: each sees at once what another has changed. The first plan that has a
 * parameter decides how it is laid out there; one made later reads it so, by way of a reorder where its kernels cannot. What
 * kernels make of weights that a plan does not train, such reorders among it, is kept once for all plans that have use for it
 * (tn_plan_opts.kept_weights), and made anew by the first that runs after a change.
 * In half precision each plan has a copy of its own beside them. Plans on another device have copies there, and a run
 * of one begins with what is newest, whoever changed it. But for the CPU, opened several times: plans without a loss on
 * such devices have one memory too, as long as none with a loss is on one of them. The plans of one device at a time may train them: on another
 * tn_plan_run() and tn_plan_update() are TN_ERR_ARGUMENT, since each would undo the updates of the other. Of two that
 * train on one device each has its own optimizer state, and an update is made to what is there then.
 *
 * Ownership: plans borrow weights, and whoever is destroyed first, the memory is there until the last of them is. When
 * the last plan on a device goes, what it has of them comes to the host. Several devices as one are not among those that
 * can have weights yet: TN_ERR_UNSUPPORTED.
 *
 * Threads: all functions here may be called by several threads, and so may those of plans on different devices that
 * have the same weights: each thread its own device. Plans without a loss that have one memory run at the same time; only
 * what is made of weights anew, and a change of them, is waited for. A plan that takes what is newer from another device waits until the
 * call that uses that is done; so that device must then be used by plans with these weights only. The last plan there is not
 * destroyed before whoever takes something from it has it.
 */
#ifndef TENON_WEIGHTS_H
#define TENON_WEIGHTS_H

#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Named tensors of f32 that plans have in common. */
typedef struct tn_weights tn_weights;

/** Without any. @return TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_weights_create(tn_weights **out);
TN_API void tn_weights_destroy(tn_weights *weights); /* NULL is fine */

/** How many there are; the name of number `index`, and its shape if that is not NULL. @return NULL past the last */
TN_API int tn_weights_count(const tn_weights *weights);
TN_API const char *tn_weights_name(const tn_weights *weights, int index, tn_shape *shape);

/** Copy one out, as it is now: f32, in its shape, canonical. Waits for the device that has it.
 *  @return TN_ERR_ARGUMENT if there is none of that name, TN_ERR_SHAPE, TN_ERR_MEMORY, TN_ERR_DEVICE */
TN_API TN_CHECKED tn_status tn_weights_get(tn_weights *weights, const char *name, tn_tensor host);

/** Copy one in, which plans have from their next run on; one that is not there yet is added.
 *  @return TN_ERR_SHAPE if it is there in another, TN_ERR_ARGUMENT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_weights_set(tn_weights *weights, const char *name, tn_tensor host);

#ifdef __cplusplus
}
#endif
#endif
