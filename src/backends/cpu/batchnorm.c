/*
 * batchnorm on the CPU: oneDNN's batch normalization; the running statistics move in a loop of ours, and a batch
 * of which not all rows hold a sample is done by ours altogether. y and dx are laid out as x is.
 */
#include "backends/cpu/batchnorm/loops.h"

typedef struct batchnorm {
    tn_prim train, evaluate, backward;
    bool frozen;               /* training is done with the running statistics too */
    tn_bn_places at;           /* for loops of ours */
    size_t mean, var;          /* where in saved */
    size_t dx, dweight, dbias; /* where in scratch goes what nobody asked for */
    size_t scratchpad;         /* where in scratch is oneDNN's */
} batchnorm;

static void release(void *state)
{
    batchnorm *s = state;
    tn_prim_free(&s->train);
    tn_prim_free(&s->evaluate);
    tn_prim_free(&s->backward);
    tn_free(s);
}

/* A plan may train without a gradient through this node, so `train` is always made. */
static void make_primitives(tn_maker *m, batchnorm *s, const tn_node *n, const tn_binding *b)
{
    const unsigned affine = dnnl_use_scale | dnnl_use_shift;
    const tn_md *x = tn_md_of(m, &n->x[0], TN_F32, b->x[0]);
    tn_prim_spec spec = {
        .pass = dnnl_forward_inference,
        .x = x,
        .epsilon = ((const tn_batchnorm_opts *)n->opts)->epsilon,
        .flags = affine | dnnl_use_global_stats,
    };
    tn_make_batchnorm(m, &s->evaluate, &spec);
    spec.pass = dnnl_forward_training;
    if (!s->frozen)
        spec.flags = affine;
    tn_make_batchnorm(m, &s->train, &spec);
    if (!b->training)
        return;
    spec.pass = dnnl_backward;
    spec.y = x;
    spec.forward = &s->train;
    tn_make_batchnorm(m, &s->backward, &spec);
}

/* x as it comes, if loops of ours can find their way in it. */
static void find_places(tn_maker *m, batchnorm *s, const tn_node *n, tn_binding *b)
{
    const tn_md *x = tn_md_of(m, &n->x[0], TN_F32, b->x[0]);
    if (m->status != TN_OK || tn_bn_find_places(x, &s->at))
        return;
    b->x[0] = NULL;
    s->at = tn_bn_canonical(&n->x[0]);
}

/* Of scratch the three primitives, which never run at the same time, share the last part. */
static void place_memory(batchnorm *s, const tn_node *n, tn_binding *b, size_t x_bytes)
{
    const size_t bytes = (size_t)n->x[0].dim[1] * sizeof(float);
    s->mean = tn_cpu_part(&b->saved_bytes, bytes);
    s->var = tn_cpu_part(&b->saved_bytes, bytes);
    s->dweight = tn_cpu_part(&b->scratch_bytes, b->training && !b->dw[TN_BN_WEIGHT] ? bytes : 0);
    s->dbias = tn_cpu_part(&b->scratch_bytes, b->training && !b->dw[TN_BN_BIAS] ? bytes : 0);
    s->dx = tn_cpu_part(&b->scratch_bytes, b->training && !b->dx[0] ? x_bytes : 0);
    const tn_prim *prims[] = {&s->train, &s->evaluate, &s->backward};
    size_t most = 0;
    for (size_t i = 0; i < TN_COUNT(prims); i++) {
        const size_t wanted = tn_prim_bytes(prims[i], DNNL_ARG_SCRATCHPAD);
        most = wanted > most ? wanted : most;
    }
    s->scratchpad = tn_cpu_part(&b->scratch_bytes, most);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const bool frozen = tn_is_frozen(n);
    if (b->shares > 0 && !frozen)
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: oneDNN takes statistics of its own rows",
                       n->name);
    if (b->training && !frozen)
        TN_TRY(tn_bn_check_count(n, tn_elements(&n->x[0]) / n->x[0].dim[1]));
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    s->frozen = frozen;
    tn_maker m = tn_maker_begin(d, n);
    find_places(&m, s, n, b);
    make_primitives(&m, s, n, b);
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    place_memory(s, n, b, tn_prim_bytes(&s->train, DNNL_ARG_SRC));
    b->y[0] = b->x[0];
    b->backward_reads_x[0] = true;
    b->inplace = b->inplace_backward = true;
    b->state = s;
    return TN_OK;
}

