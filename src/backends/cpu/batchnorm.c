/*
 * batchnorm on the CPU, with the addition and the relu that stand behind it, or another function of each element, in whatever layout x comes; y, z, which is added, and
 * their gradients are laid out as x is. Forward reads x twice and writes y, backward reads x and dy twice: where relu has let
 * nothing through is found from x again, or, where something was added, kept in a bit an element.
 *
 * With the statistics of the whole batch, of which this device has one of several shares, two sums over all devices forward
 * and one backward. Rows that hold a sample need not be as many in each share: with m, v the mean and variance of this one's
 * and p its part of all such rows
 *     mean = sum of p m        var = sum of p (v + (m - mean)^2)
 * dweight and dbias stay those of this share: the plan sums up gradients.
 */
#include <string.h>

#include "backends/cpu/batchnorm/parts.h"
#include "backends/cpu/onednn/door.h"
#include "base/base.h"

static const tn_bn_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_bn_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_bn_avx2,
    [TN_CPU_AVX512] = &tn_bn_avx512,
#endif
};

typedef struct batchnorm {
    tn_bn_shape shape;
    bool frozen; /* training is done with the running statistics too */
    bool adds;
    tn_bn_end end;
    const tn_unary_loops
        *each; /* of a function behind it that is no end, with its numbers; NULL: none */
    float number[3];
    int64_t shares;         /* of the batch that statistics are of; 0: these rows alone */
    size_t mean, var, bits; /* where in saved */
    size_t parts, sums;     /* where in scratch; these are two numbers a channel */
    bool has_bits;
} batchnorm;

static void release(void *state)
{
    tn_free(state);
}

static tn_status supports(const tn_node *n)
{
    if (!tn_has_post(n, TN_POST_EACH))
        return TN_OK;
    const tn_unary_loops *loops = tn_unary_post(n->post[0]);
    float k[3];
    tn_option_floats(n->post[0], k, TN_COUNT(k));
    const bool images = tn_elements(&n->x[0]) > n->x[0].dim[0] * n->x[0].dim[1];
    return loops && images && tn_unary_keeps_zero(loops, k)
               ? TN_OK
               : tn_fail(TN_ERR_UNSUPPORTED, "batchnorm %s: not with %s behind it", n->name,
                         n->post[0]->op->name);
}

static void find_end(batchnorm *s, const tn_node *n)
{
    s->end.kind = tn_has_post(n, TN_POST_RELU) ? TN_BN_RELU : TN_BN_PLAIN;
    if (!tn_has_post(n, TN_POST_EACH))
        return;
    tn_option_floats(n->post[0], s->number, TN_COUNT(s->number));
    if (strcmp(n->post[0]->op->name, "clip") == 0)
        s->end = (tn_bn_end){TN_BN_CLIP, s->number[0], s->number[1]};
    else
        s->each = tn_unary_post(n->post[0]);
}

