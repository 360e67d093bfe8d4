/**
 * @file
 * Plans: a graph fixed for one device, made once and run many times.
 *
 * Making a plan chooses kernels, agrees layouts, fuses, derives the backward pass and lays out all
 * memory; running it allocates nothing. One training step is
 *
 *     tn_plan_set(plan, image, batch.images);
 *     tn_plan_set(plan, label, batch.labels);
 *     tn_plan_run(plan);
 *     tn_plan_update(plan, rate);
 *
 * On a device that is a group ("cuda:0-3") a plan has a replica on each, and all shapes, values, sums and
 * gradients here are those of the whole batch; docs/group.md says of each call what that means. The batch is
 * dimension 0 of every input, unless tn_input_batched() says otherwise.
 *
 * Threads: a plan is one thread's at a time, and so is a device with all plans on it; plans on different devices may
 * run at once. What only tells of a plan (tn_plan_step(), tn_plan_memory(), tn_plan_describe()) several may ask at once,
 * while nobody runs it.
 */
#ifndef TENON_PLAN_H
#define TENON_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/device.h>
#include <tenon/graph.h>
#include <tenon/layers.h>
#include <tenon/optim.h>
#include <tenon/weights.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs without allocating. Use from one thread at a time. */
typedef struct tn_plan tn_plan;

/** Numbers by name, and a net: model.h. */
typedef struct tn_model tn_model;

/** Parameters that learn otherwise than the others. */
typedef struct tn_param_group {
    const char *pattern; /**< as of tn_plan_opts.freeze: "*.bias,bn*" */
    float
        rate; /**< multiplies the parameters' own; default 1; TN_ZERO: frozen, see tn_plan_set_rate() */
    float decay; /**< likewise; TN_ZERO: none */
} tn_param_group;

/** Who does a layer: a kernel by the name that tn_plan_kernel() and tn_kernel.name tell. */
typedef struct tn_kernel_choice {
    const char *node;   /**< "conv1" */
    const char *kernel; /**< "winograd" */
} tn_kernel_choice;

