/*
 * conv2d as its formula has it; see direct/direct.h.
 *
 * Taken where oneDNN is not, whose code is as fast: of the 1 x 1 layers of MobileNetV1 at batch 16 (two threads of a Xeon,
 * AVX-512, at 93 to 98 % of what its cores do at most) 54 ms forward and 113 backward against 56 and 121 here.
 */
#include <math.h>

#include "backends/cpu/direct/direct.h"
#include "backends/cpu/onednn/door.h"
#include "base/base.h"

static const tn_direct_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_direct_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_direct_avx2,
    [TN_CPU_AVX512] = &tn_direct_avx512,
#endif
};

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not directly: %s", n->name, why);
}

/* Of operations of each element a clip around 0, which leaves what fills the last block of channels as it is. */
static bool takes_posts(const tn_node *n)
{
    if (!tn_has_post(n, TN_POST_EACH))
        return true;
    const tn_clip_opts *o = n->post[0]->opts;
    return strcmp(n->post[0]->op->name, "clip") == 0 && o->min <= 0 && o->max >= 0;
}

/* Groups share no block of channels. */
static bool has_whole_groups(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int lanes = code_of[tn_cpu_isa_here()]->lanes;
    const int64_t channels = n->x[0].dim[1] / o->groups, filters = o->filters / o->groups;
    return o->groups == 1 || (channels % lanes == 0 && filters % lanes == 0);
}

bool tn_direct_takes(const tn_node *n)
{
    return has_whole_groups(n) && takes_posts(n);
}

static tn_status supports(const tn_node *n)
{
    if (!has_whole_groups(n))
        return refuse(n, "groups are not of whole blocks of channels and filters");
    return tn_direct_takes(n) ? TN_OK : refuse(n, "with what is behind it");
}

static void fill_post(tn_direct *s, const tn_node *n)
{
    s->relu = tn_has_post(n, TN_POST_RELU);
    s->holds = s->relu;
    s->high = INFINITY;
    if (tn_has_post(n, TN_POST_EACH)) {
        const tn_clip_opts *o = n->post[0]->opts;
        s->holds = true;
        s->low = o->min;
        s->high = o->max;
    }
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_direct_code *code = code_of[tn_cpu_isa_here()];
    const bool plain = !tn_onednn_version();
    TN_TRY(tn_onednn_conv_blocks(d, n, code->lanes, false, b));
    tn_direct *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    *s = (tn_direct){.code = code};
    fill_post(s, n);
    tn_direct_prepare(s, n, b, d->threads);
    s->plain = plain;
    if (plain)
        tn_plain_prepare(&s->in_blocks, n, code->lanes, false, b);
    b->state = s;
    return TN_OK;
}

static tn_status arrange(const tn_call *c)
{
    tn_plain_arrange(&((const tn_direct *)c->state)->in_blocks, c);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const tn_direct *s = c->state;
    return s->plain ? tn_plain_forward(&s->in_blocks, c, tn_direct_forward) : tn_direct_forward(c);
}

static tn_status backward(const tn_call *c)
{
    const tn_direct *s = c->state;
    return s->plain ? tn_plain_backward(&s->in_blocks, c, tn_direct_backward)
                    : tn_direct_backward(c);
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const tn_direct *)state)->name;
}

const tn_kernel tn_cpu_conv2d_direct = {
    .op = "conv2d",
    .name = "direct",
    .rank = 6,
    .posts = {{TN_POST_RELU}, {TN_POST_EACH}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .arrange = arrange,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
