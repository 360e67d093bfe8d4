#include "backends/cpu/onednn/linear.h"

#include <math.h>
#include <string.h>

int tn_linear_rank(const tn_prim *p)
{
    const char *impl = tn_prim_impl(p);
    if (!impl)
        return -1;
    if (strstr(impl, "ref") || strstr(impl, "simple"))
        return 0;
    return strstr(impl, "gemm") && !strstr(impl, "brgemm") ? 1 : 2;
}

/* Makes what `s` asks for and keeps the faster of that and *best. That oneDNN has none is no error. */
static void try_make(tn_maker *m, const tn_linear_spec *l, const tn_prim_spec *s, tn_prim *best)
{
    tn_prim p = {0};
    l->make(m, &p, s);
    if (m->status == TN_ERR_UNSUPPORTED)
        m->status = TN_OK;
    if (tn_linear_rank(&p) > tn_linear_rank(best)) {
        const tn_prim worse = *best;
        *best = p;
        p = worse;
    }
    tn_prim_free(&p);
}

/* Nothing made at all: asks once more, so that oneDNN's error stands. */
static void require(tn_maker *m, const tn_linear_spec *l, const tn_prim_spec *s, tn_prim *p)
{
    if (m->status == TN_OK && !p->primitive)
        l->make(m, p, s);
}

static void make_forward(tn_maker *m, tn_linear *l, const tn_node *n, const tn_linear_spec *s,
                         const tn_md *bias)
{
    /* The same kernels in training and evaluation: those for inference alone may want x by channels last,
     * a layout that no neighbour has, and are no faster. */
    tn_prim_spec spec = {.pass = dnnl_forward_training,
                         .x = s->x,
                         .w = tn_md_any(m, s->w_ndim, s->w_dim, TN_F32),
                         .b = bias,
                         .y = tn_md_any(m, n->y[0].ndim, n->y[0].dim, TN_F32),
                         .window = s->window,
                         .last = l->relu_apart ? dnnl_alg_kind_undef : s->last,
                         .alpha = s->alpha,
                         .beta = s->beta};
    if (l->relu && !l->relu_apart)
        spec.last = dnnl_eltwise_relu;
    if (tn_md_layout(s->x))
        try_make(m, s, &spec, &l->forward);
    spec.x = tn_md_any_like(m, s->x);
    if (tn_linear_rank(&l->forward) < 2)
        try_make(m, s, &spec, &l->forward);
    require(m, s, &spec, &l->forward);
}

/* With x, w and y as they are; if that is slow, with w free; if that is slow, with all free. */
static void make_backward(tn_maker *m, tn_prim *p, const tn_linear_spec *l, tn_prim_spec *s)
{
    try_make(m, l, s, p);
    s->w = tn_md_any_like(m, s->w);
    if (tn_linear_rank(p) < 2)
        try_make(m, l, s, p);
    s->x = tn_md_any_like(m, s->x);
    s->y = tn_md_any_like(m, s->y);
    if (tn_linear_rank(p) < 2)
        try_make(m, l, s, p);
    require(m, l, s, p);
}

static void detour_in(tn_maker *m, tn_detour *t, const tn_md *have, const tn_prim *p, int arg,
                      size_t *scratch)
{
    const tn_md *want = tn_prim_md(m, p, arg);
    if (m->status != TN_OK || want == have)
        return;
    t->at = tn_cpu_part(scratch, tn_md_bytes(want));
    tn_make_reorder(m, &t->reorder, have, want);
}

static void detour_out(tn_maker *m, tn_detour *t, const tn_prim *p, int arg, const tn_md *have,
                       size_t *scratch)
{
    const tn_md *made = tn_prim_md(m, p, arg);
    if (m->status != TN_OK || made == have)
        return;
    t->at = tn_cpu_part(scratch, tn_md_bytes(made));
    tn_make_reorder(m, &t->reorder, made, have);
}

/* `used`: the part of scratch that both passes share, then each its own. Returns what it takes. */
static size_t prepare_data(tn_maker *m, tn_linear *l, const tn_linear_spec *s, const tn_md *x,
                           const tn_md *w, const tn_md *y, size_t used)
{
    tn_linear_pass *pass = &l->data;
    make_backward(m, &pass->prim, s,
                  &(tn_prim_spec){.pass = dnnl_backward_data,
                                  .x = x,
                                  .w = w,
                                  .y = y,
                                  .window = s->window,
                                  .forward = &l->forward});
    detour_in(m, &pass->in[0], y, &pass->prim, DNNL_ARG_DIFF_DST, &used);
    detour_in(m, &pass->in[1], w, &pass->prim, DNNL_ARG_WEIGHTS, &used);
    detour_out(m, &pass->out, &pass->prim, DNNL_ARG_DIFF_SRC, x, &used);
    pass->scratchpad = tn_cpu_part(&used, tn_prim_bytes(&pass->prim, DNNL_ARG_SCRATCHPAD));
    return used;
}