typedef struct tn_plan_opts {
    tn_value
        loss; /**< an f32 scalar to minimise; the zero handle: inference only; a sum of several losses is one */
    const tn_value *keep; /**< values tn_plan_get() shall be able to read, beside the loss node's */
    int num_keep; /**< how many; required with keep. Neither these nor a loss: the graph's outputs */
    tn_optim optim;  /**< default: none; tn_plan_update() is then an error */
    float clip_norm; /**< gradients are scaled down to this global 2-norm; default: not */
    /** Runs that one update takes together, as one batch: the mean gradient over all of their rows with a label
     *  (without labels, over the runs). Default 1. A run's own loss stays the mean over its own rows. Of a sum of losses
     *  with several labels a run weighs as many rows as have one of them, all labels together: that is the mean of each
     *  loss if in every run all have the same part of their rows labelled, and near it else. */
    int accumulate;
    float loss_scale; /**< of TN_PRECISION_F16: what it begins with; default 65536 */
    uint64_t seed;    /**< of initial parameters and dropout */
    /** How many rows the batch has; default: as many as the inputs were made with. All other shapes follow, and the
     *  handles of the graph name the plan's values as ever. On several devices: of all together. */
    int64_t batch;
    tn_precision precision; /**< what it computes in; default: the device's choice */
    /** Convolutions sum the products that the formula has: on the CPU, none by Winograd's method, whose
     *  rounding errors are larger. */
    bool strict;
    bool no_fusion; /**< keep every node, to compare or to debug */
    /** A run may have fewer samples than the batch has rows, as tn_plan_set_rows() then says. For plans without labels,
     *  which say it by themselves. */
    bool short_batches;
    bool input_gradients; /**< also compute gradients of f32 inputs, for tn_plan_get_gradient() */
    bool keep_gradients;  /**< and of the values in `keep`, which take memory for them then */

    /** Parameters and running statistics begin as those of the same names in this model; those that it lacks as ever,
     *  see tn_plan_from(). Needed until the plan is made. */
    const tn_model *from;
    bool
        from_any_shape; /**< one whose shape is another begins as ever too, instead of an error that names it */
    /** Parameters and running statistics that it has in common with other plans, see weights.h; NULL: with none. */
    tn_weights *weights;
    /** Parameters that are not trained, beside those whose own options say so: patterns as of a shell, with commas
     *  between them, each for names of parameters or of their nodes: "conv*,fc6.weight". One that names none is an
     *  error. */
    const char *freeze;

    /** Needed until the plan is made. A parameter belongs to the first group that names it; one that names none of those
     *  that are trained, or which others have named before it, is an error. */
    const tn_param_group *groups;
    int num_groups;

    /* On several devices; on one these change nothing. */
    /** Gradients are summed up over the devices at least so many bytes at a time, in at most 64 parts;
     *  default 8 MiB. */
    size_t bucket_bytes;
    bool reduce_bf16;    /**< they travel as bf16: half the bytes, 8 bits of each sum */
    bool sync_batchnorm; /**< batchnorm sees the whole batch, not each device's rows alone */
    /** Seconds without progress after which all is given up; default 120. An error that says that some "have not
     *  come back since": what this call was given is in use until tn_plan_destroy(), which waits for them. */
    float stall;

    /** The norm of the gradients is measured in each update, also if nothing is clipped: tn_plan_gradient_norm(). One more
     *  look at each gradient. */
    bool gradient_norm;
    /** Measures it too, and leaves out an update whose norm is not finite (tn_plan_skipped()): parameters, what the optimizer
     *  keeps and averages stay as they are; running statistics and sums (tn_plan_take_sum()) become again what they were
     *  before its runs. In f16 updates are left out in any case. */
    bool guard;
    /** The plan keeps an exponential moving average of its parameters and running statistics: after each update that is not
     *  left out a += (1 - d) (w - a), d being this decay, in (0, 1); the first one makes a = w. 0: none.
     *  tn_plan_use_average() evaluates with it; checkpoints hold it ("ema.conv1.weight").
     *  Source: Polyak and Juditsky 1992; as torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(d) and
     *  use_buffers. */
    double ema;
    bool
        ema_warmup; /**< d is the smaller of `ema` and (1 + t) / (10 + t), t being the number of updates averaged
                         before: as tf.train.ExponentialMovingAverage with num_updates */

    /** Lay everything out, for tn_plan_memory() and tn_plan_describe(), but take no memory from the device;
     *  running it is an error. */
    bool dry;

    /** Memory for what kernels make of weights that the plan does not train, filters transformed or in another order, kept
     *  from run to run in place of made in each: as a part of what all its weights take. Default 0.1; TN_ZERO: none; INFINITY:
     *  whatever is of use. Plans with the same `weights` on one device have it in common. */
    float kept_weights;

    /** These layers are done by these kernels, also where another comes before them or their own rule says that they are slower
     *  (tune.h finds which is fastest). A layer or a kernel that is not there, or one that cannot do it, is passed over, as
     *  tn_plan_describe() tells; with need_kernels it is an error. Of two for one layer the first counts. Needed until the plan is made. */
    const tn_kernel_choice *kernels;
    int num_kernels;
    bool need_kernels; /**< TN_ERR_ARGUMENT, TN_ERR_UNSUPPORTED name the first that cannot be */
} tn_plan_opts;

/**
 * @p g and @p device are borrowed and must outlive the plan; the graph may not change after.
 * @return the graph's first error if it has one; TN_ERR_ARGUMENT, TN_ERR_SHAPE; TN_ERR_UNSUPPORTED
 *         if no kernel of the device can do a node (tn_error() says why each refused);
 *         TN_ERR_MEMORY with the bytes wanted; TN_ERR_DEVICE. On several devices also TN_ERR_SHAPE if
 *         the batch cannot be shared equally, with the nearest that can. An error of one of them in a
 *         run ends all: later calls return the same.
 */
TN_API TN_CHECKED tn_status tn_plan_create(tn_plan **out, const tn_graph *g, tn_device *device,
                                           const tn_plan_opts *opts);
TN_API void tn_plan_destroy(tn_plan *plan); /* NULL is fine */

/** Copy a whole input to the device, where it stays until it is set again. All that the plan reads must have been set
 *  before it runs, or that returns TN_ERR_ARGUMENT with the name of one.
 *  @return TN_ERR_SHAPE, TN_ERR_ARGUMENT if it does not fit */
TN_API TN_CHECKED tn_status tn_plan_set(tn_plan *plan, tn_value input, tn_tensor host);

/**
 * In a plan with opts.short_batches: the first so many rows of the batch hold a sample (tn_batch.own), until it is told
 * otherwise; at first all do. The others enter no loss, mean, statistic or gradient. On several devices these are rows of
 * this process.
 */
