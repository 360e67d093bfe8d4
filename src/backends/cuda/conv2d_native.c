/* conv2d without cuDNN: images unrolled into a matrix, then products of cuBLASLt.
 *   x: N x H x W x C;  w: K x R x S x C/G;  y, dy, dz: N x P x Q x K, type of the plan; dw, db: f32.
 *   col: one row for each pixel of y, G x R x S x C/G: what its window sees (kernels/linear.h).
 *   For each group:  y = col w^T + bias,  dcol = dz w,  dw = dz^T col;  dz is dy, or what an absorbed relu
 *   lets through of it. Each pixel of dx then gathers from dcol, which is f32, in a fixed order.
 *
 * col is made for as many images at a time as the workspace has room for; those of a batch that is no
 * multiple of that have products of their own. If a window is one pixel, or all of x, then x is col and
 * nothing is unrolled. Images of fewer than 4 channels have 4 in memory; the rest is 0.
 * Source: Chellapilla et al. 2006, "High performance convolutional neural networks for document processing". */
#include <stdio.h>

#include "backends/cuda/cublaslt/cublaslt.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/linear/linear.h"

/* More of col at a time would take memory and gain nothing: thousands of rows of the widest fit. */
enum { MATRIX_BYTES = 64 << 20, PADDED = 4 };

/* For `images` at a time, and for the rest. */
enum { WHOLE, REST, CUTS };

typedef struct conv {
    tn_gemm y[CUTS], dx[CUTS], dw[CUTS];
    tn_cuda_sums sums;
    struct tnk_window window;
    tn_dtype type;
    int64_t N, H, W, C, K, G; /* C: in memory */
    int64_t pixels, width;    /* of y of one image, and so rows; columns of col */
    int64_t images;           /* at a time */
    bool unrolled;            /* else x is col */
    size_t forward_workspace, forward_matrix, backward_workspace, backward_matrix; /* scratch */
    char text[64];
} conv;

static void release(void *state)
{
    conv *s = state;
    for (int i = 0; i < CUTS; i++) {
        tn_gemm_free(&s->y[i]);
        tn_gemm_free(&s->dx[i]);
        tn_gemm_free(&s->dw[i]);
    }
    tn_free(s);
}

/* ---- sizes -------------------------------------------------------------------------------- */

static bool is_matrix(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim;
    if (o->pad[0] || o->pad[1] || o->pad_extra[0] || o->pad_extra[1])
        return false;
    if (o->kernel[0] == 1 && o->kernel[1] == 1 && o->stride[0] == 1 && o->stride[1] == 1)
        return true;
    return y[2] == 1 && y[3] == 1 && o->kernel[0] == x[2] && o->kernel[1] == x[3] && o->groups == 1;
}

static tn_status read_sizes(const tn_backend_device *d, const tn_node *n, const tn_binding *b,
                            conv *s)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim;
    s->type = tn_cuda_type_of(b->precision);
    s->N = x[0];
    s->H = x[2];
    s->W = x[3];
    s->K = y[1];
    s->G = o->groups;
    s->C = s->G == 1 && x[1] < PADDED ? PADDED : x[1];
    s->pixels = y[2] * y[3];
    s->unrolled = !is_matrix(n);
    for (int i = 0; i < 2; i++)
        if (tn_padded(&n->x[0], o->pad, o->pad_extra, i) > INT32_MAX)
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "conv2d %s on %s: x %s with pad %d and pad_extra %d is too large",
                           n->name, d->name, tn_shape_format(&n->x[0]).text, o->pad[i],
                           o->pad_extra[i]);
    s->width = s->C * o->kernel[0] * o->kernel[1];
    s->window = (struct tnk_window){.height = (int32_t)x[2],
                                    .width = (int32_t)x[3],
                                    .P = tnk_divisor_of(y[2]),
                                    .Q = tnk_divisor_of(y[3]),
                                    .G = tnk_divisor_of(o->groups),
                                    .R = tnk_divisor_of(o->kernel[0]),
                                    .S = tnk_divisor_of(o->kernel[1])};
    for (int i = 0; i < 2; i++) {
        s->window.stride[i] = o->stride[i];
        s->window.pad[i] = o->pad[i];
        s->window.dilation[i] = o->dilation[i];
    }
    return TN_OK;
}

