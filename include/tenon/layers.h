/**
 * @file
 * Layers: each call adds one node to a graph and returns its output.
 *
 * Options are structs with designated initialisers. A field left zero is its default; TN_ZERO says 0 where that is legal
 * and not the default; a pair {vertical, horizontal} may be given as one number: options.h has the rule. NULL options
 * mean all defaults where the layer allows it. `name` (copied) is how errors, descriptions and checkpoints
 * call the node ("conv1" keeps its weights as "conv1.weight"); without one it is the operation and a
 * number, "conv2d2". Errors are sticky, see graph.h: TN_ERR_SHAPE where shapes do not fit,
 * TN_ERR_ARGUMENT for options out of range.
 *
 * Letters: N batch, C H W channels, height, width of x; K filters; R S window; P Q height and width
 * of y; G groups.
 *
 * Threads: as graph.h has it; layers of different graphs may be added at once.
 */
#ifndef TENON_LAYERS_H
#define TENON_LAYERS_H

#include <stdbool.h>

#include <tenon/graph.h>
#include <tenon/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- input -------------------------------------------------------------------------------- */

/**
 * y[n,c,h,w] = (x[n,h,w,c] - mean[c]) * scale[c].   x: u8, N x H x W x C, C <= 4;  y: f32, N x C x H x W.
 *
 * The first node of a network on images: it takes the loader's bytes, so that preprocessing is part
 * of the model, the same in training and deployment. Defaults: mean 0, scale 1.
 */
typedef struct tn_image_input_opts {
    const char *name;
    float mean[4];  /**< in units of x, 0 to 255 */
    float scale[4]; /**< e.g. 1 / (255 * 0.229) */
} tn_image_input_opts;
TN_API tn_value tn_image_input(tn_graph *g, tn_value x, const tn_image_input_opts *opts);

/* ---- layers with parameters --------------------------------------------------------------- */

/**
 * y[n,k,p,q] = bias[k] + sum over c,r,s of weight[k,c,r,s] * x[n,c, p*stride + r*dilation - pad, ...].
 *
 * x: N x C x H x W;  weight: K x C/groups x R x S;  bias: K;  y: N x K x P x Q with
 * P = floor((H + 2 pad + pad_extra - dilation (R - 1) - 1) / stride) + 1. Outside of x counts as 0.
 * A tn_relu() right after it is computed in the same pass.   Source: arXiv:1410.0759, section 2.
 */
typedef struct tn_conv2d_opts {
    const char *name;
    int filters;   /**< K; required */
    int kernel[2]; /**< R, S; required */
    int stride[2]; /**< default 1 */
    int pad[2]; /**< default 0; above and left, and as much below and right; given as one number if
                          the kernel is */
    int pad_extra
        [2]; /**< so much more below and right, or less if below 0; default 0; one number as pad */
    int dilation[2]; /**< default 1: taps next to each other */
    int groups;      /**< default 1; divides C and K */
    bool no_bias;
    tn_param_opts weight, bias;
} tn_conv2d_opts;
TN_API tn_value tn_conv2d(tn_graph *g, tn_value x, const tn_conv2d_opts *opts);

/**
 * The adjoint of a convolution: each pixel of x adds weight times itself to a window of y, windows `stride` apart.
 *
 * y[n,k, p*stride + r*dilation - pad, ...] = bias[k] + sum over c,p,r,s so placed of weight[c,k,r,s] * x[n,c,p,...].
 * x: N x C x H x W;  weight: C x K/groups x R x S;  bias: K;  y: N x K x P x Q with
 * P = (H - 1) stride - 2 pad + dilation (R - 1) + 1 + output_pad. So y has the size that a tn_conv2d() with the same
 * numbers makes x of, which `output_pad` chooses where several do.   Source: Zeiler et al. 2010, "deconvolution".
 */
typedef struct tn_conv_transpose2d_opts {
    const char *name;
    int filters;   /**< K; required */
    int kernel[2]; /**< R, S; required */
    int stride[2]; /**< default 1 */
    int pad
        [2]; /**< default 0; so much of y is cut off on all four sides; given as one number if the kernel is */
    int output_pad
        [2]; /**< so many rows and columns more below and right, or fewer if below 0; below the stride; default
                              0; one number as pad */
    int dilation[2]; /**< default 1: taps next to each other */
    int groups;      /**< default 1; divides C and K */
    bool no_bias;
    tn_param_opts weight, bias;
} tn_conv_transpose2d_opts;
TN_API tn_value tn_conv_transpose2d(tn_graph *g, tn_value x, const tn_conv_transpose2d_opts *opts);

