/*
 * LeNet: LeCun et al. 1998, as Caffe's examples/mnist/lenet: conv 20 5/1, pool 2, conv 50 5/1, pool 2, dense 500, relu,
 * classes; Xavier; pixels divided by 256; bias rates doubled.
 */
#include "nets.h"

tn_value net_lenet(tn_graph *g, tn_value x, int classes)
{
    const tn_param_opts weight = {.init = {.kind = TN_INIT_XAVIER}}, bias = {.rate = 2};
    const tn_pool2d_opts pool = {.kernel = {2}};
    tn_conv2d_opts conv = {
        .name = "conv1", .filters = 20, .kernel = {5}, .weight = weight, .bias = bias};
    x = tn_pool2d(g, tn_conv2d(g, x, &conv), &pool);
    conv.name = "conv2";
    conv.filters = 50;
    x = tn_pool2d(g, tn_conv2d(g, x, &conv), &pool);
    tn_dense_opts dense = {.name = "ip1", .units = 500, .weight = weight, .bias = bias};
    x = tn_relu(g, tn_dense(g, x, &dense), NULL);
    dense.name = "ip2";
    dense.units = classes;
    return tn_dense(g, x, &dense);
}
