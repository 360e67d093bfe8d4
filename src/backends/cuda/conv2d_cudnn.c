/* conv2d on cuDNN's graphs. Images are N x H x W x C, weights K x R x S x C.
 *
 *     y = relu(conv(x, w) + z + bias)   one graph; a bias of zeros stands in where there is none, because cuDNN
 *                                   has this pattern ready for every GPU and type, and conv + relu not; z: what is
 *                                   added, where nothing is trained
 *     sums of y and of its squares  in the graph of a convolution alone, where a batchnorm begins with these
 *     dz = dy where y > 0; db       our own kernel, see linear/linear.h
 *     dx = dgrad(dz, w)             or that plus what is there, where the gradients of several readers of x meet
 *     dw = wgrad(x, dz)             of the plan's type, in half precision then made f32
 *
 * Where cuDNN refuses the first, a convolution by itself and our kernel for bias and relu take its place; where
 * it refuses anything else, so does this. Images of fewer than 4 channels have 4 in memory: of 3, cuDNN would
 * copy them into 4 itself, into workspace, each time.
 *
 * y may be a part of a concat's output, and dy then of its gradient; see prepare_part(). */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/cudnn/pass.h"
#include "backends/cuda/kernels/layout.h"
#include "backends/cuda/linear/linear.h"

typedef struct conv {
    tn_dtype type;
    bool relu, bias, adds; /* to be done; adds: z, which is x[1] */
    bool fused;            /* by the graph */
    bool summed;           /* it makes the sums that what reads y begins with */
    int64_t pitch; /* of y: from one pixel to the next, more than channels in a part of a tensor */
    bool placed;   /* such a y is made without gaps first */
    tn_cudnn_pass y, dx, dx_added, dw;
    tn_cuda_sums sums;
    int64_t weights;                                              /* elements in memory */
    size_t half_dw, forward_workspace, backward_workspace, whole; /* where in the scratch */
    char text[192];
} conv;

static void release(void *state)
{
    conv *s = state;
    tn_cudnn_pass_release(&s->y);
    tn_cudnn_pass_release(&s->dx);
    tn_cudnn_pass_release(&s->dx_added);
    tn_cudnn_pass_release(&s->dw);
    tn_free(s);
}

/* ---- preparing ---------------------------------------------------------------------------- */

/* Both in one graph, or the convolution alone. */
static tn_status prepare_y(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                           int64_t pitch, conv *s)
{
    const size_t bias_bytes = (size_t)n->y[0].dim[1] * tn_dtype_bytes(s->type);
    s->fused = s->bias || ((s->relu || s->adds) && bias_bytes <= TN_CUDNN_ZEROS);
    if (s->fused) {
        const tn_status status =
            tn_cudnn_pass_prepare(d, n, b, "convolution with bias", tn_cudnn_fused_graph,
                                  (tn_cudnn_beside){.relu = s->relu, .z = s->adds}, pitch, &s->y);
        if (status != TN_ERR_UNSUPPORTED)
            return status;
        s->fused = false;
    }
    return tn_cudnn_pass_prepare(d, n, b, "convolution", tn_cudnn_plain_graph, (tn_cudnn_beside){0},
                                 pitch, &s->y);
}

/* y with the sums that what reads it begins with, unless cuDNN refuses, or would make y elsewhere first, or without tensor
 * cores. */
static tn_status prepare_sums(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const size_t y = tn_cudnn_y_bytes(n, s->type);
    tn_cudnn_pass with = {0};
    if (!tn_cudnn_sums_asked(d, n, b) || s->pitch > n->y[0].dim[1])
        return TN_OK;
    const tn_status status =
        tn_cudnn_pass_prepare(d, n, b, "convolution with sums", tn_cudnn_summed_graph,
                              (tn_cudnn_beside){0}, s->pitch, &with);
    if (status == TN_OK && with.parts == 1 &&
        tn_cudnn_workspace(&with.run[0]) < tn_cudnn_workspace(&s->y.run[0]) + y &&
        tn_cudnn_uses_tensor_cores(&with.run[0]) == tn_cudnn_uses_tensor_cores(&s->y.run[0])) {
        const tn_cudnn_pass without = s->y;
        s->y = with;
        with = without;
        s->summed = b->gives_sums = true;
    }
    tn_cudnn_pass_release(&with);
    return status == TN_ERR_UNSUPPORTED ? TN_OK : status;
}

