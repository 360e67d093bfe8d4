/*
 * AlexNet in the three forms that people mean by it, and a slim one for small machines.
 *
 *              conv1     conv2    conv3 conv4 conv5  groups  LRN                 start
 *     torchvision 64 11/4  192 5/1  384   256   256    1     none                He et al., dense smaller
 *     caffe       96 11/4  256 5/1  384   384   256    2     k 1, alpha 1e-4     normal 0.01, 0.005
 *     2012        96 11/4  256 5/1  384   384   256    2     k 2, alpha 5e-4     normal 0.01
 *
 * Each convolution is followed by relu; max pooling 3/2 follows 1, 2 and 5; then dense 4096, 4096 and
 * the classes, with dropout 0.5.
 *
 * torchvision: Krizhevsky 2014, arXiv:1404.5997, as torchvision.models.alexnet has it, but begun as
 * torchvision begins VGG: convolutions by He et al., dense layers smaller (uniform, 1 / sqrt(fan_in)). He's
 * deviation for both makes the first logits so large that the first steps kill the network at any useful
 * rate; PyTorch's own for both, smaller by sqrt(6), learns nothing for the first epochs.
 *
 * caffe: BVLC's models/bvlc_alexnet, its rates and decays of biases too. 2012: Krizhevsky, Sutskever,
 * Hinton 2012. Both compute conv, relu, LRN, pooling in this order, as sections 3.3 and 3.5 of the
 * paper say (CaffeNet, which pools before LRN, is a third one). The paper divides by
 * (2 + 1e-4 * sum)^0.75, Caffe by (1 + 1e-4 / 5 * sum)^0.75: with tn_lrn's "alpha / size" the paper's
 * alpha is 5e-4. The paper starts every weight at 0.01 and the biases of conv2, 4, 5 and the hidden
 * dense layers at 1; Caffe starts fc6 and fc7 at 0.005 and those biases at 0.1, since "initialization
 * to 1 gave flat loss" (models/bvlc_alexnet/readme.md), as it does here: 2012 takes 0.1 too. Both take
 * pixels 0 to 255 with the mean taken off, RGB here.
 */
#include "nets.h"

static const tn_pool2d_opts overlapping = {.kernel = {3}, .stride = {2}};

/* ---- torchvision, slim ------------------------------------------------------------------------ */

static tn_value conv_relu(tn_graph *g, tn_value x, const tn_conv2d_opts *opts)
{
    return tn_relu(g, tn_conv2d(g, x, opts), NULL);
}

static tn_value dense_relu(tn_graph *g, tn_value x, const tn_dense_opts *opts)
{
    return tn_relu(g, tn_dense(g, x, opts), NULL);
}

/* See torchvision, above. */
static const tn_param_opts calm = {.init = {.kind = TN_INIT_FAN_IN}};