/* Bytes of a number of col: of dcol if that will be made. */
static int64_t matrix_bytes(const conv *s, const tn_binding *b)
{
    return (int64_t)tn_dtype_bytes(b->dx[0] ? TN_F32 : s->type);
}

static tn_status cut(const tn_backend_device *d, const tn_node *n, const tn_binding *b, conv *s)
{
    s->images = s->N;
    if (!s->unrolled)
        return TN_OK;
    const size_t room = d->opts.workspace - tn_cublaslt_most(d);
    const double each = (double)s->pixels * (double)s->width * (double)matrix_bytes(s, b);
    const double most = room < MATRIX_BYTES ? (double)room : MATRIX_BYTES;
    const double numbers = (double)s->pixels * (double)s->width, x = (double)(s->H * s->W) * s->C;
    const double larger = numbers > x ? numbers : x;
    if (each > (double)room || larger > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "conv2d %s on %s: one image of x %s unrolled takes %.0f MiB of the "
                       "workspace's %zu",
                       n->name, d->name, tn_shape_format(&n->x[0]).text, each / (1 << 20),
                       d->opts.workspace >> 20);
    const double by_bytes = most / each, by_count = INT32_MAX / larger;
    const double images = by_bytes < by_count ? by_bytes : by_count;
    s->images = images < 1 ? 1 : images < (double)s->N ? (int64_t)images : s->N;
    return TN_OK;
}

/* ---- products ----------------------------------------------------------------------------- */

/* What the address of each cut of y is a multiple of. */
static size_t cut_align(const conv *s)
{
    const size_t bytes = (size_t)(s->images * s->pixels * s->K) * tn_dtype_bytes(s->type);
    return s->images == s->N ? 0 : bytes & (0 - bytes);
}

static tn_status prepare_cut(tn_backend_device *d, const tn_node *n, const tn_binding *b, conv *s,
                             int which, int64_t images)
{
    const int64_t K = s->K / s->G, width = s->width / s->G, rows = images * s->pixels;
    const tn_matrix y = {.pitch = s->K, .step = K, .align = cut_align(s)};
    const tn_matrix col = {.pitch = s->width, .step = width};
    const tn_matrix w = {.pitch = width, .step = K * width};
    tn_gemm_spec forward = {.rows = rows,
                            .cols = K,
                            .depth = width,
                            .a = col,
                            .b = w,
                            .y = y,
                            .batch = (int)s->G,
                            .type = s->type,
                            .y_type = s->type,
                            .precision = b->precision,
                            .bias = n->num_params > 1,
                            .relu = tn_has_post(n, TN_POST_RELU) && n->num_in == 1};
    const tn_gemm_spec dx = {.rows = rows,
                             .cols = width,
                             .depth = K,
                             .a = y,
                             .b = w,
                             .y = col,
                             .batch = (int)s->G,
                             .type = s->type,
                             .y_type = s->unrolled ? TN_F32 : s->type,
                             .precision = b->precision};
    tn_gemm_spec dw = {.rows = K,
                       .cols = width,
                       .depth = rows,
                       .a = y,
                       .b = col,
                       .y = w,
                       .batch = (int)s->G,
                       .type = s->type,
                       .y_type = TN_F32,
                       .precision = b->precision};
    forward.b.transposed = true;
    dw.a.transposed = true;
    TN_TRY(tn_gemm_prepare(d, n, &forward, &s->y[which]));
    if (b->dx[0])
        TN_TRY(tn_gemm_prepare(d, n, &dx, &s->dx[which]));
    if (b->dw[0])
        TN_TRY(tn_gemm_prepare(d, n, &dw, &s->dw[which]));
    return TN_OK;
}

/* Bytes of workspace for any of them, and no fewer than that. */
static size_t most_of(const tn_gemm m[CUTS], size_t bytes)
{
    for (int i = 0; i < CUTS; i++)
        bytes = m[i].workspace > bytes ? m[i].workspace : bytes;
    return bytes;
}