static size_t prepare_weights(tn_maker *m, tn_linear *l, const tn_linear_spec *s,
                              const tn_binding *b, const tn_md *x, const tn_md *w,
                              const tn_md *bias, const tn_md *y, size_t used)
{
    tn_linear_pass *pass = &l->weights;
    make_backward(m, &pass->prim, s,
                  &(tn_prim_spec){.pass = dnnl_backward_weights,
                                  .x = x,
                                  .w = w,
                                  .b = b->dw[1] ? bias : NULL,
                                  .y = y,
                                  .window = s->window,
                                  .forward = &l->forward});
    detour_in(m, &pass->in[0], y, &pass->prim, DNNL_ARG_DIFF_DST, &used);
    detour_in(m, &pass->in[1], x, &pass->prim, DNNL_ARG_SRC, &used);
    if (b->dw[0])
        detour_out(m, &pass->out, &pass->prim, DNNL_ARG_DIFF_WEIGHTS, w, &used);
    else
        l->dw = tn_cpu_part(&used, tn_prim_bytes(&pass->prim, DNNL_ARG_DIFF_WEIGHTS));
    pass->scratchpad = tn_cpu_part(&used, tn_prim_bytes(&pass->prim, DNNL_ARG_SCRATCHPAD));
    return used;
}

void tn_linear_prepare(tn_maker *m, tn_linear *l, const tn_node *n, tn_binding *b,
                       const tn_linear_spec *s)
{
    const tn_md *bias = n->num_params > 1 ? tn_md_plain(m, 1, n->y[0].dim + 1, TN_F32) : NULL;
    l->relu = tn_has_post(n, TN_POST_RELU);
    l->adds = tn_has_post(n, TN_POST_ADD);
    l->relu_apart = s->relu_apart || l->adds;
    make_forward(m, l, n, s, bias);
    const tn_md *x = tn_prim_md(m, &l->forward, DNNL_ARG_SRC);
    const tn_md *w = tn_prim_md(m, &l->forward, DNNL_ARG_WEIGHTS);
    const tn_md *y = tn_prim_md(m, &l->forward, DNNL_ARG_DST);
    if (m->status != TN_OK)
        return;
    b->x[0] = tn_md_layout(x);
    b->w[0] = tn_md_layout(w);
    b->w[1] = NULL;
    b->y[0] = tn_md_layout(y);
    if (l->adds)
        b->x[1] = b->y[0];
    size_t shared = 0, forward = 0;
    l->forward_scratchpad = tn_cpu_part(&forward, tn_prim_bytes(&l->forward, DNNL_ARG_SCRATCHPAD));
    b->scratch_bytes = forward;
    b->backward_reads_x[0] = b->dw[0] || b->dw[1];
    b->backward_reads_y = l->relu;
    l->y_elements = tn_md_elements(y);

    if (l->relu && b->training)
        l->dz = tn_cpu_part(&shared, tn_md_bytes(y));
    if (b->dx[0])
        b->scratch_bytes = tn_cpu_larger(b->scratch_bytes, prepare_data(m, l, s, x, w, y, shared));
    if (b->dw[0] || b->dw[1])
        b->scratch_bytes =
            tn_cpu_larger(b->scratch_bytes, prepare_weights(m, l, s, b, x, w, bias, y, shared));
}

static void *scratch_at(const tn_call *c, size_t at)
{
    return (unsigned char *)c->scratch + at;
}

/* y + r, and that where it is not below 0, if a relu is behind it. */
static void add_forward(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *r = c->x[1], least = ((const tn_linear *)c->state)->relu ? 0 : -INFINITY;
    float *y = c->y[0];
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float sum = y[i] + r[i];
        y[i] = least > sum ? least : sum;
    }
}

/* A NaN stays one. */
static void relu_forward(const void *of, tn_piece p)
{
    float *y = ((const tn_call *)of)->y[0];
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++)
        y[i] = 0 > y[i] ? 0 : y[i];
}