/**
 * y[n,k] = bias[k] + sum over d of weight[k,d] * x[n,d].
 *
 * x: N x anything, taken as N x D (D = product of the rest);  weight: K x D;  bias: K;  y: N x K.
 * A tn_relu() right after it is computed in the same pass.
 */
typedef struct tn_dense_opts {
    const char *name;
    int units; /**< K; required */
    bool no_bias;
    tn_param_opts weight, bias;
} tn_dense_opts;
TN_API tn_value tn_dense(tn_graph *g, tn_value x, const tn_dense_opts *opts);

/**
 * y = weight[c] * (x - mean[c]) / sqrt(var[c] + epsilon) + bias[c].   x, y: N x C x H x W or N x C.
 *
 * In training mean and (biased) variance are those of the batch, and the running ones move towards
 * it: running = (1 - momentum) * running + momentum * batch, the variance there unbiased, as in
 * PyTorch. In evaluation the running ones are used. Parameters: weight, bias; kept and saved but not
 * trained: running_mean, running_var.   Source: Ioffe and Szegedy 2015, arXiv:1502.03167.
 *
 * With weight and bias both frozen the layer is frozen, as in PyTorch one in eval mode: training too uses the running
 * statistics, and they stay what they are.
 *
 * The batch is its rows that hold a sample (tn_plan_run()): in training those behind them enter no mean and no
 * variance, and y and dx are 0 there. Where a run has one element a channel, its variance is 0 and the running
 * statistics stay; a batch that never has more cannot be planned for training.
 */
typedef struct tn_batchnorm_opts {
    const char *name;
    float epsilon;  /**< above 0; default 1e-5 */
    float momentum; /**< in [0, 1]; default 0.1; TN_ZERO: the running ones stay as they are */
    tn_param_opts weight, bias;
} tn_batchnorm_opts;
TN_API tn_value tn_batchnorm(tn_graph *g, tn_value x, const tn_batchnorm_opts *opts);

typedef enum tn_norm_kind {
    TN_NORM_LAYER,    /**< the last `dims` dimensions together: D of N x T x D */
    TN_NORM_INSTANCE, /**< each channel of each image: H x W of N x C x H x W */
    TN_NORM_GROUP     /**< `groups` groups of as many channels each, of each image */
} tn_norm_kind;

/**
 * y = weight * (x - mean) / sqrt(var + epsilon) + bias, mean and (biased) variance over what `kind` says.
 *
 * x, y: the same shape; weight, bias: of layer norm, the last `dims` dimensions; else C, of N x C x anything. All is of
 * one sample: training and evaluation compute the same, no statistics are kept, and the batch may be of any size.
 * Sources: layer Ba et al. 2016, arXiv:1607.06450; instance Ulyanov et al. 2016, arXiv:1607.08022; group Wu and He 2018,
 * arXiv:1803.08494.
 */
typedef struct tn_normalize_opts {
    const char *name;
    tn_norm_kind kind; /**< default layer */
    int dims;          /**< of layer norm; default 1; at least one dimension is left */
    int groups;        /**< of group norm; divides C; required there */
    float epsilon;     /**< above 0; default 1e-5 */
    bool no_weight;    /**< weight is 1: as in PyTorch without `affine` */
    bool no_bias;      /**< bias is 0 */
    tn_param_opts weight, bias;
} tn_normalize_opts;
TN_API tn_value tn_normalize(tn_graph *g, tn_value x, const tn_normalize_opts *opts);

/* ---- layers without parameters ------------------------------------------------------------ */

typedef enum tn_pool_kind {
    TN_POOL_MAX,  /**< the largest, or NaN if there is one; the first of equals gets the gradient */
    TN_POOL_MEAN, /**< mean over the taps inside x */
    TN_POOL_MEAN_PAD /**< sum over the taps inside x, divided by those inside x and its padding */
} tn_pool_kind;

/**
 * The largest or the mean of each window.   x: N x C x H x W;  y: N x C x P x Q.
 *
 * P = floor((H + 2 pad + pad_extra - dilation (R - 1) - 1) / stride) + 1, or rounded up with `ceil`, as Caffe does: a last
 * window may then reach past the padding, and one that would begin past the image is dropped.
 */
typedef struct tn_pool2d_opts {
    const char *name;
    tn_pool_kind kind;
    int kernel[2]; /**< required, unless global */
    int stride[2]; /**< default: the kernel */
    int pad
        [2]; /**< default 0; less than what a window spans, the kernel if it is not dilated; above and left, and as much below
                        and right; given as one number if the kernel is */
    int pad_extra
        [2];     /**< so much more below and right, where it is less than the kernel too, or less if
                           below 0; default 0; one number as pad */
    bool ceil;   /**< round P and Q up */
    bool global; /**< one window over all of H x W; no other number may be given */
    int dilation[2]; /**< default 1: taps next to each other */
} tn_pool2d_opts;
TN_API tn_value tn_pool2d(tn_graph *g, tn_value x, const tn_pool2d_opts *opts);