TN_API TN_CHECKED tn_status tn_plan_set_rows(tn_plan *plan, int64_t rows);

/**
 * Forward in training mode, then backward. TN_ERR_ARGUMENT in a plan without a loss.
 *
 * In a plan with labels (tn_softmax_xent()) rows that hold a sample are all up to the last one whose label, or that of any
 * of its pixels, is not -1: what only fills a batch up comes last, as a loader has it, and enters no loss, mean, count, statistic or gradient.
 * A row with label -1 in front of others is a sample without a label: it is in no loss and in no count, but in the
 * statistics of tn_batchnorm() and in tn_mse().
 *
 * A GPU works on its own: this and tn_plan_update() return when it has been told what to do, and what goes
 * wrong while it does it (a label out of range, a kernel that faults) is the error of a later call, at
 * the latest of the first one that reads a result. No update is made with such a run.
 */
TN_API TN_CHECKED tn_status tn_plan_run(tn_plan *plan);

/** Forward only, in evaluation mode: no dropout, running statistics. Changes no parameter. */
TN_API TN_CHECKED tn_status tn_plan_evaluate(tn_plan *plan);

/**
 * One optimizer step with the gradients of the last run (of the last `accumulate` runs, which is
 * then how many there must have been since the last update: otherwise TN_ERR_ARGUMENT). The rate is
 * finite and not below 0.
 */
TN_API TN_CHECKED tn_status tn_plan_update(tn_plan *plan, float rate);

/**
 * From now on the parameters of a group (tn_plan_opts.groups, from 0) learn at `rate` times their own rate. 0 freezes them:
 * no update changes them, nor what the optimizer keeps for them, until there is another rate. Their gradients are computed
 * all the same, and count in clip_norm; what is never to learn costs nothing by tn_plan_opts.freeze. Checkpoints do not hold it.
 */
TN_API TN_CHECKED tn_status tn_plan_set_rate(tn_plan *plan, int group, float rate);

/** How updates are made now: what tn_plan_opts.optim and clip_norm said, completed, or tn_plan_set_optim() since.
 *  @return TN_ERR_ARGUMENT in a plan without an optimizer */
TN_API TN_CHECKED tn_status tn_plan_optim(const tn_plan *plan, tn_optim_settings *out);

/**
 * From the next update on these hold instead; change the fields of what tn_plan_optim() gave. What the optimizer keeps
 * stays as it is. Costs nothing on a device that replays its steps, but for a clip_norm that was 0 or becomes 0: then
 * they are recorded anew. Of several ranks all call it alike. Checkpoints do not hold it: whoever resumes says it again (runs of
 * run.h do so by themselves).
 *
 * @return TN_ERR_ARGUMENT, and nothing has changed: a number out of its range; a momentum for tn_sgd() that was made
 *         without and so keeps none; a plan without an optimizer, or a dry one
 */
TN_API TN_CHECKED tn_status tn_plan_set_optim(tn_plan *plan, const tn_optim_settings *settings);

/**
 * With opts.ema: from now on the plan's parameters and running statistics are their averages, or again the numbers that are
 * trained: to evaluate, read or save the averages (tn_checkpoint_save_params(), tn_model_of_plan()). Before the
 * first update they are the same. While averages are used training and tn_checkpoint_save() are errors. Plans that have the same
 * weights (weights.h) see the averages too.
 */
TN_API TN_CHECKED tn_status tn_plan_use_average(tn_plan *plan, bool average);

/** Copy a kept value, the loss, or an input back; waits for the device. */
TN_API TN_CHECKED tn_status tn_plan_get(tn_plan *plan, tn_value v, tn_tensor host);

/** Copy the gradient of the loss by an f32 value back: of an input in a plan with opts.input_gradients, of a kept value
 *  with opts.keep_gradients. @return TN_ERR_ARGUMENT also if the loss does not depend on it */
TN_API TN_CHECKED tn_status tn_plan_get_gradient(tn_plan *plan, tn_value v, tn_tensor host);

/** The 2-norm of all gradients in the last update, before clipping; needs opts.clip_norm, gradient_norm or guard. Waits for
 *  the device. */
TN_API TN_CHECKED tn_status tn_plan_gradient_norm(tn_plan *plan, float *norm);

/** Was it made with opts.guard? */
TN_API bool tn_plan_guards(const tn_plan *plan);

