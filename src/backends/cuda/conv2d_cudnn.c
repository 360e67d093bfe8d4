/* conv2d on cuDNN's graphs. Images are N x H x W x C, weights K x R x S x C.
 *
 *     y = relu(conv(x, w) + bias)   one graph; a bias of zeros stands in where there is none, because cuDNN
 *                                   has this pattern ready for every GPU and type, and conv + relu not
 *     dz = dy where y > 0; db       our own kernel, see _linear.h
 *     dx = dgrad(dz, w)
 *     dw = wgrad(x, dz)             of the plan's type, in half precision then made f32
 *
 * Where cuDNN refuses the first, a convolution by itself and our kernel for bias and relu take its place; where
 * it refuses anything else, so does this. Images of fewer than 4 channels have 4 in memory: of 3, cuDNN would
 * copy them into 4 itself, into workspace, each time. */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/_cudnn.h"
#include "backends/cuda/_linear.h"
#include "backends/cuda/kernels/layout.h"

typedef struct conv {
    tn_dtype type;
    bool relu, bias; /* to be done */
    bool fused;      /* by the graph */
    tn_cudnn_run y, dx, dw;
    tn_cuda_sums sums;
    int64_t weights;                                       /* elements in memory */
    size_t half_dw, forward_workspace, backward_workspace; /* where in the scratch */
    char text[160];
} conv;

static void release(void *state)
{
    conv *s = state;
    tn_cudnn_release(&s->y);
    tn_cudnn_release(&s->dx);
    tn_cudnn_release(&s->dw);
    tn_free(s);
}

/* ---- graphs ------------------------------------------------------------------------------- */

/* Dimensions in memory. */
typedef struct shapes {
    tn_dtype type;
    int64_t x[4], w[4], y[4], bias[4];
    tn_cudnn_window window;
} shapes;

static shapes shapes_of(const tn_node *n, const tn_binding *b)
{
    const tn_conv2d_opts *o = n->opts;
    shapes s = {.type = tn_cuda_type_of(b->precision)};
    memcpy(s.x, n->x[0].dim, sizeof s.x);
    memcpy(s.w, n->param[0].shape.dim, sizeof s.w);
    memcpy(s.y, n->y[0].dim, sizeof s.y);
    s.x[1] = tn_cuda_layout_from(b->x[0])->channels;
    s.w[1] = tn_cuda_layout_from(b->w[0])->channels;
    s.bias[0] = s.bias[2] = s.bias[3] = 1;
    s.bias[1] = o->filters;
    for (int i = 0; i < 2; i++) {
        s.window.size[i] = o->kernel[i];
        s.window.stride[i] = o->stride[i];
        s.window.dilation[i] = o->dilation[i];
        s.window.before[i] = s.window.after[i] = o->pad[i];
    }
    return s;
}

/* x, w, (bias,) y. */
static tn_cudnn_graph forward_graph(const shapes *s, bool bias, bool relu)
{
    tn_cudnn_graph g = {0};
    const int x = tn_cudnn_add_nhwc(&g, s->type, s->x, 0);
    const int w = tn_cudnn_add_nhwc(&g, s->type, s->w, 0);
    if (!bias) {
        const int y = tn_cudnn_add_nhwc(&g, s->type, s->y, 0);
        tn_cudnn_add(
            &g, &(tn_cudnn_op){.kind = &tn_cudnn_conv, .tensor = {x, w, y}, .window = s->window});
        return g;
    }
    const int add = tn_cudnn_add_nhwc(&g, s->type, s->bias, 0);
    const int product = tn_cudnn_add_virtual(&g, s->y);
    const int sum = relu ? tn_cudnn_add_virtual(&g, s->y) : 0;
    const int y = tn_cudnn_add_nhwc(&g, s->type, s->y, 0);
    tn_cudnn_add(
        &g, &(tn_cudnn_op){.kind = &tn_cudnn_conv, .tensor = {x, w, product}, .window = s->window});
    tn_cudnn_add(&g, &(tn_cudnn_op){.kind = &tn_cudnn_pointwise,
                                    .tensor = {product, add, relu ? sum : y},
                                    .mode = CUDNN_POINTWISE_ADD});
    if (relu)
        tn_cudnn_add(&g, &(tn_cudnn_op){.kind = &tn_cudnn_pointwise,
                                        .tensor = {sum, 0, y},
                                        .mode = CUDNN_POINTWISE_RELU_FWD});
    return g;
}