tn_status tn_linear_forward(tn_linear *l, const tn_call *c)
{
    TN_TRY(tn_prim_run(&l->forward, (tn_prim_arg[]){
                                        {DNNL_ARG_SRC, c->x[0]},
                                        {DNNL_ARG_WEIGHTS, c->w[0]},
                                        {DNNL_ARG_BIAS, c->w[1]},
                                        {DNNL_ARG_DST, c->y[0]},
                                        {DNNL_ARG_SCRATCHPAD, scratch_at(c, l->forward_scratchpad)},
                                        {0},
                                    }));
    if (l->adds)
        tn_each(c->device, l->y_elements, TN_FLOATS, add_forward, c);
    else if (l->relu && l->relu_apart)
        tn_each(c->device, l->y_elements, TN_FLOATS, relu_forward, c);
    return TN_OK;
}

static void relu_backward(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *y = c->y[0], *dy = c->dy[0];
    float *dz = scratch_at(c, ((const tn_linear *)c->state)->dz);
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float through = dy[i]; /* read whatever y is, so that nothing branches */
        dz[i] = y[i] > 0 ? through : 0;
    }
}

/* Moves *p to the layout wanted, if it is another. */
static tn_status go_in(tn_detour *t, const tn_call *c, const void **p)
{
    if (!t->reorder.primitive)
        return TN_OK;
    void *to = scratch_at(c, t->at);
    TN_TRY(tn_prim_run(&t->reorder, (tn_prim_arg[]){{DNNL_ARG_FROM, *p}, {DNNL_ARG_TO, to}, {0}}));
    *p = to;
    return TN_OK;
}

/* Where the primitive shall write what belongs at `to`. */
static void *go_out(const tn_detour *t, const tn_call *c, void *to)
{
    return t->reorder.primitive ? scratch_at(c, t->at) : to;
}

static tn_status come_out(tn_detour *t, const tn_call *c, void *to)
{
    if (!t->reorder.primitive)
        return TN_OK;
    return tn_prim_run(
        &t->reorder,
        (tn_prim_arg[]){{DNNL_ARG_FROM, scratch_at(c, t->at)}, {DNNL_ARG_TO, to}, {0}});
}

static tn_status backward_data(tn_linear_pass *p, const tn_call *c, const void *dz)
{
    const void *w = c->w[0];
    TN_TRY(go_in(&p->in[0], c, &dz));
    TN_TRY(go_in(&p->in[1], c, &w));
    TN_TRY(tn_prim_run(&p->prim, (tn_prim_arg[]){
                                     {DNNL_ARG_DIFF_DST, dz},
                                     {DNNL_ARG_WEIGHTS, w},
                                     {DNNL_ARG_DIFF_SRC, go_out(&p->out, c, c->dx[0])},
                                     {DNNL_ARG_SCRATCHPAD, scratch_at(c, p->scratchpad)},
                                     {0},
                                 }));
    return come_out(&p->out, c, c->dx[0]);
}

static tn_status backward_weights(tn_linear *l, const tn_call *c, const void *dz)
{
    const void *x = c->x[0];
    tn_linear_pass *p = &l->weights;
    TN_TRY(go_in(&p->in[0], c, &dz));
    TN_TRY(go_in(&p->in[1], c, &x));
    void *dw = c->dw[0] ? go_out(&p->out, c, c->dw[0]) : scratch_at(c, l->dw);
    TN_TRY(tn_prim_run(&p->prim, (tn_prim_arg[]){
                                     {DNNL_ARG_SRC, x},
                                     {DNNL_ARG_DIFF_DST, dz},
                                     {DNNL_ARG_DIFF_WEIGHTS, dw},
                                     {DNNL_ARG_DIFF_BIAS, c->dw[1]},
                                     {DNNL_ARG_SCRATCHPAD, scratch_at(c, p->scratchpad)},
                                     {0},
                                 }));
    return c->dw[0] ? come_out(&p->out, c, c->dw[0]) : TN_OK;
}

tn_status tn_linear_backward(tn_linear *l, const tn_call *c)
{
    const void *dz = c->dy[0];
    if (l->relu) {
        tn_each(c->device, l->y_elements, TN_FLOATS, relu_backward, c);
        dz = scratch_at(c, l->dz);
    }
    if (c->dw[0] || c->dw[1])
        TN_TRY(backward_weights(l, c, dz));
    return c->dx[0] ? backward_data(&l->data, c, dz) : TN_OK;
}

static void free_pass(tn_linear_pass *p)
{
    tn_prim_free(&p->prim);
    tn_prim_free(&p->in[0].reorder);
    tn_prim_free(&p->in[1].reorder);
    tn_prim_free(&p->out.reorder);
}

void tn_linear_free(tn_linear *l)
{
    tn_prim_free(&l->forward);
    free_pass(&l->data);
    free_pass(&l->weights);
}
