/* lrn on the CPU: oneDNN's, which has the same formula. y and dx are laid out as x is. */
#include "backends/cpu/onednn/onednn.h"

typedef struct lrn {
    tn_prim forward, backward;
} lrn;

static void release(void *state)
{
    lrn *s = state;
    tn_prim_free(&s->forward);
    tn_prim_free(&s->backward);
    tn_free(s);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_lrn_opts *o = n->opts;
    lrn *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("lrn", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *x = tn_md_of(&m, &n->x[0], TN_F32, b->x[0]);
    tn_prim_spec spec = {
        .pass = b->dx[0] ? dnnl_forward_training : dnnl_forward_inference,
        .x = x,
        .size = o->size,
        .alpha = o->alpha,
        .beta = o->beta,
        .k = o->k,
    };
    tn_make_lrn(&m, &s->forward, &spec);
    if (b->dx[0]) {
        spec.pass = dnnl_backward_data;
        spec.y = x;
        spec.forward = &s->forward;
        tn_make_lrn(&m, &s->backward, &spec);
    }
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    const size_t forward = tn_prim_bytes(&s->forward, DNNL_ARG_SCRATCHPAD);
    const size_t backward = tn_prim_bytes(&s->backward, DNNL_ARG_SCRATCHPAD);
    b->y[0] = b->x[0];
    b->saved_bytes = tn_prim_bytes(&s->forward, DNNL_ARG_WORKSPACE);
    b->scratch_bytes = forward > backward ? forward : backward;
    b->backward_reads_x[0] = true;
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    lrn *s = c->state;
    return tn_prim_run(&s->forward, (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                                                    {DNNL_ARG_DST, c->y[0]},
                                                    {DNNL_ARG_WORKSPACE, c->saved},
                                                    {DNNL_ARG_SCRATCHPAD, c->scratch},
                                                    {0}});
}

static tn_status backward(const tn_call *c)
{
    lrn *s = c->state;
    /* Of two implementations one may save what the other has no use for. */
    const void *saved = tn_prim_bytes(&s->backward, DNNL_ARG_WORKSPACE) ? c->saved : NULL;
    return tn_prim_run(&s->backward, (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                                                     {DNNL_ARG_DIFF_DST, c->dy[0]},
                                                     {DNNL_ARG_DIFF_SRC, c->dx[0]},
                                                     {DNNL_ARG_WORKSPACE, saved},
                                                     {DNNL_ARG_SCRATCHPAD, c->scratch},
                                                     {0}});
}

static const char *describe(const void *state)
{
    return tn_prim_impl(&((const lrn *)state)->forward);
}

const tn_kernel tn_cpu_lrn = {
    .op = "lrn",
    .name = "onednn",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
