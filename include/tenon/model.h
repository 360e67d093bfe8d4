/**
 * @file
 * Models: a net, its numbers by name, and what else must be known to use it.
 *
 * What a checkpoint holds is one (checkpoint.h), and so is the text of a net (text.h), which has no numbers. A plan begins
 * with a model's numbers by tn_plan_opts.from:
 *
 *     tn_model_open(&model, "flowers.safetensors", NULL);
 *     tn_plan_create(&plan, tn_model_graph(model), device, &(tn_plan_opts){.from = model});
 *     tn_model_picture(model, &picture);
 *     tn_image_load("rose.jpg", &picture.fit, pixels);
 *     tn_plan_set(plan, picture.input, ...);
 *     tn_plan_evaluate(plan);
 *     tn_plan_get(plan, tn_graph_output_at(tn_model_graph(model), 0), ...);
 *
 * or, with tn_plan_opts.from_any_shape, a net of one's own begins with what it has in common with it.
 *
 * Threads: a model that nobody tells anything may be read, and planned from, by several at once.
 */
#ifndef TENON_MODEL_H
#define TENON_MODEL_H

#include <tenon/data.h>
#include <tenon/layers.h>
#include <tenon/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Numbers for an input of a net, which then has no such input. */
typedef struct tn_model_known {
    const char *name;
    tn_tensor numbers; /**< a dimension may be 0 */
} tn_model_known;

typedef struct tn_model_opts {
    int64_t batch; /**< N in the net; default 1 */
    bool
        no_net; /**< numbers alone will do, as other programs write safetensors; tn_model_graph() is then NULL */
    /** Of a checkpoint that keeps averages (tn_plan_opts.ema): these, in place of the numbers that were trained. To ask it of
     *  a file that keeps none is an error. */
    bool average;

    /* Of nets of other programs, which leave open what a database or a command line said. */
    /** The file of numbers of a net that has none in its own: a .caffemodel beside a prototxt (which also opens by itself). */
    const char *weights;
    /** How large inputs are, without the batch: "data=3x227x227,boxes=4"; of ONNX's with it, too, "x=1x3x224x224". "*=3x224x224"
     *  is said of all of which the net itself says nothing. */
    const char *input;
    /** Its inputs that are pictures, N x 1 or 3 x H x W, take bytes, N x H x W x C, prepared so; NULL: floats, as the net
     *  has them, or as it says itself. Its name is not read. */
    const tn_image_input_opts *image;
    const char *fit; /**< "tenon.fit" of a net whose file says nothing of it */
    /** Inputs of a model of ONNX that are the same in each run: weights, shapes, axes that somebody else would compute. */
    const tn_model_known *known;
    int num_known;
    /** A mean picture of Caffe's (.binaryproto), which is taken away from such inputs before the scale; default: the one that
     *  the net names, if it is there. */
    const char *mean_file;
    /** A .solverstate of Caffe's that was written with these weights: what SGD has kept is there as "optimizer.conv1.weight.momentum",
     *  each divided by its parameter's own rate but not by the solver's, which is in Caffe's; "tenon.updates" says after how many
     *  steps. */
    const char *state;
} tn_model_opts;

/**
 * Opens a model; what the file is, its first bytes say: safetensors whose metadata have "tenon.graph", the text of a
 * net, a net or a solver of Caffe's (prototxt, caffemodel) or a model of ONNX (docs/models.md). Safetensors stay open, and
 * numbers are read when a plan asks for them.
 * @return  TN_ERR_IO; TN_ERR_FORMAT if it is none of these, is damaged, or holds no net; what tn_graph_read()
 *          returns of its net; TN_ERR_UNSUPPORTED naming all layers that cannot be imported, with their lines;
 *          TN_ERR_SHAPE if weights are not the net's; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_open(tn_model **out, const char *path,
                                          const tn_model_opts *opts);

/** The text of a net that lies in memory; @p name is what errors call it. */
TN_API TN_CHECKED tn_status tn_model_read(tn_model **out, const char *name, const char *text,
                                          const tn_model_opts *opts);

/** What a plan holds now: a copy of its parameters and running statistics, and its net, which is made anew. Waits for the
 *  device. */
