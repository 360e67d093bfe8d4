/*
 * conv2d with one filter a channel, as MobileNets have them; see depthwise/depthwise.h.
 *
 * Behind it a function of one value may stand. It has to leave what fills the last block of channels 0.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/depthwise/depthwise.h"
#include "backends/cpu/onednn/door.h"
#include "base/base.h"

enum { NEAR = 1 << 22 /* floats of x and y that the processor fetches by itself in time */ };

static const tn_depthwise_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_depthwise_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_depthwise_avx2,
    [TN_CPU_AVX512] = &tn_depthwise_avx512,
#endif
};

static bool is_post(const tn_node *post, const char *op)
{
    return strcmp(post->op->name, op) == 0;
}

/* Of a sum and a relu behind it the relu. */
static void fill_post(tn_depthwise *s, const tn_node *n)
{
    const tn_node *post = n->post[0];
    if (post && post->op->post == TN_POST_ADD)
        post = n->post[1];
    s->holds = false;
    s->last = NULL;
    if (!post)
        return;
    const bool clips = is_post(post, "clip");
    tn_option_floats(post, s->k, TN_COUNT(s->k));
    s->holds = clips || post->op->post == TN_POST_RELU;
    s->low = clips ? s->k[0] : 0;
    s->high = clips ? s->k[1] : INFINITY;
    const tn_unary_loops *loops = s->holds ? NULL : tn_unary_post(post);
    s->last = loops ? loops->y : NULL;
}

/* What it makes of 0. */
static float of_zero(const tn_depthwise *s)
{
    float y = 0;
    if (s->last)
        s->last(
            &(tn_unary_run){.count = 1, .from = &y, .to = &y, .k = {s->k[0], s->k[1], s->k[2]}});
    else
        y = s->low > 0 ? s->low : s->high < 0 ? s->high : 0;
    return y;
}

/* prepare() may not refuse what is behind it: no other kernel may be there that does it. */
static tn_status supports(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t channels = n->x[0].dim[1];
    if (o->groups != channels || o->filters != channels)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s", ""); /* of most convolutions */
    if (!tn_has_post(n, TN_POST_EACH))
        return TN_OK;
    tn_depthwise s;
    fill_post(&s, n);
    if (!s.holds && !s.last)
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not as depthwise with %s behind it", n->name,
                       n->post[0]->op->name);
    if (channels % code_of[tn_cpu_isa_here()]->lanes && of_zero(&s) != 0)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "conv2d %s: not as depthwise: %s does not leave 0 what fills the last of "
                       "its blocks of channels",
                       n->name, n->post[0]->op->name);
    return TN_OK;
}

/* The size that makes the fewest pixels twice. */
static int tile_for(int64_t pixels)
{
    const int64_t sevens = (pixels + 6) / 7 * 7, eights = (pixels + 7) / 8 * 8;
    return eights <= sevens ? 8 : 7;
}

static void fill(tn_depthwise *s, const tn_node *n, const tn_depthwise_code *code)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t blocks = (o->filters + code->lanes - 1) / code->lanes;
    *s = (tn_depthwise){.code = code,
                        .channels = o->filters,
                        .blocks = blocks,
                        .planes = n->x[0].dim[0] * blocks,
                        .tile = tile_for(n->y[0].dim[3])};
    for (int i = 0; i < 2; i++) {
        s->in[i] = n->x[0].dim[2 + i];
        s->out[i] = n->y[0].dim[2 + i];
        s->kernel[i] = o->kernel[i];
        s->stride[i] = o->stride[i];
        s->pad[i] = o->pad[i];
        s->dilation[i] = o->dilation[i];
    }
    s->fetches = s->planes * code->lanes * (s->in[0] * s->in[1] + s->out[0] * s->out[1]) > NEAR;
    fill_post(s, n);
    snprintf(s->name, sizeof s->name, "depthwise %dx%d:%s", o->kernel[0], o->kernel[1], code->name);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_depthwise_code *code = code_of[tn_cpu_isa_here()];
    TN_TRY(tn_onednn_conv_blocks(d, n, code->lanes, true, b));
    tn_depthwise *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    fill(s, n, code);
    b->scratch_bytes = (size_t)(s->blocks * code->lanes) * sizeof(float);
    if (TN_WHOLE && b->training)
        b->scratch_bytes =
            tn_cpu_larger(b->scratch_bytes, tn_depthwise_prepare_back(s, d->threads));
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->holds;
    s->plain = !tn_onednn_version();
    if (s->plain)
        tn_plain_prepare(&s->in_blocks, n, code->lanes, true, b);
    b->state = s;
    return TN_OK;
}

typedef struct job {
    const tn_call *c;
    const float *bias;
} job;

static void forward_rows(const void *of, tn_piece rows)
{
    const job *j = of;
    const tn_depthwise *s = j->c->state;
    const int64_t lanes = s->code->lanes, P = s->out[0], in = s->in[0] * s->in[1] * lanes,
                  out = s->out[1] * lanes, filter = s->kernel[0] * s->kernel[1] * lanes;
    const float *x = j->c->x[0], *w = j->c->w[0], *more = j->c->x[1];
    float *y = j->c->y[0];
    for (int64_t i = rows.begin, count; i < rows.end; i += count) {
        const int64_t plane = i / P, block = plane % s->blocks, row = i % P;
        count = tn_cpu_lower(P - row, rows.end - i);
        s->code->forward(s, x + plane * in, w + block * filter,
                         j->bias ? j->bias + block * lanes : NULL, more ? more + i * out : NULL,
                         row, row + count, y + i * out);
    }
}

static tn_status forward_blocks(const tn_call *c)
{
    const tn_depthwise *s = c->state;
    const float *bias =
        tn_cpu_whole_blocks(c->w[1], s->channels, s->blocks * s->code->lanes, c->scratch);
    tn_each(c->device, s->planes * s->out[0], 1 + TN_FLOATS / (s->out[1] * s->code->lanes),
            forward_rows, &(job){c, bias});
    return TN_OK;
}

static tn_status arrange(const tn_call *c)
{
    tn_plain_arrange(&((const tn_depthwise *)c->state)->in_blocks, c);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const tn_depthwise *s = c->state;
    return s->plain ? tn_plain_forward(&s->in_blocks, c, forward_blocks) : forward_blocks(c);
}

static tn_status backward(const tn_call *c)
{
    const tn_depthwise *s = c->state;
    return s->plain ? tn_plain_backward(&s->in_blocks, c, tn_depthwise_backward)
                    : tn_depthwise_backward(c);
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const tn_depthwise *)state)->name;
}

const tn_kernel tn_cpu_conv2d_depthwise = {
    .op = "conv2d",
    .name = "depthwise",
    .rank = 3,
    .posts = {{TN_POST_RELU}, {TN_POST_EACH}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .arrange = arrange,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