/* A function behind it goes over pixels side by side. */
static bool takes_layout(const batchnorm *s, const tn_channels *at)
{
    return !s->each || at->lanes == 1 || at->step == at->lanes;
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

static void place_memory(batchnorm *s, const tn_node *n, tn_binding *b)
{
    const size_t bytes = (size_t)n->x[0].dim[1] * sizeof(float);
    s->mean = tn_cpu_part(&b->saved_bytes, bytes);
    s->var = tn_cpu_part(&b->saved_bytes, bytes);
    s->has_bits = b->training && s->adds && s->end.kind == TN_BN_RELU;
    s->bits = tn_cpu_part(&b->saved_bytes, s->has_bits ? tn_bn_bits_bytes(&s->shape) : 0);
    s->parts = tn_cpu_part(&b->scratch_bytes, tn_bn_parts_bytes(&s->shape));
    s->sums = tn_cpu_part(&b->scratch_bytes, 2 * bytes);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_channels at;
    const bool frozen = tn_is_frozen(n);
    const int64_t shares = frozen ? 0 : b->shares;
    if (b->training && !frozen)
        TN_TRY(check_count(n, tn_elements(&n->x[0]) / n->x[0].dim[1] * (shares ? shares : 1)));
    batchnorm *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("batchnorm", sizeof *s);
    *s = (batchnorm){.frozen = frozen, .adds = tn_has_post(n, TN_POST_ADD), .shares = shares};
    find_end(s, n);
    if (!tn_onednn_channels(d, n, &n->x[0], b->x[0], &at) || !takes_layout(s, &at)) {
        b->x[0] = NULL;
        at = tn_channels_canonical(&n->x[0]);
    }
    s->shape = tn_bn_shape_of(&n->x[0], &at);
    place_memory(s, n, b);
    b->y[0] = b->x[0];
    if (s->adds)
        b->x[1] = b->x[0];
    b->backward_reads_x[0] = true;
    b->inplace = b->inplace_backward = true;
    if (b->training && !frozen) { /* x for the statistics, x and dy for the sums */
        const size_t bytes =
            b->x[0] ? b->x[0]->bytes : (size_t)tn_elements(&n->x[0]) * sizeof(float);
        b->forward_more.read = bytes;
        b->backward_more.read = b->dx[0] ? 2 * bytes : 0;
    }
    b->state = s;
    return TN_OK;
}

static void *at(void *memory, size_t offset)
{
    return memory ? (char *)memory + offset : NULL;
}

/* By the statistics of the batch? */
static bool measures(const tn_call *c)
{
    return c->run->training && !((const batchnorm *)c->state)->frozen;
}

static tn_bn begin(const tn_call *c)
{
    const batchnorm *s = c->state;
    const bool own = measures(c);
    return (tn_bn){
        .s = s->shape,
        .code = code_of[tn_cpu_isa_here()],
        .device = c->device,
        .rows = own ? tn_run_rows(c->run, c->node) : c->node->x[0].dim[0],
        .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
        .end = s->end,
        .each = s->each,
        .number = {s->number[0], s->number[1], s->number[2]},
        .parts = at(c->scratch, s->parts),
        .x = c->x[0],
        .weight = c->w[TN_BN_WEIGHT],
        .bias = c->w[TN_BN_BIAS],
        .bits = s->has_bits && c->run->training ? at(c->saved, s->bits) : NULL,
        .mean = own ? at(c->saved, s->mean) : c->w[TN_BN_RUNNING_MEAN],
        .var = own ? at(c->saved, s->var) : c->w[TN_BN_RUNNING_VAR],
    };
}

static tn_status sum_up(const tn_call *c, float *x, int64_t count)
{
    return c->run->collectives->all_reduce(c->run->comm, TN_MARK_NONE, x, (size_t)count, TN_F32);
}

/* Elements of a channel that count, in all shares. */
static double count_all(const tn_call *c)
{
    const batchnorm *s = c->state;
    const tn_shape *x = &c->node->x[0];
    const int64_t rows =
        s->shares ? tn_run_all_rows(c->run, c->node) : tn_run_rows(c->run, c->node);
    return (double)(rows * (tn_elements(x) / (x->dim[0] * x->dim[1])));
}

/* One alone has no variance: the running ones stay. */
static void move_running(const tn_call *c, const tn_bn *k)
{
    const double count = count_all(c);
    const float momentum = ((const tn_batchnorm_opts *)c->node->opts)->momentum;
    const float unbiased = (float)(count / (count - 1));
    float *mean = c->w[TN_BN_RUNNING_MEAN], *var = c->w[TN_BN_RUNNING_VAR];
    for (int64_t i = 0; count > 1 && i < k->s.at.channels; i++) {
        mean[i] += momentum * (k->mean[i] - mean[i]);
        var[i] += momentum * (k->var[i] * unbiased - var[i]);
    }
}

/* Of this share's mean and var those of all. */
static tn_status share_statistics(const tn_call *c, const tn_bn *k)
{
    const batchnorm *s = c->state;
    const int64_t all = tn_run_all_rows(c->run, c->node), C = k->s.at.channels;
    const float part = all > 0 ? (float)((double)k->rows / (double)all) : 0;
    float *mean = at(c->scratch, s->sums);
    for (int64_t i = 0; i < C; i++)
        mean[i] = part * k->mean[i];
    TN_TRY(sum_up(c, mean, C));
    for (int64_t i = 0; i < C; i++) {
        const float off = k->mean[i] - mean[i];
        k->mean[i] = mean[i];
        k->var[i] = part * (k->var[i] + off * off);
    }
    return sum_up(c, k->var, C);
}

static tn_status forward(const tn_call *c)
{
    const batchnorm *s = c->state;
    tn_bn k = begin(c);
    k.y = c->y[0];
    k.z = s->adds ? c->x[1] : NULL;
    if (!measures(c)) {
        tn_bn_apply(&k);
        return TN_OK;
    }
    if (s->shares) {
        tn_bn_measure(&k);
        TN_TRY(share_statistics(c, &k));
        tn_bn_apply(&k);
    } else {
        tn_bn_measure_and_apply(&k);
    }
    move_running(c, &k);
    return TN_OK;
}

/* dx where the sums are those over all shares; what the weights get are this one's. */
static tn_status share_backward(const tn_call *c, tn_bn *k)
{
    const int64_t C = k->s.at.channels;
    const size_t bytes = (size_t)C * sizeof(float);
    tn_bn_sum(k);
    if (c->dw[TN_BN_BIAS])
        memcpy(c->dw[TN_BN_BIAS], k->dbias, bytes);
    if (c->dw[TN_BN_WEIGHT])
        memcpy(c->dw[TN_BN_WEIGHT], k->dweight, bytes);
    if (k->dx)
        TN_TRY(sum_up(c, k->dbias, 2 * C));
    tn_bn_back(k);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const batchnorm *s = c->state;
    tn_bn k = begin(c);
    k.dy = c->dy[0];
    k.dx = c->dx[0];
    k.dz = s->adds ? c->dx[1] : NULL;
    if (s->frozen) {
        tn_bn_back(&k);
        return TN_OK;
    }
    float *sums = at(c->scratch, s->sums);
    k.dbias = s->shares || !c->dw[TN_BN_BIAS] ? sums : c->dw[TN_BN_BIAS];
    k.dweight = s->shares || !c->dw[TN_BN_WEIGHT] ? sums + k.s.at.channels : c->dw[TN_BN_WEIGHT];
    k.even = k.dbias;
    k.off = k.dweight;
    k.count = count_all(c);
    if (s->shares)
        return share_backward(c, &k);
    if (k.dx || k.dz)
        tn_bn_sum_and_back(&k);
    else
        tn_bn_sum(&k);
    return TN_OK;
}

static const char *describe(const void *state)
{
    static const char *const name[TN_CPU_ISAS] = {"portable", "avx2", "avx512"};
    (void)state;
    return name[tn_cpu_isa_here()];
}

const tn_kernel tn_cpu_batchnorm = {
    .op = "batchnorm",
    .posts = {{TN_POST_RELU}, {TN_POST_EACH}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .trains_posts = true,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