TN_API TN_CHECKED tn_status tn_model_of_plan(tn_model **out, tn_plan *plan);

/** The net, the numbers and the facts as safetensors; the file appears whole or not at all, as tn_checkpoint_save() has
 *  it, but by every process that calls it: of several ranks one should, or tn_checkpoint_save_params() be used. A model of
 *  the text of a net has no numbers: TN_ERR_ARGUMENT. A path that ends in ".onnx" is for tn_model_save_onnx(). */
TN_API TN_CHECKED tn_status tn_model_save(const tn_model *model, const char *path);

typedef struct tn_onnx_opts {
    /** Pictures as floats, N x C x H x W, which the program prepares; else as bytes, N x H x W x C. */
    bool float_input;
} tn_onnx_opts;
/**
 * What the outputs need as a file of ONNX, of opset 17 unless an operation needs a later one (docs/models.md): as evaluation has
 * it, so without the loss, with the facts as metadata_props. N is open where the net is of any batch.
 * The file appears whole or not at all.
 * @return  TN_ERR_UNSUPPORTED naming all nodes that ONNX cannot say; TN_ERR_ARGUMENT if the net has no output, or no numbers for
 *          a parameter; TN_ERR_IO; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_save_onnx(const tn_model *model, const char *path,
                                               const tn_onnx_opts *opts);
TN_API void tn_model_close(tn_model *model); /* NULL is fine */

/** The net, which lives as long as the model. @return NULL if there is none */
TN_API const tn_graph *tn_model_graph(const tn_model *model);

/** Does the file keep averages, whether they were asked for or not? */
TN_API bool tn_model_keeps_average(const tn_model *model);

/** A fact, by the keys of checkpoint.h: "tenon.graph", "tenon.classes", or one that the program gave. @return NULL if
 *  there is none of that key */
TN_API const char *tn_model_fact(const tn_model *model, const char *key);
/** Says a fact, or says it anew. @return TN_ERR_ARGUMENT for a key that is the library's, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_model_tell(tn_model *model, const char *key, const char *value);

/** What opening took to mean what, or passed over; the library never prints it. @return NULL past the last */
TN_API const char *tn_model_notice(const tn_model *model, int index);

/** The numbers that it holds, by name. @return NULL past the last; else `shape`, if not NULL, is filled in */
TN_API const char *tn_model_tensor(const tn_model *model, int index, tn_shape *shape);
/** Copies one out: f32, of that shape. */
TN_API TN_CHECKED tn_status tn_model_tensor_get(const tn_model *model, int index, tn_tensor host);

/** The classes that "tenon.classes" names: how many, and the name of each. @return 0 and NULL where there are none */
TN_API int tn_model_num_classes(const tn_model *model);
TN_API const char *tn_model_class(const tn_model *model, int index);

/** The order of the channels of a pixel. */
typedef enum tn_order { TN_ORDER_RGB, TN_ORDER_BGR, TN_ORDER_GREY } tn_order;

/** How a picture becomes an input of the net. */
typedef struct tn_picture {
    tn_value input;  /**< of the model's graph: u8, N x H x W x channels */
    tn_fit_opts fit; /**< for tn_image_load(); without "tenon.fit" its own default */
    tn_order
        order; /**< without "tenon.fit" grey of one channel, else RGB, as tn_image_load() gives */
    int channels;
} tn_picture;

/** @return TN_ERR_ARGUMENT if no input of the net is a picture, TN_ERR_FORMAT if "tenon.fit" cannot be understood */
TN_API TN_CHECKED tn_status tn_model_picture(const tn_model *model, tn_picture *out);

/** From what tn_image_load() and loaders give to what the net takes: in picture->order, or grey by the weights of ITU-R
 *  BT.601, (299 R + 587 G + 114 B) / 1000, rounded.
 *  @param rgb  count x 3 bytes
 *  @param to   count x picture->channels bytes; may be rgb itself
 *  @return     TN_ERR_ARGUMENT if order and channels do not go together */
TN_API TN_CHECKED tn_status tn_picture_pixels(const tn_picture *picture, const uint8_t *rgb,
                                              int64_t count, uint8_t *to);

#ifdef __cplusplus
}
#endif
#endif
