/**
 * @file
 * Engines: a trained net in one file, made to be run.
 *
 *     tn_engine_open(&engine, "flowers.plan", NULL);
 *     tn_context_create(&context, engine, &(tn_context_opts){.rows = 1});
 *     tn_engine_picture(engine, "rose.jpg", in);
 *     tn_context_run(context, 1, &in, &out);
 *
 * An engine is what `tenon build` or tn_engine_save() (build.h) makes: a net, its numbers, how a picture becomes its input,
 * and what was done to it and measured. It is safetensors, which other programs open too, and the same file runs on any
 * machine. A context is that net planned for one device and so many rows: one more takes milliseconds, has memory for its
 * values alone, and reads the same weights.
 *
 * This header, status.h and tensor.h are all that libtenon-infer offers; it is in tenon.h as well. docs/engine.md has a
 * program.
 *
 * Threads: an engine may be used by several at once, a context by one at a time, each on threads of its own.
 */
#ifndef TENON_INFER_H
#define TENON_INFER_H

#include <stdbool.h>

#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_engine tn_engine;
typedef struct tn_context tn_context;

typedef struct tn_engine_opts {
    /** The file is read into memory, and may then be changed or removed. Default: it is mapped, pages come when they are
     *  looked at, and several processes have them in common; who cuts it short meanwhile ends them by SIGBUS. (Nothing of
     *  Tenon's writes into a file that is there: a new engine takes its place.) */
    bool copy;
    /** Do not look whether its numbers are those that were written, only whether all else is: for files that take longer
     *  to be read than that is worth. */
    bool unchecked_data;
} tn_engine_opts;

/**
 * Opens the file of an engine; a digest tells whether any byte of it was damaged (not whether somebody meant to).
 * @return TN_ERR_IO; TN_ERR_FORMAT if it is damaged, no engine, or made by a later Tenon; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_engine_open(tn_engine **out, const char *path,
                                           const tn_engine_opts *opts);
/** The same of a file that lies in memory, which stays as it is until the engine is closed (`ld -r -b binary` makes one
 *  part of a program). At a multiple of 64 its weights are read where they lie,
 *  else it is copied. @p name is what errors call it. */
TN_API TN_CHECKED tn_status tn_engine_open_memory(tn_engine **out, const char *name,
                                                  const void *bytes, size_t size,
                                                  const tn_engine_opts *opts);
/** After its contexts. NULL is fine. */
TN_API void tn_engine_close(tn_engine *engine);

/** What goes in and comes out. */
typedef struct tn_port {
    const char *name;
    const char *op; /**< what makes it, by its name in layers.h: "softmax"; of an input "input" */
    tn_dtype dtype;
    tn_shape shape; /**< as a run takes or gives it, with 1 for the rows */
    int rows;       /**< the dimension that is the rows; -1: it has none and is whole in each run */
} tn_port;

/** How many inputs, or outputs, it has; each of them, in the order in which runs take them. @return NULL past the last */
TN_API int tn_engine_ports(const tn_engine *engine, bool output);
TN_API const tn_port *tn_engine_port(const tn_engine *engine, bool output, int index);

/** What the file says by a key: "tenon.source", "tenon.build", "tenon.report" (what was measured when it was built), or one
 *  of the program that built it. @return NULL if it says nothing of it */
TN_API const char *tn_engine_fact(const tn_engine *engine, const char *key);

/** The classes that an output tells of: how many, and the name of each. @return 0 and NULL where there are none */
TN_API int tn_engine_num_classes(const tn_engine *engine);
TN_API const char *tn_engine_class(const tn_engine *engine, int index);

/** Some lines on what it is. @return TN_ERR_IO */
TN_API TN_CHECKED tn_status tn_engine_describe(const tn_engine *engine, FILE *to);

/**
 * A picture (JPEG, PNG, WebP, GIF, BMP, PNM), upright, scaled and cut, its channels in the order that the net takes: a row of
 * the first input that takes pictures.
 * @param row  u8, 1 x height x width x channels, or without the 1
 * @return     TN_ERR_IO, TN_ERR_FORMAT: the path and what is wrong with it; TN_ERR_ARGUMENT if the net takes no pictures,
 *             TN_ERR_SHAPE
 */
TN_API TN_CHECKED tn_status tn_engine_picture(const tn_engine *engine, const char *path,
                                              tn_tensor row);

typedef struct tn_context_opts {
    int64_t rows; /**< the most that a run has; default 1 */
    /** Pictures of another size than the net was made for; default: that. A net with a layer that cannot is an error that
     *  names it. */
    int height, width;
    int threads;        /**< of the CPU; default: as many as "cpu" has (device.h) */
    const char *device; /**< as of tn_device_open(); default "cpu" */
    /** What it computes in, by its name in device.h: "tf32", "bf16", "f16", where the device can; default "f32", whose
     *  numbers are those that were measured when the engine was built. */
    const char *precision;
} tn_context_opts;

/** @return TN_ERR_SHAPE or TN_ERR_ARGUMENT naming the layer that cannot have such rows or sizes; what tn_device_open()
 *          returns; TN_ERR_UNSUPPORTED, TN_ERR_MEMORY, TN_ERR_DEVICE */
TN_API TN_CHECKED tn_status tn_context_create(tn_context **out, tn_engine *engine,
                                              const tn_context_opts *opts);
TN_API void tn_context_destroy(tn_context *context); /* NULL is fine */

/** The engine's ports, with this context's rows and sizes. */
TN_API const tn_port *tn_context_port(const tn_context *context, bool output, int index);

/**
 * Computes all outputs of so many rows. Allocates nothing. What has been made for more takes as long as for all of them.
 * @param rows  1 to those of the context; those, if an output is made of several rows together (a mean over them, say)
 * @param in    a tensor an input, of the port's shape with so many rows
 * @param out   a tensor an output, likewise
 * @return      TN_ERR_SHAPE, TN_ERR_ARGUMENT naming the port, or what is made of all rows; TN_ERR_DEVICE
 */
TN_API TN_CHECKED tn_status tn_context_run(tn_context *context, int64_t rows, const tn_tensor *in,
                                           const tn_tensor *out);

/** Bytes that it took of its device: for its values, and for weights of the engine that it was the first to want in such a
 *  form, which others then have too. What is read where the file lies is in neither. */
typedef struct tn_context_memory {
    size_t values, weights;
} tn_context_memory;
TN_API tn_context_memory tn_context_memory_of(const tn_context *context);

/** A table of how long each step takes, in milliseconds, the least of so many runs with the inputs of the last one; on a GPU
 *  each has a wait in it. @return TN_ERR_ARGUMENT before the first run; TN_ERR_IO, TN_ERR_MEMORY, TN_ERR_DEVICE */
TN_API TN_CHECKED tn_status tn_context_profile(tn_context *context, int runs, FILE *to);

/** Where its kernels are from, of an engine that says which were the fastest when it was built (`tenon build --tune`): "of the file,
 *  ..." on that machine with so many rows, else "by rules: ...", and why. NULL: the engine says none. */
TN_API const char *tn_context_kernels(const tn_context *context);

/** A table, a line a step: kernels, layouts, bytes. @return TN_ERR_IO */
TN_API TN_CHECKED tn_status tn_context_describe(const tn_context *context, FILE *to);

#ifdef __cplusplus
}
#endif
#endif
