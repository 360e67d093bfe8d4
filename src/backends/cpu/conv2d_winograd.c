/* conv2d by Winograd's method; see winograd/tile.h for the formulas, winograd/passes.h for the passes.
 *
 * Taken for windows of 3 x 3 and 5 x 5 pixels with stride 1 where it is faster than oneDNN's direct
 * convolution, unless the plan is strict: its rounding errors are larger (docs/numerics.md). */
#include <string.h>

#include "backends/cpu/winograd/passes.h"

static const tn_wino_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = TN_OF_WHOLE(&tn_wino_portable),
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_wino_avx2,
    [TN_CPU_AVX512] = &tn_wino_avx512,
#endif
};

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not by Winograd's method: %s", n->name, why);
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

static tn_status supports(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    if (!code_of[tn_cpu_isa_here()])
        return refuse(n, "the processor has no AVX2, and libtenon-infer nothing for others");
    const int r = o->kernel[0];
    if (o->kernel[1] != r || (r != 3 && r != 5))
        return refuse(n, "the window is not 3 x 3 or 5 x 5");
    if (o->stride[0] != 1 || o->stride[1] != 1)
        return refuse(n, "the stride is not 1");
    if (o->dilation[0] != 1 || o->dilation[1] != 1)
        return refuse(n, "the window is dilated");
    if (o->pad[0] >= r || o->pad[1] >= r || o->pad[0] + o->pad_extra[0] >= r ||
        o->pad[1] + o->pad_extra[1] >= r)
        return refuse(n, "the padding is as large as the window");
    if (!has_whole_groups(n))
        return refuse(n, code_of[tn_cpu_isa_here()]->lanes == 16
                             ? "groups are not of a multiple of 16 channels and filters"
                             : "groups are not of a multiple of 8 channels and filters");
    return takes_posts(n) ? TN_OK : refuse(n, "with what is behind it");
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_wino_code *code = code_of[tn_cpu_isa_here()];
    if (b->strict || d->prefer == TN_CPU_DIRECT)
        return refuse(n, b->strict ? "the plan is strict" : "another kernel is asked for");
    tn_wino *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    tn_wino_prepare(&m, s, n, b, code);
    if (m.status != TN_OK) {
        tn_free(s);
        return m.status;
    }
    b->state = s;
    return TN_OK;
}

static tn_status arrange(const tn_call *c)
{
    tn_wino_arrange(c->state, c);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    tn_wino_forward(c->state, c);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    tn_wino_backward(c->state, c);
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const tn_wino *)state)->name;
}

const tn_kernel tn_cpu_conv2d_winograd = {
    .op = "conv2d",
    .name = "winograd",
    .rank = 1,
    .posts = {{TN_POST_RELU}, {TN_POST_EACH}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .arrange = arrange,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
