/**
 * @file
 * Building engines: a model becomes a file that infer.h runs. `tenon build` does it with what there is to be measured and
 * reported; a program may by
 *
 *     tn_model_open(&model, "flowers.safetensors", NULL);
 *     tn_engine_save(model, "flowers.plan");
 *
 * Threads: several may build at once, each from a model of its own or one that nobody tells anything.
 */
#ifndef TENON_BUILD_H
#define TENON_BUILD_H

#include <tenon/model.h>
#include <tenon/tune.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The net with its outputs, the numbers and the facts of a model as an engine: safetensors whose tensors begin at multiples
 * of 64 bytes. The same model gives the same bytes. "tenon.build" and "tenon.report" (tn_model_tell()) are for whoever
 * builds to say. Numbers take no more bytes than they need: F16 or BF16 where all of a tensor are such numbers, I8 with a scale a
 * row where the net puts them on that grid (fake_quant); what the engine computes is the same, bit for bit. The file appears whole or not at all, as tn_checkpoint_save() has it.
 * @return TN_ERR_ARGUMENT if the model has no numbers or its net no output; TN_ERR_IO, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_engine_save(const tn_model *model, const char *path);

/**
 * Weights become numbers that bf16 or f16 has, each the nearest, and so half as large in an engine, which computes in f32 as ever.
 * Vectors stay what they are: biases, and what batch norm keeps. Before all that judges the model.
 * @param dtype  TN_BF16 or TN_F16
 * @return       TN_ERR_ARGUMENT for another one, or a weight that is too large for f16, by its name; TN_ERR_IO, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_round(tn_model *model, tn_dtype dtype);

/**
 * Finds the kernels that are fastest for so many rows on a device (tn_tune(): all that can do a layer are timed in place), and has the
 * engine say them, with what the device says of itself: "tenon.kernels". A context of as many rows, in f32, on a device that says
 * the same takes them; another one chooses by rules as ever, and tn_context_describe() says so. Once for each device and rows; what
 * was found for the same before is replaced.
 * @param out  what was found; NULL: nobody wants to know
 * @return     as tn_plan_create() and tn_tune()
 */
TN_API TN_CHECKED tn_status tn_engine_tune(tn_model *model, tn_device *device, int64_t rows,
                                           const tn_tune_opts *tune, tn_tuned **out);

#ifdef __cplusplus
}
#endif
#endif
