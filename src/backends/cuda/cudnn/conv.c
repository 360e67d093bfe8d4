#include "backends/cuda/cudnn/conv.h"

bool tn_cudnn_sums_asked(const tn_backend_device *d, const tn_node *n, const tn_binding *b)
{
    enum { ALIGNED = 4 }; /* the sums of squares stand behind the others */
    /* Such a y is read in 10 us at 3.35 TB/s, or still lies in the cache: 100,000 steps and more until what this saves is as much as
     * a second of compiling. */
    const size_t worth = d->opts.sums_all ? 0 : (size_t)32 << 20;
    return b->wants_sums && d->opts.sums && !d->opts.cudnn_all && !d->opts.deterministic &&
           n->num_params == 1 && !n->post[0] && n->y[0].dim[1] % ALIGNED == 0 &&
           ((const tn_conv2d_opts *)n->opts)->groups == 1 &&
           tn_cudnn_y_bytes(n, tn_cuda_type_of(b->precision)) >= worth;
}

tn_cudnn_graph tn_cudnn_plain_graph(const tn_cudnn_conv_shapes *s)
{
    tn_cudnn_graph g = {0};
    const int x = tn_cudnn_add_nhwc(&g, s->type, s->x, s->x_pitch);
    const int w = tn_cudnn_add_nhwc(&g, s->type, s->w, 0);
    const int y = tn_cudnn_add_nhwc(&g, s->type, s->y, s->y_pitch);
    tn_cudnn_add(&g,
                 &(tn_cudnn_op){.kind = &tn_cudnn_conv, .tensor = {x, w, y}, .window = s->window});
    return g;
}

tn_cudnn_graph tn_cudnn_summed_graph(const tn_cudnn_conv_shapes *s)
{
    tn_cudnn_graph g = tn_cudnn_plain_graph(s);
    const int y = g.tensors, sums = tn_cudnn_add_nhwc(&g, TN_F32, s->add, 0),
              squares = tn_cudnn_add_nhwc(&g, TN_F32, s->add, 0);
    tn_cudnn_add(&g, &(tn_cudnn_op){.kind = &tn_cudnn_sums, .tensor = {y, sums, squares}});
    return g;
}

static void add_pointwise(tn_cudnn_graph *g, cudnnPointwiseMode_t mode, int x, int b, int y)
{
    tn_cudnn_add(
        g, &(tn_cudnn_op){.kind = &tn_cudnn_pointwise, .tensor = {x, b, y}, .mode = (int)mode});
}

tn_cudnn_graph tn_cudnn_fused_graph(const tn_cudnn_conv_shapes *s)
{
    tn_cudnn_graph g = {0};
    const int x = tn_cudnn_add_nhwc(&g, s->type, s->x, s->x_pitch);
    const int w = tn_cudnn_add_nhwc(&g, s->type, s->w, 0);
    const int z = s->z ? tn_cudnn_add_nhwc(&g, s->type, s->y, s->y_pitch) : 0;
    const int bias = tn_cudnn_add_nhwc(&g, s->type, s->add, 0);
    const int product = tn_cudnn_add_virtual(&g, s->y);
    const int with_z = s->z ? tn_cudnn_add_virtual(&g, s->y) : product;
    const int sum = s->relu ? tn_cudnn_add_virtual(&g, s->y) : 0;
    const int y = tn_cudnn_add_nhwc(&g, s->type, s->y, s->y_pitch);
    tn_cudnn_add(
        &g, &(tn_cudnn_op){.kind = &tn_cudnn_conv, .tensor = {x, w, product}, .window = s->window});
    if (z)
        add_pointwise(&g, CUDNN_POINTWISE_ADD, product, z, with_z);
    add_pointwise(&g, CUDNN_POINTWISE_ADD, with_z, bias, s->relu ? sum : y);
    if (s->relu)
        add_pointwise(&g, CUDNN_POINTWISE_RELU_FWD, sum, 0, y);
    return g;
}

tn_cudnn_graph tn_cudnn_dgrad_graph(const tn_cudnn_conv_shapes *s)
{
    tn_cudnn_graph g = {0};
    const int dz = tn_cudnn_add_nhwc(&g, s->type, s->y, s->y_pitch);
    const int w = tn_cudnn_add_nhwc(&g, s->type, s->w, 0);
    const int dx = tn_cudnn_add_nhwc(&g, s->type, s->x, s->x_pitch);
    tn_cudnn_add(&g, &(tn_cudnn_op){.kind = &tn_cudnn_dgrad,
                                    .tensor = {dz, w, dx},
                                    .adds = s->adds,
                                    .window = s->window});
    return g;
}

tn_cudnn_graph tn_cudnn_wgrad_graph(const tn_cudnn_conv_shapes *s)
{
    tn_cudnn_graph g = {0};
    const int x = tn_cudnn_add_nhwc(&g, s->type, s->x, s->x_pitch);
    const int dz = tn_cudnn_add_nhwc(&g, s->type, s->y, s->y_pitch);
    const int dw = tn_cudnn_add_nhwc(&g, s->type, s->w, 0);
    tn_cudnn_add(
        &g, &(tn_cudnn_op){.kind = &tn_cudnn_wgrad, .tensor = {x, dz, dw}, .window = s->window});
    return g;
}