/**
 * y = x / (k + alpha / size * sum over size neighbouring channels of x^2) ^ beta.
 *
 * x, y: N x C x H x W. Channels outside of x count as 0. Defaults size 5, alpha 1e-4, beta 0.75, k 1
 * (Caffe's; Krizhevsky et al. 2012, section 3.3, writes alpha without "/ size": k 2, alpha 5e-4).
 */
typedef struct tn_lrn_opts {
    const char *name;
    int size;          /**< odd */
    float alpha, beta; /**< not below 0 */
    float k;           /**< above 0 */
} tn_lrn_opts;
TN_API tn_value tn_lrn(tn_graph *g, tn_value x, const tn_lrn_opts *opts);

/**
 * In training y = 0 with probability `rate`, else x / (1 - rate); in evaluation y = x. Any shape.
 *
 * Which elements go is a function of (plan seed, node, step, element) alone: the same for any number
 * of threads and on every backend.   Source: Srivastava et al. 2014, "inverted".
 */
typedef struct tn_dropout_opts {
    const char *name;
    float rate; /**< in [0, 1); 0 drops nothing. NULL options are an error */
} tn_dropout_opts;
TN_API tn_value tn_dropout(tn_graph *g, tn_value x, const tn_dropout_opts *opts);

/** Inputs, any number of them, one after the other along an axis; the other dimensions are the same. More than 32 are joined
 *  in several steps, the first of them by the name and "_0", "_1" and so on. */
typedef struct tn_concat_opts {
    const char *name;
    int axis; /**< default 1, channels; TN_ZERO: 0; -1: the last */
} tn_concat_opts;
TN_API tn_value tn_concat(tn_graph *g, int count, const tn_value *x, const tn_concat_opts *opts);

/** N x anything becomes N x D. Moves nothing. */
TN_API tn_value tn_flatten(tn_graph *g, tn_value x, const tn_layer_opts *opts);

/**
 * y = exp(x) / sum over the axis of exp(x), without overflow.   x, y: any shape, the same.
 *
 * tn_log_softmax() gives the logarithm of that, y = x - log(sum of exp(x)): of a y so small that softmax has 0 it still
 * knows how small. Where x has NaN or plus infinity, or minus infinity alone, all of that line along the axis is NaN.
 */
typedef struct tn_softmax_opts {
    const char *name;
    int axis; /**< default 1, K of N x K and channels of images; TN_ZERO: the first; -1: the last */
} tn_softmax_opts;
TN_API tn_value tn_softmax(tn_graph *g, tn_value x, const tn_softmax_opts *opts);
TN_API tn_value tn_log_softmax(tn_graph *g, tn_value x, const tn_softmax_opts *opts);

/* ---- losses ------------------------------------------------------------------------------- */

/** What tn_softmax_xent_weighted() is given beside logits and labels. */
typedef enum tn_xent_weights {
    TN_XENT_PLAIN,
    TN_XENT_ROWS,    /**< a weight for each label */
    TN_XENT_CLASSES, /**< a weight for each class */
    TN_XENT_BOTH
} tn_xent_weights;

/**
 * Cross entropy of softmax(logits) against class numbers, the mean over the batch; and how many of
 * the batch were right, from the same pass.
 *
 * logits: N x K, f32;  labels: N, i32, in [0, K), or -1: that row is left out of the loss, of the
 * mean's divisor and of the counts. Any other label makes the run fail with TN_ERR_ARGUMENT and its
 * row and value in tn_error(). A batch of only -1 has loss 0. With label_smoothing e the target is
 * (1 - e) on the label plus e / K everywhere, as in PyTorch.
 *
 * So it is for each pixel: logits N x K x H x W (or K x anything) with labels N x H x W. Means and counts then are over
 * pixels, and what is said of a row holds of a pixel.
 */
typedef struct tn_softmax_xent_opts {
    const char *name;
    float label_smoothing;   /**< in [0, 1) */
    int top_k;               /**< what `top_k` counts; default 5, at most K is taken */
    tn_xent_weights weights; /**< tn_softmax_xent_weighted() sets it: what it was given */
} tn_softmax_xent_opts;

/** A loss and what is counted beside it: all scalars, readable with tn_plan_get(). */
typedef struct tn_loss {
    tn_value loss; /**< f32 */
    tn_value
        top_1; /**< i32: rows whose largest logit is the label's (ties go to the lower class) */
    tn_value top_k; /**< i32: rows whose label is among the top_k largest */
} tn_loss;
TN_API tn_loss tn_softmax_xent(tn_graph *g, tn_value logits, tn_value labels,
                               const tn_softmax_xent_opts *opts);