/* dgrad: dy, w, dx. wgrad: x, dy, dw. */
static tn_cudnn_graph backward_graph(const shapes *s, const tn_cudnn_kind *kind,
                                     const int64_t first[4], const int64_t second[4],
                                     const int64_t result[4])
{
    tn_cudnn_graph g = {0};
    const int a = tn_cudnn_add_nhwc(&g, s->type, first, 0);
    const int b = tn_cudnn_add_nhwc(&g, s->type, second, 0);
    const int y = tn_cudnn_add_nhwc(&g, s->type, result, 0);
    tn_cudnn_add(&g, &(tn_cudnn_op){.kind = kind, .tensor = {a, b, y}, .window = s->window});
    return g;
}

/* ---- preparing ---------------------------------------------------------------------------- */

static tn_status prepare_forward(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                 const shapes *shape, conv *s)
{
    const size_t bias_bytes = (size_t)shape->bias[1] * tn_dtype_bytes(shape->type);
    s->fused = (s->bias || s->relu) && (s->bias || bias_bytes <= TN_CUDNN_ZEROS);
    if (s->fused) {
        const tn_cudnn_graph g = forward_graph(shape, true, s->relu);
        const tn_status status =
            tn_cudnn_prepare(d, n, b->precision, "convolution with bias", &g, &s->y);
        if (status != TN_ERR_UNSUPPORTED)
            return status;
        s->fused = false;
    }
    const tn_cudnn_graph g = forward_graph(shape, false, false);
    return tn_cudnn_prepare(d, n, b->precision, "convolution", &g, &s->y);
}

static tn_status prepare_passes(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                conv *s)
{
    const shapes shape = shapes_of(n, b);
    TN_TRY(prepare_forward(d, n, b, &shape, s));
    tn_cudnn_tell(&s->y, "y", s->text, sizeof s->text);
    if (b->dx[0]) {
        const tn_cudnn_graph g = backward_graph(&shape, &tn_cudnn_dgrad, shape.y, shape.w, shape.x);
        TN_TRY(tn_cudnn_prepare(d, n, b->precision, "gradient of x", &g, &s->dx));
        tn_cudnn_tell(&s->dx, "dx", s->text, sizeof s->text);
    }
    if (b->dw[0]) {
        const tn_cudnn_graph g = backward_graph(&shape, &tn_cudnn_wgrad, shape.x, shape.y, shape.w);
        TN_TRY(tn_cudnn_prepare(d, n, b->precision, "gradient of weights", &g, &s->dw));
        tn_cudnn_tell(&s->dw, "dw", s->text, sizeof s->text);
    }
    return TN_OK;
}

static void lay_out_scratch(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const int64_t K = n->y[0].dim[1], pixels = tn_elements(&n->y[0]) / K;
    size_t forward = 0, backward = 0;
    s->forward_workspace = tn_cuda_part(&forward, tn_cudnn_workspace(&s->y));
    if (b->training) {
        const size_t dx = tn_cudnn_workspace(&s->dx), dw = tn_cudnn_workspace(&s->dw);
        s->backward_workspace = tn_cuda_part(&backward, dx > dw ? dx : dw);
        s->sums = tn_cuda_sums_plan(d, s->type, pixels, K, s->relu, b->dw[1], &backward);
        if (b->dw[0] && s->type != TN_F32)
            s->half_dw = tn_cuda_part(&backward, (size_t)s->weights * tn_dtype_bytes(s->type));
    }
    b->scratch_bytes = forward > backward ? forward : backward;
}

