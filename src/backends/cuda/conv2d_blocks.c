/* conv2d on cuDNN where it is the first of a network: 3 or 4 channels, a window of 11 x 11 or 7 x 7, a stride of 4
 * or 2, and nobody wants dx. With so few channels tensor cores are mostly idle, and cuDNN copies the images into 8
 * channels first, once forward and once backward. So x is put into blocks of stride x stride pixels (the formula
 * stands in kernels/blocks.h), and the convolution of stride 1 that this leaves is cuDNN's again.
 *
 *     X from x, W from w;  y = relu(conv(X, W) + bias)       one graph, as in conv2d_cudnn.c
 *     dz = dy where y > 0; db                                our own kernel, see linear/linear.h
 *     dW = wgrad(X, dz);  dw from dW
 *
 * Saved: X, so that x itself is not needed again. */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/cudnn/conv.h"
#include "backends/cuda/kernels/blocks.h"
#include "backends/cuda/linear/linear.h"

typedef struct conv {
    tn_dtype type;
    bool bias, keep;                                  /* X, for backward */
    bool summed;                                      /* y comes with its sums */
    int64_t side, channels, rows, columns, kernel[2]; /* of X: rows and columns; of W: its window */
    int64_t w_count, blocks_count, block_weights;     /* elements of w, X and W */
    const tn_image_input_opts
        *bytes; /* x is bytes, which become numbers on the way; NULL: it is not */
    tn_cudnn_run y, dw;
    tn_cuda_sums sums;
    size_t x_at, w_at, workspace; /* where in the scratch of forward; x_at: where X is not kept */
    size_t dw_at, back_workspace; /* and of backward */
    char text[160];
} conv;

static void release(void *state)
{
    conv *s = state;
    tn_cudnn_release(&s->y);
    tn_cudnn_release(&s->dw);
    tn_free(s);
}

/* ---- preparing ---------------------------------------------------------------------------- */

static tn_status supports(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t C = n->x[0].dim[1];
    const int side = o->stride[0];
    if ((C == 3 || C == 4) && o->groups == 1 && (side == 2 || side == 4) && o->stride[1] == side &&
        o->kernel[0] > side && o->kernel[1] > side && o->dilation[0] == 1 && o->dilation[1] == 1)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "conv2d %s: only 3 or 4 channels, strides of 2 or 4, windows larger than that, "
                   "no dilation and one group are done in blocks",
                   n->name);
}

static tn_status read_sizes(const tn_backend_device *d, const tn_node *n, const tn_binding *b,
                            conv *s)
{
    enum { ALIGN = 16 };
    const tn_conv2d_opts *o = n->opts;
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim;
    s->type = tn_cuda_type_of(b->precision);
    s->bias = n->num_params > 1;
    s->keep = b->training && b->dw[0];
    s->side = o->stride[0];
    s->channels = x[1];
    if (s->side * s->side * s->channels * (int64_t)tn_dtype_bytes(s->type) % ALIGN)
        s->channels = TNK_BLOCKS_CHANNELS;
    for (int i = 0; i < 2; i++)
        s->kernel[i] = (o->kernel[i] + s->side - 1) / s->side;
    s->rows = y[2] + s->kernel[0] - 1;
    s->columns = y[3] + s->kernel[1] - 1;
    const int64_t depth = s->side * s->side * s->channels;
    s->blocks_count = x[0] * s->rows * s->columns * depth;
    s->block_weights = y[1] * s->kernel[0] * s->kernel[1] * depth;
    s->w_count = tn_cuda_count(b->w[0], &n->param[0].shape);
    if (s->blocks_count / (s->side * s->channels) > INT32_MAX || s->block_weights > INT32_MAX ||
        tn_padded(&n->x[0], o->pad, o->pad_extra, 0) > INT32_MAX ||
        tn_padded(&n->x[0], o->pad, o->pad_extra, 1) > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s on %s: x %s is too large for blocks", n->name,
                       d->name, tn_shape_format(&n->x[0]).text);
    return TN_OK;
}

/* With the sums that what reads it begins with, unless cuDNN refuses, or would make y elsewhere first, or without tensor cores; else
 * with a bias. */
static tn_status prepare_y(tn_backend_device *d, const tn_node *n, tn_binding *b,
                           const tn_cudnn_conv_shapes *shapes, conv *s)
{
    tn_cudnn_graph g = tn_cudnn_summed_graph(shapes);
    if (tn_cudnn_sums_asked(d, n, b)) {
        const tn_status status =
            tn_cudnn_prepare(d, n, b->precision, "convolution with sums", &g, &s->y);
        s->summed = b->gives_sums = status == TN_OK && tn_cudnn_uses_tensor_cores(&s->y) &&
                                    tn_cudnn_workspace(&s->y) < tn_cudnn_y_bytes(n, s->type);
        if (s->summed || (status != TN_OK && status != TN_ERR_UNSUPPORTED))
            return status;
        tn_cudnn_release(&s->y);
    }
    g = tn_cudnn_fused_graph(shapes);
    return tn_cudnn_prepare(d, n, b->precision, "convolution with bias", &g, &s->y);
}