/* Every width divided by `slim`. */
static tn_value torchvision_of(tn_graph *g, tn_value x, int classes, int slim)
{
    x = conv_relu(
        g, x,
        &(tn_conv2d_opts){
            .name = "conv1", .filters = 64 / slim, .kernel = {11}, .stride = {4}, .pad = {2}});
    x = tn_pool2d(g, x, &overlapping);
    x = conv_relu(
        g, x, &(tn_conv2d_opts){.name = "conv2", .filters = 192 / slim, .kernel = {5}, .pad = {2}});
    x = tn_pool2d(g, x, &overlapping);
    x = conv_relu(
        g, x, &(tn_conv2d_opts){.name = "conv3", .filters = 384 / slim, .kernel = {3}, .pad = {1}});
    x = conv_relu(
        g, x, &(tn_conv2d_opts){.name = "conv4", .filters = 256 / slim, .kernel = {3}, .pad = {1}});
    x = conv_relu(
        g, x, &(tn_conv2d_opts){.name = "conv5", .filters = 256 / slim, .kernel = {3}, .pad = {1}});
    x = tn_flatten(g, tn_pool2d(g, x, &overlapping), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop6", .rate = 0.5F});
    x = dense_relu(g, x, &(tn_dense_opts){.name = "fc6", .units = 4096 / slim, .weight = calm});
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop7", .rate = 0.5F});
    x = dense_relu(g, x, &(tn_dense_opts){.name = "fc7", .units = 4096 / slim, .weight = calm});
    return tn_dense(g, x, &(tn_dense_opts){.name = "fc8", .units = classes, .weight = calm});
}

tn_value net_torchvision(tn_graph *g, tn_value x, int classes)
{
    return torchvision_of(g, x, classes, 1);
}

tn_value net_slim(tn_graph *g, tn_value x, int classes)
{
    return torchvision_of(g, x, classes, 8);
}

/* ---- caffe, 2012 ------------------------------------------------------------------------------ */

typedef struct older {
    tn_lrn_opts lrn;
    float hidden_deviation; /* of fc6 and fc7 */
    float bias;             /* of conv2, conv4, conv5, fc6, fc7 */
    tn_param_opts biases;   /* rate and decay of all biases */
} older;

static tn_param_opts normal(float deviation)
{
    return (tn_param_opts){.init = {TN_INIT_NORMAL, deviation}};
}

static tn_param_opts bias_of(const older *o, float value)
{
    tn_param_opts bias = o->biases;
    bias.init = (tn_init){TN_INIT_CONSTANT, value};
    return bias;
}

static tn_value old_conv(tn_graph *g, tn_value x, const older *o, tn_conv2d_opts opts, float bias)
{
    opts.weight = normal(0.01f);
    opts.bias = bias_of(o, bias);
    return conv_relu(g, x, &opts);
}

static tn_value old_hidden(tn_graph *g, tn_value x, const older *o, const char *name,
                           const char *drop)
{
    const tn_dense_opts opts = {.name = name,
                                .units = 4096,
                                .weight = normal(o->hidden_deviation),
                                .bias = bias_of(o, o->bias)};
    return tn_dropout(g, dense_relu(g, x, &opts), &(tn_dropout_opts){.name = drop, .rate = 0.5F});
}

static tn_value old_alexnet(tn_graph *g, tn_value x, int classes, const older *o)
{
    const tn_conv2d_opts conv[5] = {
        {.name = "conv1", .filters = 96, .kernel = {11}, .stride = {4}},
        {.name = "conv2", .filters = 256, .kernel = {5}, .pad = {2}, .groups = 2},
        {.name = "conv3", .filters = 384, .kernel = {3}, .pad = {1}},
        {.name = "conv4", .filters = 384, .kernel = {3}, .pad = {1}, .groups = 2},
        {.name = "conv5", .filters = 256, .kernel = {3}, .pad = {1}, .groups = 2},
    };
    x = tn_lrn(g, old_conv(g, x, o, conv[0], 0), &o->lrn);
    x = tn_pool2d(g, x, &overlapping);
    x = tn_lrn(g, old_conv(g, x, o, conv[1], o->bias), &o->lrn);
    x = tn_pool2d(g, x, &overlapping);
    x = old_conv(g, x, o, conv[2], 0);
    x = old_conv(g, x, o, conv[3], o->bias);
    x = old_conv(g, x, o, conv[4], o->bias);
    x = tn_flatten(g, tn_pool2d(g, x, &overlapping), NULL);
    x = old_hidden(g, x, o, "fc6", "drop6");
    x = old_hidden(g, x, o, "fc7", "drop7");
    const tn_dense_opts last = {
        .name = "fc8", .units = classes, .weight = normal(0.01f), .bias = bias_of(o, 0)};
    return tn_dense(g, x, &last);
}

tn_value net_caffe(tn_graph *g, tn_value x, int classes)
{
    return old_alexnet(g, x, classes,
                       &(older){.lrn = {.size = 5, .alpha = 1e-4f, .beta = 0.75f, .k = 1},
                                .hidden_deviation = 0.005f,
                                .bias = 0.1f,
                                .biases = {.rate = 2, .decay = TN_ZERO}});
}

tn_value net_krizhevsky(tn_graph *g, tn_value x, int classes)
{
    return old_alexnet(g, x, classes,
                       &(older){.lrn = {.size = 5, .alpha = 5e-4f, .beta = 0.75f, .k = 2},
                                .hidden_deviation = 0.01f,
                                .bias = 0.1f});
}