static void *at(void *memory, size_t offset)
{
    return memory ? (char *)memory + offset : NULL;
}

static tn_bn begin(const tn_call *c)
{
    const batchnorm *s = c->state;
    return tn_bn_begin(c, &s->at, at(c->saved, s->mean), at(c->saved, s->var));
}

static tn_status forward(const tn_call *c)
{
    batchnorm *s = c->state;
    const bool training = c->run->training && !s->frozen;
    const tn_bn own = begin(c);
    if (training && own.rows < own.batch) {
        tn_bn_measure(&own, c->x[0]);
        tn_bn_apply(&own, c->x[0], c->w[TN_BN_WEIGHT], c->w[TN_BN_BIAS], c->y[0]);
    } else {
        TN_TRY(tn_prim_run(
            training ? &s->train : &s->evaluate,
            (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                            {DNNL_ARG_MEAN, training ? own.mean : c->w[TN_BN_RUNNING_MEAN]},
                            {DNNL_ARG_VARIANCE, training ? own.var : c->w[TN_BN_RUNNING_VAR]},
                            {DNNL_ARG_SCALE, c->w[TN_BN_WEIGHT]},
                            {DNNL_ARG_SHIFT, c->w[TN_BN_BIAS]},
                            {DNNL_ARG_DST, c->y[0]},
                            {DNNL_ARG_SCRATCHPAD, at(c->scratch, s->scratchpad)},
                            {0}}));
    }
    if (training)
        tn_bn_move(c, own.mean, own.var, (double)(own.rows * own.at.area));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    batchnorm *s = c->state;
    const tn_bn own = begin(c);
    void *dweight = c->dw[TN_BN_WEIGHT] ? c->dw[TN_BN_WEIGHT] : at(c->scratch, s->dweight);
    void *dbias = c->dw[TN_BN_BIAS] ? c->dw[TN_BN_BIAS] : at(c->scratch, s->dbias);
    if (own.rows < own.batch && !s->frozen) {
        tn_bn_sums(&own, c->x[0], c->dy[0], dbias, dweight);
        if (c->dx[0])
            tn_bn_dx(&own, c->x[0], c->dy[0], c->w[TN_BN_WEIGHT], dbias, dweight,
                     (double)(own.rows * own.at.area), c->dx[0]);
        return TN_OK;
    }
    /* oneDNN 2.x wants the bias here too, and does not use it. */
    const void *bias = tn_prim_bytes(&s->backward, DNNL_ARG_SHIFT) ? c->w[TN_BN_BIAS] : NULL;
    return tn_prim_run(
        &s->backward,
        (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                        {DNNL_ARG_MEAN, s->frozen ? c->w[TN_BN_RUNNING_MEAN] : own.mean},
                        {DNNL_ARG_VARIANCE, s->frozen ? c->w[TN_BN_RUNNING_VAR] : own.var},
                        {DNNL_ARG_SCALE, c->w[TN_BN_WEIGHT]},
                        {DNNL_ARG_SHIFT, bias},
                        {DNNL_ARG_DIFF_DST, c->dy[0]},
                        {DNNL_ARG_DIFF_SRC, c->dx[0] ? c->dx[0] : at(c->scratch, s->dx)},
                        {DNNL_ARG_DIFF_SCALE, dweight},
                        {DNNL_ARG_DIFF_SHIFT, dbias},
                        {DNNL_ARG_SCRATCHPAD, at(c->scratch, s->scratchpad)},
                        {0}});
}

static const char *describe(const void *state)
{
    return tn_prim_impl(&((const batchnorm *)state)->train);
}

const tn_kernel tn_cpu_batchnorm = {
    .op = "batchnorm",
    .name = "onednn",
    .rank = 1,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