/* Does cuDNN write a y with gaps as fast as the other? Most of its engines that use tensor cores ask for as
 * much more workspace as y takes, and so seem to make it there first. */
static bool is_direct(const tn_node *n, const conv *s, const tn_cudnn_pass *gaps,
                      const tn_cudnn_pass *dense)
{
    const tn_cudnn_run *a = &gaps->run[0], *b = &dense->run[0];
    const size_t y = (size_t)tn_elements(&n->y[0]) * tn_dtype_bytes(s->type);
    return gaps->parts > 0 &&
           tn_cudnn_workspace(a) < tn_cudnn_workspace(b) + y / (size_t)dense->parts &&
           (tn_cudnn_uses_tensor_cores(a) || !tn_cudnn_uses_tensor_cores(b));
}

/* Of a y with gaps. Where cuDNN would move it once more, ours may as well, at the speed of memory; so also where
 * what is to be done behind the convolution leaves no gaps. */
static tn_status prepare_part(tn_backend_device *d, const tn_node *n, const tn_binding *b, conv *s)
{
    tn_cudnn_pass gaps = {0};
    tn_status status = prepare_y(d, n, b, s->pitch, s);
    if (status != TN_OK && status != TN_ERR_UNSUPPORTED)
        return status;
    if (status == TN_OK && (s->fused || (!s->bias && !s->relu))) {
        gaps = s->y;
        s->y = (tn_cudnn_pass){0};
    }
    tn_cudnn_pass_release(&s->y);
    s->placed = true;
    status = prepare_y(d, n, b, n->y[0].dim[1], s);
    if (status == TN_OK && is_direct(n, s, &gaps, &s->y)) {
        const tn_cudnn_pass dense = s->y;
        s->y = gaps;
        gaps = dense;
        s->fused = s->bias || s->relu;
        s->placed = false;
    }
    tn_cudnn_pass_release(&gaps);
    return status;
}

static tn_status prepare_forward(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                 conv *s)
{
    return s->pitch > n->y[0].dim[1] ? prepare_part(d, n, b, s) : prepare_y(d, n, b, s->pitch, s);
}

static void tell(conv *s, const char *what, const tn_cudnn_pass *p)
{
    tn_cudnn_tell(&p->run[0], what, s->text, sizeof s->text);
    const size_t used = strlen(s->text);
    if (p->parts > 1)
        snprintf(s->text + used, sizeof s->text - used, " x %d", p->parts);
}

/* dx added to what is there, unless cuDNN refuses, or would make it elsewhere first, or without tensor cores. */
static tn_status prepare_added(tn_backend_device *d, const tn_node *n, tn_binding *b, int64_t pitch,
                               conv *s)
{
    const size_t x = (size_t)tn_elements(&n->x[0]) * tn_dtype_bytes(s->type);
    const tn_status status =
        tn_cudnn_pass_prepare(d, n, b, "gradient of x, added", tn_cudnn_dgrad_graph,
                              (tn_cudnn_beside){.adds = true}, pitch, &s->dx_added);
    const tn_cudnn_run *added = &s->dx_added.run[0], *plain = &s->dx.run[0];
    if (status == TN_OK && s->dx_added.parts == s->dx.parts &&
        tn_cudnn_workspace(added) < tn_cudnn_workspace(plain) + x &&
        tn_cudnn_uses_tensor_cores(added) == tn_cudnn_uses_tensor_cores(plain))
        b->may_add[0] = true;
    else
        tn_cudnn_pass_release(&s->dx_added);
    return status == TN_ERR_UNSUPPORTED ? TN_OK : status;
}

