/*
 * batchnorm on the CPU: oneDNN's batch normalization; the running statistics move in a loop here. y and
 * dx are laid out as x is.
 */
#include "backends/cpu/_onednn.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

typedef struct batchnorm {
    tn_prim train, evaluate, backward;
    int64_t count;             /* elements of a channel */
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

/* One element has no variance. */
static tn_status check_count(const tn_node *n, int64_t count)
{
    if (count > 1)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE,
                   "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
                   n->name, tn_shape_format(&n->x[0]).text);
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
    spec.flags = affine;
    tn_make_batchnorm(m, &s->train, &spec);
    if (!b->training)
        return;
    spec.pass = dnnl_backward;
    spec.y = x;
    spec.forward = &s->train;
    tn_make_batchnorm(m, &s->backward, &spec);
}

/* Of scratch the three primitives, which never run at the same time, share the last part. */
static void place_memory(batchnorm *s, const tn_node *n, tn_binding *b, size_t x_bytes)
{
    const size_t bytes = (size_t)n->x[0].dim[1] * sizeof(float);
    s->mean = tn_cpu_part(&b->saved_bytes, bytes);
    s->var = tn_cpu_part(&b->saved_bytes, bytes);
    s->dweight = tn_cpu_part(&b->scratch_bytes, b->training && !b->dw[WEIGHT] ? bytes : 0);
    s->dbias = tn_cpu_part(&b->scratch_bytes, b->training && !b->dw[BIAS] ? bytes : 0);
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
    const int64_t count = tn_elements(&n->x[0]) / n->x[0].dim[1];
    if (b->shares > 0)
        return tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: oneDNN takes statistics of its own rows",
                       n->name);
    if (b->training)
        TN_TRY(check_count(n, count));
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    s->count = count;
    tn_maker m = tn_maker_begin(d, n);
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

static void move_running(const tn_call *c, const batchnorm *s)
{
    const tn_node *n = c->node;
    const float momentum = ((const tn_batchnorm_opts *)n->opts)->momentum;
    const float unbiased = (float)((double)s->count / (double)(s->count - 1));
    const float *mean = at(c->saved, s->mean), *var = at(c->saved, s->var);
    float *running_mean = c->w[RUNNING_MEAN], *running_var = c->w[RUNNING_VAR];
    for (int64_t i = 0; i < n->x[0].dim[1]; i++) {
        running_mean[i] += momentum * (mean[i] - running_mean[i]);
        running_var[i] += momentum * (var[i] * unbiased - running_var[i]);
    }
}

static tn_status forward(const tn_call *c)
{
    batchnorm *s = c->state;
    const bool training = c->run->training;
    if (training)
        TN_TRY(check_count(c->node, s->count));
    TN_TRY(tn_prim_run(
        training ? &s->train : &s->evaluate,
        (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                        {DNNL_ARG_MEAN, training ? at(c->saved, s->mean) : c->w[RUNNING_MEAN]},
                        {DNNL_ARG_VARIANCE, training ? at(c->saved, s->var) : c->w[RUNNING_VAR]},
                        {DNNL_ARG_SCALE, c->w[WEIGHT]},
                        {DNNL_ARG_SHIFT, c->w[BIAS]},
                        {DNNL_ARG_DST, c->y[0]},
                        {DNNL_ARG_SCRATCHPAD, at(c->scratch, s->scratchpad)},
                        {0}}));
    if (training)
        move_running(c, s);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    batchnorm *s = c->state;
    void *dweight = c->dw[WEIGHT] ? c->dw[WEIGHT] : at(c->scratch, s->dweight);
    /* oneDNN 2.x wants the bias here too, and does not use it. */
    const void *bias = tn_prim_bytes(&s->backward, DNNL_ARG_SHIFT) ? c->w[BIAS] : NULL;
    void *dbias = c->dw[BIAS] ? c->dw[BIAS] : at(c->scratch, s->dbias);
    return tn_prim_run(
        &s->backward,
        (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
                        {DNNL_ARG_MEAN, at(c->saved, s->mean)},
                        {DNNL_ARG_VARIANCE, at(c->saved, s->var)},
                        {DNNL_ARG_SCALE, c->w[WEIGHT]},
                        {DNNL_ARG_SHIFT, bias},
                        {DNNL_ARG_DIFF_DST, c->dy},
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
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
