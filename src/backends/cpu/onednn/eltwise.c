#include "backends/cpu/onednn/eltwise.h"

typedef struct eltwise {
    tn_prim forward, backward;
} eltwise;

tn_status tn_eltwise_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                             dnnl_alg_kind_t alg, float alpha)
{
    eltwise *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *x = tn_md_of(&m, &n->x[0], TN_F32, b->x[0]);
    tn_make_eltwise(
        &m, &s->forward,
        &(tn_prim_spec){.pass = b->training ? dnnl_forward_training : dnnl_forward_inference,
                        .alg = alg,
                        .alpha = alpha,
                        .x = x});
    if (b->dx[0])
        tn_make_eltwise(&m, &s->backward,
                        &(tn_prim_spec){.pass = dnnl_backward_data,
                                        .alg = alg,
                                        .alpha = alpha,
                                        .x = x,
                                        .y = x,
                                        .forward = &s->forward});
    if (m.status != TN_OK) {
        tn_eltwise_release(s);
        return m.status;
    }
    b->y[0] = b->x[0];
    b->backward_reads_y = true;
    b->inplace = b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

tn_status tn_eltwise_forward(const tn_call *c)
{
    eltwise *s = c->state;
    return tn_prim_run(&s->forward, (tn_prim_arg[]){
                                        {DNNL_ARG_SRC, c->x[0]},
                                        {DNNL_ARG_DST, c->y[0]},
                                        {0},
                                    });
}

tn_status tn_eltwise_backward(const tn_call *c)
{
    eltwise *s = c->state;
    return tn_prim_run(&s->backward, (tn_prim_arg[]){
                                         {DNNL_ARG_DST, c->y[0]},
                                         {DNNL_ARG_DIFF_DST, c->dy[0]},
                                         {DNNL_ARG_DIFF_SRC, c->dx[0]},
                                         {0},
                                     });
}

void tn_eltwise_release(void *state)
{
    eltwise *s = state;
    tn_prim_free(&s->forward);
    tn_prim_free(&s->backward);
    tn_free(s);
}

const char *tn_eltwise_describe(const void *state)
{
    const eltwise *s = state;
    return tn_prim_impl(&s->forward);
}