static tn_status prepare_graphs(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const int64_t *y = n->y[0].dim, depth = s->side * s->side * s->channels;
    tn_cudnn_conv_shapes shapes = {
        .type = s->type,
        .relu = tn_has_post(n, TN_POST_RELU),
        .x = {y[0], depth, s->rows, s->columns},
        .w = {y[1], depth, s->kernel[0], s->kernel[1]},
        .y = {y[0], y[1], y[2], y[3]},
        .add = {1, y[1], 1, 1},
        .window = {.size = {s->kernel[0], s->kernel[1]}, .stride = {1, 1}, .dilation = {1, 1}}};
    TN_TRY(prepare_y(d, n, b, &shapes, s));
    tn_cudnn_graph g = tn_cudnn_wgrad_graph(&shapes);
    if (b->dw[0])
        TN_TRY(tn_cudnn_prepare(d, n, b->precision, "gradient of weights", &g, &s->dw));
    tn_cudnn_tell(&s->y, s->summed ? "y+sums" : "y", s->text, sizeof s->text);
    tn_cudnn_tell(&s->dw, "dw", s->text, sizeof s->text);
    const size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "; %dx%d blocks", (int)s->side, (int)s->side);
    return TN_OK;
}

static void lay_out_scratch(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const size_t bytes = tn_dtype_bytes(s->type);
    const int64_t K = n->y[0].dim[1], pixels = tn_elements(&n->y[0]) / K;
    size_t forward = 0, backward = 0;
    const size_t x_bytes = (size_t)s->blocks_count * bytes;
    const size_t w_bytes = (size_t)s->block_weights * bytes;
    s->x_at = tn_cuda_part(s->keep ? &b->saved_bytes : &forward, x_bytes);
    s->w_at = tn_cuda_part(&forward, w_bytes);
    s->workspace = tn_cuda_part(&forward, tn_cudnn_workspace(&s->y));
    if (b->training) {
        s->dw_at = tn_cuda_part(&backward, w_bytes);
        s->back_workspace = tn_cuda_part(&backward, tn_cudnn_workspace(&s->dw));
        s->sums = tn_cuda_sums_plan(d, s->type, pixels, K, tn_has_post(n, TN_POST_RELU), b->dw[1],
                                    &backward);
    }
    b->scratch_bytes = forward > backward ? forward : backward;
    b->forward_more = (tn_moved){x_bytes + w_bytes, w_bytes + (s->keep ? 0 : x_bytes)};
    if (b->training)
        b->backward_more = tn_cuda_sums_moved(&s->sums, b);
    if (b->dw[0]) {
        b->backward_more.read += w_bytes;
        b->backward_more.written += w_bytes;
    }
}

static tn_status prepare_parts(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    if (b->made[0] && strcmp(b->made[0]->op->name, "image_input") == 0) {
        s->bytes = b->made[0]->opts;
        b->does_made[0] = true;
        b->x[0] = NULL;
    } else {
        TN_TRY(tn_cuda_layout_of(d, &n->x[0], tn_cuda_type_of(b->precision), TN_CUDA_NHWC,
                                 TNK_BLOCKS_CHANNELS, &b->x[0]));
    }
    TN_TRY(tn_cuda_layout_of(d, &n->param[0].shape, TN_F32, TN_CUDA_NHWC, TNK_BLOCKS_CHANNELS,
                             &b->w[0]));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    TN_TRY(read_sizes(d, n, b, s));
    TN_TRY(prepare_graphs(d, n, b, s));
    lay_out_scratch(d, n, b, s);
    b->backward_reads_y = tn_has_post(n, TN_POST_RELU);
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (!d->cudnn || b->dx[0])
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s on %s: %s", n->name, d->name,
                       d->cudnn ? "a gradient of x is wanted" : "there is no cuDNN, or it is off");
    if (n->num_params < 2 && (size_t)n->y[0].dim[1] * sizeof(float) > TN_CUDNN_ZEROS)
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s on %s: too many filters without a bias",
                       n->name, d->name);
    conv *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    const tn_status status = prepare_parts(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->state = s;
    return TN_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

static tn_status make_blocks(const conv *s, const tn_call *c, void *blocks)
{
    tn_backend_device *d = c->device;
    const tn_conv2d_opts *o = c->node->opts;
    struct tnk_blocks_args a = {.x = c->x[0],
                                .bytes = s->bytes ? c->x[0] : NULL,
                                .depth = (int32_t)c->node->x[0].dim[1],
                                .blocks = blocks,
                                .count = s->blocks_count / (s->side * s->channels),
                                .side = tnk_divisor_of(s->side),
                                .columns = tnk_divisor_of(s->columns),
                                .rows = tnk_divisor_of(s->rows),
                                .channels = (int32_t)s->channels,
                                .height = (int32_t)c->node->x[0].dim[2],
                                .width = (int32_t)c->node->x[0].dim[3],
                                .pad = {o->pad[0], o->pad[1]}};
    for (int i = 0; s->bytes && i < TNK_BLOCKS_CHANNELS; i++) {
        a.mean[i] = s->bytes->mean[i];
        a.scale[i] = s->bytes->scale[i];
    }
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(s->type, tnk_blocks, tn_cuda_grid(d, a.count), TN_CUDA_BLOCK, 0,
                           d->compute, &a));
    return TN_OK;
}

