/* pool2d on the CPU by oneDNN, in the layouts that pool2d_blocked.c leaves it. y and dx are laid out as x is. */
#include "backends/cpu/onednn/onednn.h"

typedef struct pooling {
    tn_prim forward, backward;
} pooling;

static tn_window window_of(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    return tn_window_of(o->kernel, o->stride, o->pad, (int[]){1, 1}, &n->x[0], &n->y[0]);
}

/* oneDNN divides by the whole window, also where it reaches past the padding. */
static tn_status supports(const tn_node *n)
{
    const tn_pool2d_opts *o = n->opts;
    const tn_window w = window_of(n);
    if (o->dilation[0] > 1 || o->dilation[1] > 1)
        return tn_fail(TN_ERR_UNSUPPORTED, "pool2d %s: this kernel's taps lie side by side",
                       n->name);
    for (int i = 0; i < 2; i++)
        if (o->kind == TN_POOL_MEAN_PAD && w.after[i] > o->pad[i] + o->pad_extra[i])
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "pool2d %s: oneDNN cannot leave out taps beyond the padding", n->name);
    return TN_OK;
}

static void release(void *state)
{
    pooling *s = state;
    tn_prim_free(&s->forward);
    tn_prim_free(&s->backward);
    tn_free(s);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    static const dnnl_alg_kind_t alg[] = {
        [TN_POOL_MAX] = dnnl_pooling_max,
        [TN_POOL_MEAN] = dnnl_pooling_avg_exclude_padding,
        [TN_POOL_MEAN_PAD] = dnnl_pooling_avg_include_padding,
    };
    pooling *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("pool2d", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_window window = window_of(n);
    tn_prim_spec spec = {
        .pass = b->dx[0] ? dnnl_forward_training : dnnl_forward_inference,
        .alg = alg[((const tn_pool2d_opts *)n->opts)->kind],
        .x = tn_md_of(&m, &n->x[0], TN_F32, b->x[0]),
        .y = tn_md_any(&m, n->y[0].ndim, n->y[0].dim, TN_F32),
        .window = &window,
    };
    tn_make_pooling(&m, &s->forward, &spec);
    spec.y = tn_prim_md(&m, &s->forward, DNNL_ARG_DST);
    if (b->dx[0]) {
        spec.pass = dnnl_backward_data;
        spec.forward = &s->forward;
        tn_make_pooling(&m, &s->backward, &spec);
    }
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    const size_t forward = tn_prim_bytes(&s->forward, DNNL_ARG_SCRATCHPAD);
    const size_t backward = tn_prim_bytes(&s->backward, DNNL_ARG_SCRATCHPAD);
    b->y[0] = tn_md_layout(spec.y);
    b->saved_bytes = tn_prim_bytes(&s->forward, DNNL_ARG_WORKSPACE);
    b->scratch_bytes = forward > backward ? forward : backward;
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    pooling *s = c->state;
    return tn_prim_run(&s->forward, (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                                                    {DNNL_ARG_DST, c->y[0]},
                                                    {DNNL_ARG_WORKSPACE, c->saved},
                                                    {DNNL_ARG_SCRATCHPAD, c->scratch},
                                                    {0}});
}

static tn_status backward(const tn_call *c)
{
    pooling *s = c->state;
    return tn_prim_run(&s->backward, (tn_prim_arg[]){{DNNL_ARG_DIFF_DST, c->dy[0]},
                                                     {DNNL_ARG_DIFF_SRC, c->dx[0]},
                                                     {DNNL_ARG_WORKSPACE, c->saved},
                                                     {DNNL_ARG_SCRATCHPAD, c->scratch},
                                                     {0}});
}

static const char *describe(const void *state)
{
    return tn_prim_impl(&((const pooling *)state)->forward);
}

const tn_kernel tn_cpu_pool2d_onednn = {
    .op = "pool2d",
    .name = "onednn",
    .rank = 2,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
