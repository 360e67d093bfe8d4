/*
 * conv2d on oneDNN's direct convolution; see onednn/linear.h for layouts and passes.
 *
 * An absorbed relu is oneDNN's, which makes 0 of a NaN, and so are others of each element (find_last). Apart it would cost up
 * to a quarter of the pass where there are few products to a result: 64 channels and filters, 1 x 1, 56 x 56 pixels: 2.8 ms,
 * apart 3.6 (1 thread, AVX2).
 */
#include <string.h>

#include "backends/cpu/direct/direct.h"
#include "backends/cpu/onednn/linear.h"

static void clip(const tn_node *n, tn_linear_spec *s)
{
    const tn_clip_opts *o = n->opts;
    s->alpha = o->min;
    s->beta = o->max;
}

static void leaky_relu(const tn_node *n, tn_linear_spec *s)
{
    s->alpha = ((const tn_leaky_relu_opts *)n->opts)->slope;
}

static void swish(const tn_node *n, tn_linear_spec *s)
{
    (void)n;
    s->alpha = 1;
}

/* What oneDNN calls a post-operation of each element; false: it is none of these. */
static bool find_last(const tn_node *post, tn_linear_spec *s)
{
    static const struct {
        const char *op;
        dnnl_alg_kind_t alg;
        void (*numbers)(const tn_node *n, tn_linear_spec *s);
    } known[] = {
        {"clip", dnnl_eltwise_clip, clip},
        {"leaky_relu", dnnl_eltwise_relu, leaky_relu},
        {"sigmoid", dnnl_eltwise_logistic, NULL},
        {"swish", dnnl_eltwise_swish, swish},
    };
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (strcmp(post->op->name, known[i].op) == 0) {
            s->last = known[i].alg;
            if (known[i].numbers)
                known[i].numbers(post, s);
            return true;
        }
    return false;
}

static tn_status supports(const tn_node *n)
{
    tn_linear_spec unused;
    for (int i = 0; n->post[i]; i++)
        if (n->post[i]->op->post == TN_POST_EACH && !find_last(n->post[i], &unused))
            return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not by oneDNN with %s behind it",
                           n->name, n->post[i]->op->name);
    return TN_OK;
}

static void release(void *state)
{
    tn_linear_free(state);
    tn_free(state);
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

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (d->prefer == TN_CPU_DIRECT && !b->chosen && tn_direct_takes(n))
        return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: another kernel is preferred", n->name);
    const tn_conv2d_opts *o = n->opts;
    tn_linear *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_window window =
        tn_window_of(o->kernel, o->stride, o->pad, o->dilation, &n->x[0], &n->y[0]);
    tn_linear_spec spec = describe_weights(n);
    spec.window = &window;
    if (tn_has_post(n, TN_POST_EACH))
        (void)find_last(n->post[0], &spec);
    spec.x = tn_md_of(&m, &n->x[0], TN_F32, b->x[0]);
    tn_linear_prepare(&m, s, n, b, &spec);
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    return tn_linear_forward(c->state, c);
}

static tn_status backward(const tn_call *c)
{
    return tn_linear_backward(c->state, c);
}

static const char *describe(const void *state)
{
    return tn_prim_impl(&((const tn_linear *)state)->forward);
}

const tn_kernel tn_cpu_conv2d_onednn = {
    .op = "conv2d",
    .name = "onednn",
    .rank = 5,
    .posts = {{TN_POST_RELU}, {TN_POST_EACH}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