/**
 * The same with weights, either of which may be the zero handle, (tn_value){0}: none.
 *
 * rows: f32, of the labels' shape: multiplies the loss of each, and has a gradient. The mean divides by as much as without:
 * weights of a mean of 1 leave the scale of the loss.
 * classes: f32, K: multiplies the loss by the label's, and the mean divides by the sum of those in place of the count:
 * PyTorch's weighted mean. They have no gradient, and a plan on several devices, which share the batch, refuses them
 * (TN_ERR_UNSUPPORTED); where an update takes several runs, each weighs by its labels' number. The counts are not weighted.
 */
TN_API tn_loss tn_softmax_xent_weighted(tn_graph *g, tn_value logits, tn_value labels,
                                        tn_value rows, tn_value classes,
                                        const tn_softmax_xent_opts *opts);

/**
 * The cross entropy of rows that are mixed of two: shares * that of labels + (1 - shares) * that of partners, the mean over the
 * labels; which is that against targets shares on one class and 1 - shares on the other (both smoothed, if opts say so). Two
 * softmax_xent and their sum. The counts are those of labels.
 *
 * labels, partners: N (or as of pixels), i32, both -1 or neither;  shares: f32, N, in [0, 1]: a loader's batch has them
 * (tn_loader_opts.mixup). To evaluate, shares are 1 and partners anything that labels may be: the loss then is that of labels.
 * Source: Zhang et al. 2018, arXiv:1710.09412.
 */
TN_API tn_loss tn_softmax_xent_mixed(tn_graph *g, tn_value logits, tn_value labels,
                                     tn_value partners, tn_value shares,
                                     const tn_softmax_xent_opts *opts);

/** What tn_nll() gives. */
typedef struct tn_nll_loss {
    tn_value
        losses; /**< -w x[label] of each label, 0 of one that is left out; of the labels' shape */
    tn_value weights; /**< w of each, 0 of one that is left out; no gradient goes through it */
} tn_nll_loss;

/**
 * Negative log likelihood: of each label what stands in its place, times -w.   x: f32, N x K x anything, logarithms of
 * probabilities, as tn_log_softmax() makes them;  labels: i32, N x anything;  classes, if not the zero handle: w of each class,
 * f32, K, else 1.
 *
 * Nothing is added up: tn_reduce() makes a sum or a mean of the losses, and their sum divided by that of the weights is PyTorch's
 * mean. Where that mean is wanted of logits, tn_softmax_xent() does it in one pass and counts, too. A label that is neither in
 * [0, K) nor the one that is left out makes the run fail with TN_ERR_ARGUMENT. Weights of classes have no gradient.
 */
typedef struct tn_nll_opts {
    const char *name;
    int ignore; /**< the label that is left out; default -1; TN_ZERO: 0 */
} tn_nll_opts;
TN_API tn_nll_loss tn_nll(tn_graph *g, tn_value x, tn_value labels, tn_value classes,
                          const tn_nll_opts *opts);

/** Mean over all elements of (x - target)^2, a scalar.   x, target: f32, the same shape. In a plan that has labels,
 *  over those of rows that hold a sample (tn_plan_run()). */
TN_API tn_value tn_mse(tn_graph *g, tn_value x, tn_value target, const tn_layer_opts *opts);
/** Mean of |x - target|; otherwise as tn_mse(). */
TN_API tn_value tn_l1(tn_graph *g, tn_value x, tn_value target, const tn_layer_opts *opts);

/** Mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = x - target; otherwise as tn_mse().
 *  With delta 1 it is PyTorch's smooth L1.   Source: Huber 1964. */
typedef struct tn_huber_opts {
    const char *name;
    float delta; /**< above 0; default 1 */
} tn_huber_opts;
TN_API tn_value tn_huber(tn_graph *g, tn_value x, tn_value target, const tn_huber_opts *opts);

/** Cross entropy of yes and no: mean of -(w t log p + (1 - t) log(1 - p)), p = 1 / (1 + exp(-x)), without overflow; x are
 *  logits, targets t in [0, 1]. Otherwise as tn_mse(). */
typedef struct tn_binary_xent_opts {
    const char *name;
    float
        positive_weight; /**< w, above 0; default 1; above that, a yes that is missed costs more */
} tn_binary_xent_opts;
TN_API tn_value tn_binary_xent(tn_graph *g, tn_value x, tn_value target,
                               const tn_binary_xent_opts *opts);

#ifdef __cplusplus
}
#endif

#include <tenon/layers/elementwise.h>

#endif