static tn_status prepare_layouts(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    enum { LEAST_CHANNELS = 4 };
    const tn_conv2d_opts *o = n->opts;
    const int64_t channels = o->groups == 1 ? LEAST_CHANNELS : 0;
    TN_TRY(tn_cuda_layout_of(d, &n->x[0], tn_cuda_type_of(b->precision), TN_CUDA_NHWC, channels,
                             &b->x[0]));
    TN_TRY(tn_cuda_layout_of(d, &n->param[0].shape, TN_F32, TN_CUDA_NHWC, channels, &b->w[0]));
    return tn_cuda_give_nhwc(d, n, b);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (!d->cudnn)
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s on %s: there is no cuDNN, or it is off",
                       n->name, d->name);
    TN_TRY(prepare_layouts(d, n, b));
    conv *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    s->type = tn_cuda_type_of(b->precision);
    s->relu = n->fused != NULL;
    s->bias = n->num_params > 1;
    s->weights = tn_cuda_count(b->w[0], &n->param[0].shape);
    const tn_status status = prepare_passes(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    lay_out_scratch(d, n, b, s);
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->relu;
    b->state = s;
    return TN_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

/* The weights, or their copy in the plan's type. */
static const void *param(const tn_call *c, int i)
{
    return c->half[i] ? c->half[i] : c->w[i];
}

static void *writable(const void *p)
{
    return (void *)(uintptr_t)p; /* cuDNN takes what it only reads without const */
}

static tn_status forward(const tn_call *c)
{
    conv *s = c->state;
    void *pointers[4] = {writable(c->x[0]), writable(param(c, 0))};
    int count = 2;
    if (s->fused)
        pointers[count++] = writable(s->bias ? param(c, 1) : tn_cudnn_zeros(c->device));
    pointers[count] = c->y[0];
    TN_TRY(tn_cudnn_execute(&s->y, c, pointers, tn_cuda_at(c->scratch, s->forward_workspace)));
    if (s->fused || (!s->bias && !s->relu))
        return TN_OK;
    const int64_t K = c->node->y[0].dim[1];
    return tn_cuda_bias_relu(c, s->type, c->y[0], s->bias ? param(c, 1) : NULL,
                             tn_elements(&c->node->y[0]) / K, K, s->relu);
}

/* dw as cuDNN left it, made f32. */
static tn_status widen(const conv *s, const tn_call *c, const void *from)
{
    tn_backend_device *d = c->device;
    struct tnk_convert_args a = {
        .from = from, .to = c->dw[0], .count = s->weights, .from_type = s->type};
    const unsigned grid = tn_cuda_grid(d, (s->weights + TNK_CONVERT - 1) / TNK_CONVERT);
    TN_CUDA(d, c->node, TN_LAUNCH(tnk_convert_f32, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    conv *s = c->state;
    void *workspace = tn_cuda_at(c->scratch, s->backward_workspace);
    const void *dz;
    TN_TRY(tn_cuda_sums_run(&s->sums, c, &dz));
    if (c->dx[0])
        TN_TRY(tn_cudnn_execute(
            &s->dx, c, (void *[]){writable(dz), writable(param(c, 0)), c->dx[0]}, workspace));
    if (!c->dw[0])
        return TN_OK;
    const bool half = s->type != TN_F32;
    void *dw = half ? tn_cuda_at(c->scratch, s->half_dw) : c->dw[0];
    TN_TRY(tn_cudnn_execute(&s->dw, c, (void *[]){writable(c->x[0]), writable(dz), dw}, workspace));
    return half ? widen(s, c, dw) : TN_OK;
}

static const char *describe(const void *state)
{
    const conv *s = state;
    return s->text;
}

const tn_kernel tn_cuda_conv2d_cudnn = {
    .op = "conv2d",
    .name = "cudnn",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
