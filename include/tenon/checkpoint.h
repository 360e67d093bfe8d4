/**
 * @file
 * Checkpoints: parameters, running statistics and optimizer state as safetensors.
 *
 * Tensors are f32 in canonical layout, named "conv1.weight", "bn1.running_mean"; what the optimizer
 * keeps is "optimizer.conv1.weight.momentum", averages (tn_plan_opts.ema) are "ema.conv1.weight". Python's safetensors opens the file. The net itself is in the metadata
 * ("tenon.graph", text.h), with its outputs (tn_output(); else what the plan keeps) and its loss, so that a program that
 * knows no more of it can use the file: model.h. (Not of a net with a tn_custom(), which no text can say: such a file is for
 * programs that have the net.)
 *
 * Strings of the program's own travel in the metadata too. Keys that begin with "tenon." are the library's; of those a
 * program may say
 *
 *     tenon.classes   the names of the classes that an output tells of, a line each
 *     tenon.fit       how a picture becomes an input: "resize=256 order=rgb": its short side is scaled to 256, then the
 *                     middle is cut out, as tn_fit_opts has it; order: rgb, bgr, or grey of one channel
 *     tenon.source    where it comes from, in words
 *     tenon.recipe    how it is to be trained, in words that are tenon-train's options without their dashes:
 *                     "optim=sgd momentum=0.9 rate=0.01 rate-policy=inv steps=10000 batch=64"
 *
 * Threads: a plan and its checkpoints are one thread's at a time; a tn_checkpoint_info never changes, and threads
 * may share it.
 */
#ifndef TENON_CHECKPOINT_H
#define TENON_CHECKPOINT_H

#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One string of metadata. */
typedef struct tn_meta {
    const char *key, *value;
} tn_meta;

/**
 * Write everything that a run needs to go on. The file appears whole or not at all: written beside
 * its place, flushed to the disk, then renamed. A link at the path stays, and the file that it names is replaced;
 * only a regular file is replaced, and the new one has its mode. What a killed process left beside it
 * (NAME.tenon-PID-N.tmp) is removed. Of several ranks the first one writes it, and all of them, which all
 * call this, get the same status when it is done.
 *
 * @return  TN_ERR_IO naming the path and the reason; TN_ERR_DEVICE, TN_ERR_MEMORY; TN_ERR_ARGUMENT
 *          for a key that is empty, twice there or the library's.
 */
TN_API TN_CHECKED tn_status tn_checkpoint_save(tn_plan *plan, const char *path, const tn_meta *meta,
                                               int num_meta);

/** The same without what only a run that goes on needs: the net and its parameters, a half or a third of the bytes. It
 *  cannot be resumed. */
TN_API TN_CHECKED tn_status tn_checkpoint_save_params(tn_plan *plan, const char *path,
                                                      const tn_meta *meta, int num_meta);

/**
 * Can tn_checkpoint_save() be expected to write there? To be asked before a run begins and not after its first epoch:
 * a folder that is missing or may not be written, something at the path that is no regular file, a name too long,
 * less room than the plan's numbers take. Leaves nothing behind. Ranks as with tn_checkpoint_save().
 *
 * @return  TN_ERR_IO naming the path, the reason and the numbers; TN_ERR_MEMORY.
 */
TN_API TN_CHECKED tn_status tn_checkpoint_probe(tn_plan *plan, const char *path);

typedef enum tn_load_what {
    TN_LOAD_RESUME, /**< parameters, statistics, optimizer state and its step: all must be there */
    TN_LOAD_PARAMS  /**< parameters and statistics only, to evaluate or classify */
} tn_load_what;

/**
 * @return  TN_ERR_IO; TN_ERR_FORMAT if it is not safetensors or is damaged; TN_ERR_SHAPE if a
 *          tensor is missing or has another shape or type; TN_ERR_ARGUMENT if the file was written
 *          with another optimizer (resume only). After these the plan is as it was; if reading, memory or
 *          the device fails while numbers are copied (TN_ERR_IO, TN_ERR_MEMORY, TN_ERR_DEVICE), it has
 *          some of them, and tn_error() says how many. Tensors that the plan does not ask for, and
 *          metadata that are no text, do not matter.
 */
TN_API TN_CHECKED tn_status tn_checkpoint_load(tn_plan *plan, const char *path, tn_load_what what);

/** The metadata of a file, bytes as they were saved, UTF-8 or not (in the file, bytes that are no UTF-8 stand as
 * U+F700 + byte, and "tenon.escapes" says so); read without a plan: to build the network that fits it. */
typedef struct tn_checkpoint_info tn_checkpoint_info;
TN_API TN_CHECKED tn_status tn_checkpoint_info_open(tn_checkpoint_info **out, const char *path);
TN_API void tn_checkpoint_info_close(tn_checkpoint_info *info); /* NULL is fine */
/** @return the value of a key, NULL if it is not there; lives as long as info. */
TN_API const char *tn_checkpoint_info_get(const tn_checkpoint_info *info, const char *key);

/** A tensor in which two files differ. */
typedef struct tn_tensor_difference {
    const char *name;
    const char
        *why; /**< "only in a", "only in b", "another shape", "another type"; NULL: its numbers */
    int64_t differ, count; /**< of its numbers; bits are compared */
    double
        largest; /**< difference of two, as numbers; NaN of types other than f32, or if one of them is no number */
} tn_tensor_difference;

/** Which tensors of two files differ, whatever wrote them: those of a and b by name, then those only in b. What else is in the
 *  files does not matter. @return what tn_checkpoint_info_open() does */
typedef struct tn_checkpoint_differences tn_checkpoint_differences;
TN_API TN_CHECKED tn_status tn_checkpoint_compare(tn_checkpoint_differences **out, const char *a,
                                                  const char *b);
/** How many there are, of how many tensors in all; @p of may be NULL. */
TN_API int64_t tn_checkpoint_differences_count(const tn_checkpoint_differences *d, int64_t *of);
/** @return NULL past the last */
TN_API const tn_tensor_difference *tn_checkpoint_differences_at(const tn_checkpoint_differences *d,
                                                                int64_t index);
TN_API void tn_checkpoint_differences_close(tn_checkpoint_differences *d); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