/**
 * The sum of a kept scalar (a loss, a count) over all runs and evaluations since it was last asked for, and
 * how many they were, without those that failed; waits for the device. So a program learns how an epoch went without making the device
 * wait in each step.
 */
TN_API TN_CHECKED tn_status tn_plan_take_sum(tn_plan *plan, tn_value v, double *sum, int64_t *runs);
/** The same, and the sum goes on: for who only looks. Checkpoints hold such sums, so that a run that goes on has them. */
TN_API TN_CHECKED tn_status tn_plan_see_sum(tn_plan *plan, tn_value v, double *sum, int64_t *runs);

/** In f16, and with opts.guard: updates left out since a gradient was not finite. And what the loss was scaled by in the last
 *  run: 1 but in f16. Both wait for the device. */
TN_API TN_CHECKED tn_status tn_plan_skipped(tn_plan *plan, int64_t *updates);
TN_API TN_CHECKED tn_status tn_plan_loss_scale(tn_plan *plan, float *scale);

/** What it computes in; never TN_PRECISION_DEFAULT. */
TN_API tn_precision tn_plan_precision(const tn_plan *plan);

/** How many rows its batch has: tn_plan_opts.batch; 0 if no input has a batch, or they do not agree on one. */
TN_API int64_t tn_plan_batch(const tn_plan *plan);

/** Updates made so far, those left out too; a checkpoint restores it. */
TN_API int64_t tn_plan_updates(const tn_plan *plan);

/* ---- parameters --------------------------------------------------------------------------- */

/** A parameter ("conv1.weight", or "embedding" of tn_param()) or a running statistic ("bn1.running_mean"). However many
 *  nodes read it, it is there once. Strings live with the graph. */
typedef struct tn_param_info {
    const char *full_name; /**< "conv1.weight": by which files and tn_plan_find_param() know it */
    const char *node;      /**< the layer that made it, "conv1"; of tn_param(): its full name */
    const char *name;      /**< what it is there, "weight"; of tn_param(): "" */
    tn_shape shape;        /**< canonical */
    bool trained;          /**< false: frozen, or a statistic */
} tn_param_info;

/** What tn_plan_param_get() reads: the numbers themselves, their gradient, what the optimizer
 *  keeps for them (TN_PARAM_SLOT + i: momentum, or m and v), or their average (tn_plan_opts.ema). */
typedef enum tn_param_part {
    TN_PARAM_AVERAGE = -2,
    TN_PARAM_VALUE = 0,
    TN_PARAM_GRADIENT,
    TN_PARAM_SLOT
} tn_param_part;

TN_API int tn_plan_num_params(const tn_plan *plan);
TN_API TN_CHECKED tn_status tn_plan_param(const tn_plan *plan, int index, tn_param_info *out);
/** @return the index of the parameter with that full name, or -1. */
TN_API int tn_plan_find_param(const tn_plan *plan, const char *full_name);

/** Copy one part of a parameter out or in: f32, canonical layout and shape. Waits for the device.
 *  @return TN_ERR_ARGUMENT if the plan keeps no such part (a statistic has only its value). */
TN_API TN_CHECKED tn_status tn_plan_param_get(tn_plan *plan, int index, int part, tn_tensor host);
TN_API TN_CHECKED tn_status tn_plan_param_set(tn_plan *plan, int index, int part, tn_tensor host);

/** What became of a parameter in a plan that was made with `from`. */
typedef enum tn_from {
    TN_FROM_NOWHERE,     /**< the plan was made without one */
    TN_FROM_TAKEN,       /**< it began as the model's */
    TN_FROM_NEW,         /**< the model has none of that name */
    TN_FROM_OTHER_SHAPE, /**< of another shape: it began as ever */
    TN_FROM_LEFT         /**< the model has it, and the plan does not */
} tn_from;

/** The full names ("conv1.weight") of those, in the plan's order. @return NULL past the last */
TN_API const char *tn_plan_from(const tn_plan *plan, tn_from which, int index);

/* ---- what was planned --------------------------------------------------------------------- */

