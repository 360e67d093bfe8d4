/* conv2d on oneDNN's direct convolution; see _linear.h for layouts and passes.
 *
 * For some windows oneDNN has generated code only without padding (AVX2: a kernel above 7 with a
 * stride above 1, AlexNet's first layer), else unrolls x into a matrix and leaves y row major, which
 * pooling then is slow on. There x is copied into scratch with a border of zeros first: that layer
 * forward at batch 32, 2 threads, AVX2, takes 19 instead of 29 ms. */
#include <string.h>

#include "backends/cpu/_linear.h"

typedef struct conv {
    tn_linear linear;
    tn_window window;
    bool border;           /* x is copied into scratch, */
    int64_t height, width; /* where it has this size */
} conv;

static void release(void *state)
{
    conv *s = state;
    tn_linear_free(&s->linear);
    tn_free(s);
}

static tn_linear_spec describe_weights(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t G = o->groups, K = o->filters, C = n->x[0].dim[1];
    const int64_t R = o->kernel[0], S = o->kernel[1];
    if (G == 1)
        return (tn_linear_spec){.make = tn_make_convolution, .w_ndim = 4, .w_dim = {K, C, R, S}};
    return (tn_linear_spec){/* the same bytes, as oneDNN wants to hear of them */
                            .make = tn_make_convolution,
                            .w_ndim = 5,
                            .w_dim = {G, K / G, C / G, R, S}};
}

/* Tries it with a border; keeps that if oneDNN then has a faster kernel. */
static void try_border(tn_maker *m, conv *s, const tn_node *n, tn_binding *b)
{
    const int64_t N = n->x[0].dim[0], C = n->x[0].dim[1];
    const tn_window *o = &s->window;
    conv with = {.border = true,
                 .height = o->before[0] + n->x[0].dim[2] + o->after[0],
                 .width = o->before[1] + n->x[0].dim[3] + o->after[1],
                 .window = *o};
    tn_window inside = *o;
    for (int i = 0; i < 2; i++)
        inside.before[i] = inside.after[i] = 0;
    tn_linear_spec spec = describe_weights(n);
    spec.window = &inside;
    spec.x = tn_md_plain(m, 4, (int64_t[]){N, C, with.height, with.width}, TN_F32);
    tn_cpu_part(&spec.scratch_taken, tn_md_bytes(spec.x));
    tn_binding bound = *b;
    tn_linear_prepare(m, &with.linear, n, &bound, &spec);
    if (m->status == TN_OK && !bound.x[0] &&
        tn_linear_rank(&with.linear.forward) > tn_linear_rank(&s->linear.forward)) {
        tn_linear_free(&s->linear);
        *s = with;
        *b = bound;
    } else {
        tn_linear_free(&with.linear);
    }
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_conv2d_opts *o = n->opts;
    conv *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_binding asked = *b;
    s->window = tn_window_of(o->kernel, o->stride, o->pad, o->dilation, &n->x[0], &n->y[0]);
    tn_linear_spec spec = describe_weights(n);
    spec.window = &s->window;
    spec.x = tn_md_of(&m, &n->x[0], TN_F32, b->x[0]);
    tn_linear_prepare(&m, &s->linear, n, b, &spec);

    const bool row_major = !asked.x[0] && !b->x[0], padded = o->pad[0] > 0 || o->pad[1] > 0;
    if (m.status == TN_OK && row_major && padded && !b->dx[0] &&
        tn_linear_rank(&s->linear.forward) < 2)
        try_border(&m, s, n, b);
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    b->state = s;
    return TN_OK;
}

/* A row of the bordered image: row `h` of x, or none of it if h is outside. */
static void copy_row(const conv *s, const float *image, const tn_shape *x, int64_t h, float *to)
{
    const int64_t H = x->dim[2], W = x->dim[3], left = s->window.before[1];
    if (h < 0 || h >= H) {
        memset(to, 0, (size_t)s->width * sizeof *to);
        return;
    }
    const int64_t copied = W < s->width - left ? W : s->width - left;
    memset(to, 0, (size_t)left * sizeof *to);
    memcpy(to + left, image + h * W, (size_t)copied * sizeof *to);
    memset(to + left + copied, 0, (size_t)(s->width - left - copied) * sizeof *to);
}

/* x itself, or its copy in scratch. */
static const void *with_border(const conv *s, const tn_call *c)
{
    if (!s->border)
        return c->x[0];
    const tn_shape *x = &c->node->x[0];
    const int64_t planes = x->dim[0] * x->dim[1], size = x->dim[2] * x->dim[3];
    const float *from = c->x[0];
    float *to = c->scratch;
#pragma omp parallel for collapse(2) num_threads(c->device->threads) schedule(static)
    for (int64_t i = 0; i < planes; i++)
        for (int64_t h = 0; h < s->height; h++)
            copy_row(s, from + i * size, x, h - s->window.before[0],
                     to + (i * s->height + h) * s->width);
    return to;
}

static tn_status forward(const tn_call *c)
{
    conv *s = c->state;
    return tn_linear_forward(&s->linear, c, with_border(s, c));
}

static tn_status backward(const tn_call *c)
{
    conv *s = c->state;
    const bool reads_x = c->dw[0] || c->dw[1];
    return tn_linear_backward(&s->linear, c, reads_x ? with_border(s, c) : NULL);
}

static const char *describe(const void *state)
{
    const conv *s = state;
    return tn_prim_impl(&s->linear.forward);
}

const tn_kernel tn_cpu_conv2d_onednn = {
    .op = "conv2d",
    .name = "onednn",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
