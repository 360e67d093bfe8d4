/*
 * pool2d on images in blocks of channels; see pool/pool2d.h. y and dx are laid out as x is.
 *
 * Taken where x comes so, and where oneDNN cannot do it: it divides a mean by the whole window also where
 * that reaches past the padding, knows no relu behind a maximum, and is not asked for taps that lie apart.
 */
#include <stdio.h>

#include "backends/cpu/onednn/onednn.h"
#include "backends/cpu/pool/pool2d.h"

static bool is_max(const tn_node *n)
{
    return ((const tn_pool2d_opts *)n->opts)->kind == TN_POOL_MAX;
}

static tn_status supports(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    if (is_max(n) && (int64_t)o->kernel[0] * o->kernel[1] > INT32_MAX)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: a window has more than %d elements", n->name,
                       INT32_MAX);
    if (n->post[0] && !is_max(n))
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: no %s behind a mean", n->name,
                       n->post[0]->op->name);
    return TN_OK;
}

static bool hangs_over(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    for (int i = 0; i < 2; i++)
        if ((n->y[0].dim[2 + i] - 1) * o->stride[i] + tn_reach(o->kernel, o->dilation, i) >
            tn_padded(&n->x[0], o->pad, o->pad_extra, i))
            return true;
    return false;
}

static bool only_here(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    return tn_has_post(n, TN_POST_RELU) || o->dilation[0] > 1 || o->dilation[1] > 1 ||
           (o->kind == TN_POOL_MEAN_PAD && hangs_over(n));
}

static const tn_pool_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_pool_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_pool_avx2,
    [TN_CPU_AVX512] = &tn_pool_avx512,
#endif
};

static void find_whole(tn_pool *s, int direction)
{
    const int64_t stride = s->stride[direction], pad = s->pad[direction];
    const int64_t last = s->in[direction] + pad - s->reach[direction], out = s->out[direction];
    const int64_t begin = (pad + stride - 1) / stride, end = last < 0 ? 0 : last / stride + 1;
    s->whole[direction][0] = begin;
    s->whole[direction][1] = end < out ? end : out;
}

static void fill(tn_pool *s, const tn_node *n, const tn_binding *b, const tn_pool_code *code)
{
    const tn_pool2d_opts *o = n->opts;
    *s = (tn_pool){
        .code = code,
        .max = is_max(n),
        .relu = tn_has_post(n, TN_POST_RELU),
        .counts_pad = o->kind == TN_POOL_MEAN_PAD,
        .planes = n->x[0].dim[0] * ((n->x[0].dim[1] + code->lanes - 1) / code->lanes),
    };
    for (int i = 0; i < 2; i++) {
        s->in[i] = n->x[0].dim[2 + i];
        s->out[i] = n->y[0].dim[2 + i];
        s->kernel[i] = o->kernel[i];
        s->dilation[i] = o->dilation[i];
        s->reach[i] = tn_reach(o->kernel, o->dilation, i);
        s->stride[i] = o->stride[i];
        s->pad[i] = o->pad[i];
        s->after[i] = o->pad[i] + o->pad_extra[i];
        find_whole(s, i);
    }
    if (s->max && b->dx[0])
        s->tap_bytes = s->kernel[0] * s->kernel[1] <= TN_POOL_BYTE_TAPS ? 1 : 4;
    const int64_t end = s->out[1] * s->kernel[1] - s->pad[1];
    if (s->stride[0] >= s->kernel[0] && s->stride[1] == s->kernel[1] && s->dilation[0] == 1 &&
        s->dilation[1] == 1)
        s->covered = end < s->in[1] ? end : s->in[1];
    snprintf(s->name, sizeof s->name, "%s %dx%d:%s", s->max ? "max" : "mean", o->kernel[0],
             o->kernel[1], code->name);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_pool_code *code = code_of[tn_cpu_isa_here()];
    tn_maker m = tn_maker_begin(d, n);
    const tn_layout *x = tn_md_layout(tn_md_image(&m, &n->x[0], code->lanes));
    const tn_layout *y = tn_md_layout(tn_md_image(&m, &n->y[0], code->lanes));
    if (m.status != TN_OK)
        return m.status;
    if (b->x[0] != x && !only_here(n))
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: x is not in blocks of %d channels", n->name,
                       code->lanes);
    tn_pool *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("pool2d", sizeof *s);
    fill(s, n, b, code);
    b->x[0] = x;
    b->y[0] = y;
    b->saved_bytes = y->bytes / sizeof(float) * (size_t)s->tap_bytes;
    b->state = s;
    return TN_OK;
}

static void forward_rows(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_pool *s = c->state;
    const int64_t in = s->in[0] * s->in[1] * s->code->lanes, out = s->out[1] * s->code->lanes;
    const float *x = c->x[0];
    float *y = c->y[0];
    char *taps = c->run->training && s->tap_bytes ? c->saved : NULL;
    for (int64_t i = all.begin; i < all.end; i++)
        s->code->forward(s, x + i / s->out[0] * in, i % s->out[0], y + i * out,
                         taps ? taps + i * out * s->tap_bytes : NULL);
}

static tn_status forward(const tn_call *c)
{
    const tn_pool *s = c->state;
    tn_each(c->device, s->planes * s->out[0], 1 + TN_FLOATS / (s->out[1] * s->code->lanes),
            forward_rows, c);
    return TN_OK;
}

static void backward_rows(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_pool *s = c->state;
    const int64_t in = s->in[1] * s->code->lanes, out = s->out[0] * s->out[1] * s->code->lanes;
    const float *dy = c->dy[0];
    const char *taps = s->tap_bytes ? c->saved : NULL;
    float *dx = c->dx[0];
    for (int64_t row = all.begin; row < all.end; row++) {
        const int64_t i = row / s->in[0], h = row % s->in[0];
        s->code->backward(s, dy + i * out, taps ? taps + i * out * s->tap_bytes : NULL, h,
                          dx + row * in);
    }
}

static tn_status backward(const tn_call *c)
{
    const tn_pool *s = c->state;
    tn_each(c->device, s->planes * s->in[0], 1 + TN_FLOATS / (s->in[1] * s->code->lanes),
            backward_rows, c);
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const tn_pool *)state)->name;
}

const tn_kernel tn_cpu_pool2d_blocked = {
    .op = "pool2d",
    .name = "blocked",
    .rank = 1,
    .posts = {{TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