static tn_status prepare_passes(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    /* dz is dy, or made from it without gaps. */
    const int64_t pitch = s->relu ? n->y[0].dim[1] : s->pitch;
    TN_TRY(prepare_forward(d, n, b, s));
    TN_TRY(prepare_sums(d, n, b, s));
    if (b->dx[0])
        TN_TRY(tn_cudnn_pass_prepare(d, n, b, "gradient of x", tn_cudnn_dgrad_graph,
                                     (tn_cudnn_beside){0}, pitch, &s->dx));
    if (b->meets[0])
        TN_TRY(prepare_added(d, n, b, pitch, s));
    if (b->dw[0])
        TN_TRY(tn_cudnn_pass_prepare(d, n, b, "gradient of weights", tn_cudnn_wgrad_graph,
                                     (tn_cudnn_beside){0}, pitch, &s->dw));
    tell(s, s->summed ? "y+sums" : "y", &s->y);
    if (s->placed)
        strncat(s->text, ", placed", sizeof s->text - strlen(s->text) - 1);
    if (b->may_add[0])
        tell(s, "dx+", &s->dx_added);
    else
        tell(s, "dx", &s->dx);
    tell(s, "dw", &s->dw);
    return TN_OK;
}

/* y that is placed or gets its bias behind the convolution; dw of half precision; dy. */
static void tell_moved(const tn_node *n, tn_binding *b, const conv *s)
{
    const size_t y = (size_t)tn_elements(&n->y[0]) * tn_dtype_bytes(s->type);
    const bool behind = !s->fused && (s->bias || s->relu || s->adds);
    const size_t again = (s->placed ? y : 0) + (behind ? y : 0);
    b->forward_more = (tn_moved){again, again};
    if (!b->training)
        return;
    b->backward_more = tn_cuda_sums_moved(&s->sums, b);
    if (b->dw[0] && s->type != TN_F32) {
        const size_t dw = (size_t)s->weights * tn_dtype_bytes(s->type);
        b->backward_more.read += dw;
        b->backward_more.written += dw;
    }
}

static void lay_out_scratch(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const int64_t K = n->y[0].dim[1], pixels = tn_elements(&n->y[0]) / K;
    size_t forward = 0, backward = 0;
    s->forward_workspace = tn_cuda_part(&forward, tn_cudnn_workspace(&s->y.run[0]));
    s->whole = tn_cuda_part(
        &forward, s->placed ? (size_t)tn_elements(&n->y[0]) * tn_dtype_bytes(s->type) : 0);
    if (b->training) {
        const tn_cudnn_run *runs[] = {&s->dx.run[0], &s->dx_added.run[0], &s->dw.run[0]};
        size_t most = 0;
        for (size_t i = 0; i < TN_COUNT(runs); i++)
            most = tn_cudnn_workspace(runs[i]) > most ? tn_cudnn_workspace(runs[i]) : most;
        s->backward_workspace = tn_cuda_part(&backward, most);
        s->sums = tn_cuda_sums_plan(d, s->type, pixels, K, s->relu, b->dw[1], &backward);
        s->sums.pitch = s->pitch;
        if (b->dw[0] && s->type != TN_F32)
            s->half_dw = tn_cuda_part(&backward, (size_t)s->weights * tn_dtype_bytes(s->type));
    }
    b->scratch_bytes = forward > backward ? forward : backward;
    tell_moved(n, b, s);
}