/** Bytes the plan takes on its device, exact, known before anything runs. */
typedef struct tn_memory_plan {
    size_t params;    /**< parameters and running statistics */
    size_t gradients; /**< of parameters, and their sum if accumulating */
    size_t optimizer; /**< what the optimizer keeps, and averages; statistics that a guard keeps */
    size_t
        activations; /**< values, their gradients, what kernels save and their working memory, laid
                             out by lifetime */
    size_t inputs;   /**< the part of activations that the program sets */
    size_t scratch;  /**< the working memory of the step that needs most, part of activations */
    size_t total; /**< parameters, gradients, optimizer, activations and what is kept of weights */
    size_t
        kept; /**< what kernels keep of weights, see tn_plan_opts.kept_weights; without what other plans have already */
} tn_memory_plan;
TN_API tn_memory_plan tn_plan_memory(const tn_plan *plan);

/** What a step belongs to. */
typedef enum tn_pass {
    TN_PASS_FORWARD,
    TN_PASS_BACKWARD,
    TN_PASS_ADD,   /**< gradients that meet, or those of several runs, are added up */
    TN_PASS_TALLY, /**< a kept scalar is added to its sum, for tn_plan_take_sum() */
    TN_PASS_UPDATE /**< the optimizer, all parameters at once */
} tn_pass;

/** @return "forward", "backward", "add", "tally", "update"; NULL for a value that is not a tn_pass. */
TN_API const char *tn_pass_name(tn_pass pass);

/**
 * One step of a plan. Strings live with the plan.
 *
 * Bytes are those of the tensors in the device's own layouts, each counted once: x, y, parameters, gradients
 * and what is kept from forward to backward. FLOPs are those of the operation as its formula has it; a
 * multiply and an add are two.
 */
typedef struct tn_step_info {
    tn_pass pass;
    const char *node;   /**< "conv1"; of an add or a tally, the node whose output it is about */
    const char *op;     /**< "conv2d", "reorder" (from one layout to another), "add", "sgd" */
    const char *fused;  /**< what is done in the same pass, "relu", "pool2d+relu"; NULL: nothing */
    const char *kernel; /**< who does it, as its kernel says; forward and backward in one text */
    const char *refusals; /**< why kernels that would have come before it refused; NULL: none did */
    const char *x_layout, *y_layout; /**< of the node's first input and output; "-": canonical */
    tn_shape y;
    double flops;
    size_t read, written;
    size_t scratch; /**< bytes of working memory */
} tn_step_info;

/** Steps in the order they run: forward, sums of kept scalars, and in a plan with a loss backward and the
 *  update. Evaluation does the steps before the first backward one. */
TN_API int tn_plan_num_steps(const tn_plan *plan);
TN_API TN_CHECKED tn_status tn_plan_step(const tn_plan *plan, int index, tn_step_info *out);

/**
 * The larger of FLOPs / peak rate and bytes / peak bandwidth of a step, with the rates of
 * tn_device_rates(): a lower bound of its time, never a forecast. Starting it takes time that is not in it,
 * and nothing runs at peak rates. What can be faster all the same: a step that finds its input in a cache,
 * and a convolution by a method that needs fewer operations than the formula (Winograd's, Fourier's).
 * @return what tn_device_rates() returns
 */
TN_API TN_CHECKED tn_status tn_plan_lower_bound(const tn_plan *plan, int index, double *seconds);

/**
 * Does what tn_plan_run() and tn_plan_update() do (without a loss: tn_plan_evaluate()), and measures each
 * step: seconds[i] of step i, as many as tn_plan_num_steps(). It waits for the device after each, so that
 * on a GPU each has its launch and a wait in it, some microseconds: they tell which steps are long, but
 * their sum is more than a step of training takes. Without an optimizer `rate` is not looked at.
 * @return TN_ERR_ARGUMENT in a plan that accumulates, or where run and update return it
 */
TN_API TN_CHECKED tn_status tn_plan_profile(tn_plan *plan, float rate, double *seconds);

/** Floating point operations of one forward, and of one forward and backward pass. A multiply and
 *  an add are two. */
TN_API void tn_plan_flops(const tn_plan *plan, double *forward, double *training);

/** TEXT: a table, a line a step: what tn_plan_step() tells. DOT: for Graphviz. SHARES: a line on how several
 *  devices share the batch and what connects them; nothing of one device. */
typedef enum tn_describe_format {
    TN_DESCRIBE_TEXT,
    TN_DESCRIBE_DOT,
    TN_DESCRIBE_SHARES
} tn_describe_format;
TN_API TN_CHECKED tn_status tn_plan_describe(const tn_plan *plan, tn_describe_format format,
                                             FILE *to);

#ifdef __cplusplus
}
#endif
#endif
