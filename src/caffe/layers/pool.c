/* Pooling: rounded up, as Caffe has it, and means over the padding too. */
#include <tenon/layers.h>

#include "caffe/import.h"

static void read_pair(const tn_proto *p, int number, int height, int width, int64_t fallback,
                      int64_t out[2])
{
    const int64_t both = tn_proto_int(p, number, fallback);
    out[0] = tn_proto_int(p, height, both);
    out[1] = tn_proto_int(p, width, both);
}

static bool in_range(const int64_t pair[2], int64_t least)
{
    return pair[0] >= least && pair[0] < 65536 && pair[1] >= least && pair[1] < 65536;
}

/* ceil_mode is a fork's word for it. */
static bool rounds_up(const tn_proto *p)
{
    return tn_proto_has(p, POOL_CEIL) ? tn_proto_int(p, POOL_CEIL, 1) != 0
                                      : tn_proto_int(p, POOL_ROUND, 0) == 0;
}

static tn_status add(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_POOL);
    int64_t kernel[2], stride[2], pad[2];
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    const int64_t kind = tn_proto_int(&p, POOL_KIND, 0);
    tn_pool2d_opts opts = {.name = l->name, .kind = kind ? TN_POOL_MEAN_PAD : TN_POOL_MAX};
    read_pair(&p, POOL_KERNEL, POOL_KERNEL_H, POOL_KERNEL_W, 0, kernel);
    read_pair(&p, POOL_STRIDE, POOL_STRIDE_H, POOL_STRIDE_W, 1, stride);
    read_pair(&p, POOL_PAD, POOL_PAD_H, POOL_PAD_W, 0, pad);
    if (kind > 1)
        return tn_caffe_refuse(c, l, "stochastic pooling is not known");
    if (l->num_tops > 1)
        return tn_caffe_refuse(c, l, "the places of the largest are not given out");
    opts.global = tn_proto_int(&p, POOL_GLOBAL, 0);
    if (!opts.global && (!in_range(kernel, 1) || !in_range(stride, 1) || !in_range(pad, 0)))
        return tn_caffe_refuse(c, l, "its window, stride or padding is out of range");
    for (int i = 0; i < 2 && !opts.global; i++) {
        opts.kernel[i] = (int)kernel[i];
        opts.stride[i] = (int)stride[i];
        opts.pad[i] = (int)pad[i];
    }
    opts.ceil = !opts.global && rounds_up(&p);
    return tn_caffe_top(c, l, 0, tn_pool2d(c->g, x, &opts));
}

const tn_caffe_kind tn_caffe_pool = {{{"Pooling", add}}};