static tn_status prepare_layouts(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    enum { LEAST_CHANNELS = 4 };
    const tn_conv2d_opts *o = n->opts;
    const int64_t channels = o->groups == 1 ? LEAST_CHANNELS : 0;
    TN_TRY(tn_cuda_layout_of(d, &n->x[0], tn_cuda_type_of(b->precision), TN_CUDA_NHWC, channels,
                             &b->x[0]));
    TN_TRY(tn_cuda_layout_of(d, &n->param[0].shape, TN_F32, TN_CUDA_NHWC, channels, &b->w[0]));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    if (n->num_in > 1)
        b->x[1] = b->y[0];
    else if (b->part && tn_elements(&n->y[0]) <= INT32_MAX) /* which tn_cuda_place() counts */
        b->y[0] = b->part;
    return TN_OK;
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
    s->relu = tn_has_post(n, TN_POST_RELU);
    s->adds = tn_has_post(n, TN_POST_ADD);
    s->bias = n->num_params > 1;
    s->weights = tn_cuda_count(b->w[0], &n->param[0].shape);
    s->pitch = tn_cuda_layout_from(b->y[0])->pitch;
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

/* x, w, y, bias or their gradients, for a pass in parts. */
static tn_cudnn_operand of_x(const tn_call *c, const tn_cudnn_pass *p, const void *x)
{
    return (tn_cudnn_operand){x, c->node->x[0].dim[1] / p->parts};
}

static tn_cudnn_operand of_y(const tn_call *c, const tn_cudnn_pass *p, const void *y)
{
    return (tn_cudnn_operand){y, c->node->y[0].dim[1] / p->parts};
}

static tn_cudnn_operand of_w(const tn_call *c, const tn_cudnn_pass *p, const void *w)
{
    const conv *s = c->state;
    return (tn_cudnn_operand){w, s->weights / p->parts};
}

/* relu(conv(x, w) + bias), without gaps if it is placed afterwards. */
static tn_status make_y(const tn_call *c, void *to)
{
    conv *s = c->state;
    const int64_t K = c->node->y[0].dim[1];
    const void *bias = s->bias ? tn_cuda_param(c, 1) : tn_cudnn_zeros(c->device);
    const tn_cudnn_operand x = of_x(c, &s->y, c->x[0]), w = of_w(c, &s->y, tn_cuda_param(c, 0));
    const tn_cudnn_operand y = of_y(c, &s->y, to), add = of_y(c, &s->y, bias);
    const tn_cudnn_operand z = of_y(c, &s->y, s->adds ? c->x[1] : NULL);
    void *workspace = tn_cuda_at(c->scratch, s->forward_workspace);
    if (s->fused && s->adds)
        return tn_cudnn_pass_run(&s->y, c, s->type,
                                 (tn_cudnn_operand[TN_CUDNN_OPERANDS]){x, w, z, add, y}, workspace);
    if (s->fused)
        return tn_cudnn_pass_run(&s->y, c, s->type,
                                 (tn_cudnn_operand[TN_CUDNN_OPERANDS]){x, w, add, y}, workspace);
    const tn_cudnn_operand sums = {s->summed ? c->sums : NULL, 0},
                           squares = {s->summed ? c->sums + K : NULL, 0};
    TN_TRY(tn_cudnn_pass_run(&s->y, c, s->type,
                             (tn_cudnn_operand[TN_CUDNN_OPERANDS]){x, w, y, sums, squares},
                             workspace));
    if (!s->bias && !s->relu && !s->adds)
        return TN_OK;
    return tn_cuda_bias_relu(c, s->type, to, s->bias ? bias : NULL, z.memory,
                             tn_elements(&c->node->y[0]) / K, K, s->relu);
}

static tn_status forward(const tn_call *c)
{
    const conv *s = c->state;
    const int64_t K = c->node->y[0].dim[1];
    void *whole = s->placed ? tn_cuda_at(c->scratch, s->whole) : c->y[0];
    TN_TRY(make_y(c, whole));
    if (!s->placed)
        return TN_OK;
    return tn_cuda_place(c, s->type, c->y[0], whole, tn_elements(&c->node->y[0]) / K, K, s->pitch);
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
    tn_cudnn_pass *dx = c->adds[0] ? &s->dx_added : &s->dx;
    if (c->dx[0])
        TN_TRY(tn_cudnn_pass_run(
            dx, c, s->type,
            (tn_cudnn_operand[TN_CUDNN_OPERANDS]){of_y(c, dx, dz), of_w(c, dx, tn_cuda_param(c, 0)),
                                                  of_x(c, dx, c->dx[0])},
            workspace));
    if (!c->dw[0])
        return TN_OK;
    const bool half = s->type != TN_F32;
    void *dw = half ? tn_cuda_at(c->scratch, s->half_dw) : c->dw[0];
    TN_TRY(tn_cudnn_pass_run(&s->dw, c, s->type,
                             (tn_cudnn_operand[TN_CUDNN_OPERANDS]){of_x(c, &s->dw, c->x[0]),
                                                                   of_y(c, &s->dw, dz),
                                                                   of_w(c, &s->dw, dw)},
                             workspace));
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
    .rank = 2,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