/* Beside dy the unrolled x: made and read forward, and once more for dw; dcol is made and read for dx. */
static void tell_moved(const tn_node *n, tn_binding *b, const conv *s)
{
    const size_t numbers = s->unrolled ? (size_t)(s->N * s->pixels * s->width) : 0;
    const size_t col = numbers * tn_dtype_bytes(s->type), dcol = numbers * sizeof(float);
    const size_t y = n->num_in > 1 ? (size_t)tn_elements(&n->y[0]) * tn_dtype_bytes(s->type) : 0;
    const size_t back = (b->dw[0] ? col : 0) + (b->dx[0] ? dcol : 0);
    b->forward_more = (tn_moved){col + y, col + y};
    b->backward_more = tn_cuda_sums_moved(&s->sums, b);
    b->backward_more.read += back;
    b->backward_more.written += back;
}

static tn_status prepare_parts(tn_backend_device *d, const tn_node *n, tn_binding *b, conv *s)
{
    const bool relu = tn_has_post(n, TN_POST_RELU);
    TN_TRY(read_sizes(d, n, b, s));
    TN_TRY(tn_cuda_layout_of(d, &n->x[0], s->type, TN_CUDA_NHWC, s->C, &b->x[0]));
    TN_TRY(tn_cuda_layout_of(d, &n->param[0].shape, TN_F32, TN_CUDA_NHWC, s->C / s->G, &b->w[0]));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    b->x[1] = b->y[0]; /* what is added */
    TN_TRY(cut(d, n, b, s));
    TN_TRY(prepare_cut(d, n, b, s, WHOLE, s->images));
    if (s->N % s->images)
        TN_TRY(prepare_cut(d, n, b, s, REST, s->N % s->images));
    size_t forward = 0, backward = 0;
    const size_t matrix =
        s->unrolled ? (size_t)(s->images * s->pixels * s->width * matrix_bytes(s, b)) : 0;
    s->forward_workspace = tn_cuda_part(&forward, most_of(s->y, 0));
    s->forward_matrix = tn_cuda_part(&forward, matrix);
    if (b->training) {
        s->backward_workspace = tn_cuda_part(&backward, most_of(s->dx, most_of(s->dw, 0)));
        s->backward_matrix = tn_cuda_part(&backward, matrix);
        s->sums = tn_cuda_sums_plan(d, s->type, s->N * s->pixels, s->K, relu, b->dw[1], &backward);
    }
    tell_moved(n, b, s);
    b->scratch_bytes = forward > backward ? forward : backward;
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = relu;
    snprintf(s->text, sizeof s->text, "%s%s", s->unrolled ? "im2col " : "", s->y[WHOLE].text);
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
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

/* ---- unrolling ---------------------------------------------------------------------------- */

/* `images` of x into col. */
static tn_status unroll(const conv *s, const tn_call *c, const void *x, int64_t images, void *col)
{
    tn_backend_device *d = c->device;
    const int64_t group_bytes = s->C / s->G * (int64_t)tn_dtype_bytes(s->type);
    int64_t unit = 16;
    while (group_bytes % unit)
        unit /= 2;
    struct tnk_im2col_args a = {.x = x,
                                .col = col,
                                .count = images * s->pixels * s->width *
                                         (int64_t)tn_dtype_bytes(s->type) / unit,
                                .units = tnk_divisor_of(group_bytes / unit),
                                .window = s->window};
    const unsigned grid = tn_cuda_grid(d, a.count);
    cudaError_t e;
    if (unit == 16)
        e = TN_LAUNCH(tnk_im2col_16, grid, TN_CUDA_BLOCK, 0, d->compute, &a);
    else if (unit == 8)
        e = TN_LAUNCH(tnk_im2col_8, grid, TN_CUDA_BLOCK, 0, d->compute, &a);
    else if (unit == 4)
        e = TN_LAUNCH(tnk_im2col_4, grid, TN_CUDA_BLOCK, 0, d->compute, &a);
    else
        e = TN_LAUNCH(tnk_im2col_2, grid, TN_CUDA_BLOCK, 0, d->compute, &a);
    return tn_cuda_check(d, c->node, e, "tnk_im2col");
}

/* dcol back into `images` of dx. */
static tn_status gather(const conv *s, const tn_call *c, const void *col, int64_t images, void *dx)
{
    tn_backend_device *d = c->device;
    const int64_t channels = s->C / s->G;
    const int lanes = channels % 8 == 0 && s->type != TN_F32 ? 8 : channels % 4 == 0 ? 4 : 1;
    struct tnk_col2im_args a = {.col = col,
                                .dx = dx,
                                .count = images * s->H * s->W * s->C,
                                .channels = tnk_divisor_of(channels),
                                .vectors = tnk_divisor_of(s->C / lanes),
                                .width = tnk_divisor_of(s->W),
                                .height = tnk_divisor_of(s->H),
                                .window = s->window,
                                .lanes = lanes};
    const unsigned grid = tn_cuda_grid(d, a.count / lanes);
    TN_CUDA(d, c->node,
            TN_LAUNCH_TYPE(s->type, tnk_col2im, grid, TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Some images of the batch: where they begin in x and in y. */
typedef struct part {
    int64_t images;
    size_t x, y; /* bytes */
    int which;
} part;

static part part_at(const conv *s, int64_t first)
{
    const int64_t left = s->N - first, bytes = (int64_t)tn_dtype_bytes(s->type);
    return (part){.images = left < s->images ? left : s->images,
                  .x = (size_t)(first * s->H * s->W * s->C * bytes),
                  .y = (size_t)(first * s->pixels * s->K * bytes),
                  .which = left < s->images ? REST : WHOLE};
}

static const void *at(const void *p, size_t offset)
{
    return (const char *)p + offset;
}

/* col of those images: x, or made at `matrix`. */
static tn_status matrix_of(const conv *s, const tn_call *c, const part *p, void *matrix,
                           const void **col)
{
    *col = s->unrolled ? matrix : at(c->x[0], p->x);
    return s->unrolled ? unroll(s, c, at(c->x[0], p->x), p->images, matrix) : TN_OK;
}

static tn_status forward(const tn_call *c)
{
    conv *s = c->state;
    for (int64_t i = 0; i < s->N; i += s->images) {
        const part p = part_at(s, i);
        tn_gemm_args a = {.b = tn_cuda_param(c, 0),
                          .bias = c->node->num_params > 1 ? tn_cuda_param(c, 1) : NULL,
                          .y = tn_cuda_at(c->y[0], p.y),
                          .workspace = tn_cuda_at(c->scratch, s->forward_workspace)};
        TN_TRY(matrix_of(s, c, &p, tn_cuda_at(c->scratch, s->forward_matrix), &a.a));
        TN_TRY(tn_gemm_run(&s->y[p.which], c, &a));
    }
    if (c->node->num_in > 1) /* what is added, and a relu behind that */
        return tn_cuda_bias_relu(c, s->type, c->y[0], NULL, c->x[1], s->N * s->pixels, s->K,
                                 tn_has_post(c->node, TN_POST_RELU));
    return TN_OK;
}

static tn_status backward_data(conv *s, const tn_call *c, const part *p, const void *dz)
{
    void *dx = tn_cuda_at(c->dx[0], p->x);
    void *dcol = s->unrolled ? tn_cuda_at(c->scratch, s->backward_matrix) : dx;
    TN_TRY(
        tn_gemm_run(&s->dx[p->which], c,
                    &(tn_gemm_args){.a = at(dz, p->y),
                                    .b = tn_cuda_param(c, 0),
                                    .y = dcol,
                                    .workspace = tn_cuda_at(c->scratch, s->backward_workspace)}));
    return s->unrolled ? gather(s, c, dcol, p->images, dx) : TN_OK;
}

static tn_status backward_weights(conv *s, const tn_call *c, const part *p, const void *dz)
{
    tn_gemm_args a = {.a = at(dz, p->y),
                      .y = c->dw[0],
                      .add = p->y > 0,
                      .workspace = tn_cuda_at(c->scratch, s->backward_workspace)};
    TN_TRY(matrix_of(s, c, p, tn_cuda_at(c->scratch, s->backward_matrix), &a.b));
    return tn_gemm_run(&s->dw[p->which], c, &a);
}

static tn_status backward(const tn_call *c)
{
    conv *s = c->state;
    const void *dz;
    TN_TRY(tn_cuda_sums_run(&s->sums, c, &dz));
    for (int64_t i = 0; i < s->N; i += s->images) {
        const part p = part_at(s, i);
        if (c->dx[0])
            TN_TRY(backward_data(s, c, &p, dz));
        if (c->dw[0])
            TN_TRY(backward_weights(s, c, &p, dz));
    }
    return TN_OK;
}

static const char *describe(const void *state)
{
    const conv *s = state;
    return s->text;
}

const tn_kernel tn_cuda_conv2d_native = {
    .op = "conv2d",
    .name = "cublasLt",
    .rank = 3,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