static tn_status block_weights(const conv *s, const tn_call *c, void *blocks)
{
    tn_backend_device *d = c->device;
    const tn_conv2d_opts *o = c->node->opts;
    struct tnk_block_weights_args a = {.w = tn_cuda_param(c, 0),
                                       .blocks = blocks,
                                       .count = s->block_weights,
                                       .channels = tnk_divisor_of(s->channels),
                                       .side = tnk_divisor_of(s->side),
                                       .columns = tnk_divisor_of(s->kernel[1]),
                                       .rows = tnk_divisor_of(s->kernel[0]),
                                       .kernel = {o->kernel[0], o->kernel[1]}};
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(s->type, tnk_block_weights, tn_cuda_grid(d, a.count), TN_CUDA_BLOCK, 0,
                           d->compute, &a));
    return TN_OK;
}

static tn_status unblock_weights(const conv *s, const tn_call *c, const void *blocks)
{
    tn_backend_device *d = c->device;
    const tn_conv2d_opts *o = c->node->opts;
    struct tnk_unblock_weights_args a = {
        .blocks = blocks,
        .dw = c->dw[0],
        .count = s->w_count,
        .kernel = {tnk_divisor_of(o->kernel[0]), tnk_divisor_of(o->kernel[1])},
        .side = tnk_divisor_of(s->side),
        .channels = (int32_t)s->channels,
        .rows = (int32_t)s->kernel[0],
        .columns = (int32_t)s->kernel[1]};
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(s->type, tnk_unblock_weights, tn_cuda_grid(d, a.count), TN_CUDA_BLOCK, 0,
                           d->compute, &a));
    return TN_OK;
}

/* cuDNN takes what is only read as what is written, too. */
static void *writable(const void *p)
{
    return (void *)(uintptr_t)p;
}

static tn_status forward(const tn_call *c)
{
    conv *s = c->state;
    const void *bias = s->bias ? tn_cuda_param(c, 1) : tn_cudnn_zeros(c->device);
    void *x = tn_cuda_at(s->keep ? c->saved : c->scratch, s->x_at);
    void *w = tn_cuda_at(c->scratch, s->w_at);
    TN_TRY(make_blocks(s, c, x));
    TN_TRY(block_weights(s, c, w));
    if (s->summed)
        return tn_cudnn_execute(&s->y, c,
                                (void *[]){x, w, c->y[0], c->sums, c->sums + c->node->y[0].dim[1]},
                                tn_cuda_at(c->scratch, s->workspace));
    return tn_cudnn_execute(&s->y, c, (void *[]){x, w, writable(bias), c->y[0]},
                            tn_cuda_at(c->scratch, s->workspace));
}

static tn_status backward(const tn_call *c)
{
    conv *s = c->state;
    const void *dz;
    void *dw = tn_cuda_at(c->scratch, s->dw_at);
    TN_TRY(tn_cuda_sums_run(&s->sums, c, &dz));
    if (!c->dw[0])
        return TN_OK;
    TN_TRY(tn_cudnn_execute(&s->dw, c, (void *[]){tn_cuda_at(c->saved, s->x_at), writable(dz), dw},
                            tn_cuda_at(c->scratch, s->back_workspace)));
    return unblock_weights(s, c, dw);
}

static const char *describe(const void *state)
{
    const conv *s = state;
    return s->text;
}

const tn_kernel tn_cuda_conv2d_blocks = {
    .op = "conv2d",
    .name = "cudnn",
    .rank = 1,
    .posts = {{TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
