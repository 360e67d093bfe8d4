/*
 * channels_take: weights that take in a product and a sum for each channel. Behind a layer they are those of its outputs,
 *
 *   scale[k] (sum of weight[k,c] x[c] + bias[k]) + shift[k],
 *
 * before it those of its inputs,
 *
 *   sum of weight[k,c] (scale[c] x[c] + shift[c]) + bias[k].
 */
#include <math.h>
#include <string.h>

#include "model/passes/channels.h"
#include "model/passes/numbers.h"

enum { WEIGHT, BIAS, NEEDS_BIAS = 1 /* mark of a node */ };

/* ---- the layers that can ---------------------------------------------------------------------- */

/* Of element i of a layer's weight: the channel of y that it is for, and that of x which it multiplies. */
typedef struct layer {
    const char *op;
    int64_t (*out)(const tn_node *n, int64_t i);
    int64_t (*in)(const tn_node *n, int64_t i); /* NULL: at its border that depends on the place */
    bool (*pads)(const tn_node *n);
    size_t no_bias; /* where its options say that it has none; 0: it always has one */
} layer;

static int64_t conv_out(const tn_node *n, int64_t i)
{
    return i / (tn_elements(&n->param[WEIGHT].shape) / n->y[0].dim[1]);
}

static int64_t conv_in(const tn_node *n, int64_t i)
{
    const tn_shape *w = &n->param[WEIGHT].shape; /* K x C/G x R x S */
    const int64_t taps = w->dim[2] * w->dim[3], filters = w->dim[0] * w->dim[1] / n->x[0].dim[1];
    return conv_out(n, i) / filters * w->dim[1] + i / taps % w->dim[1];
}

static bool conv_pads(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    return o->pad[0] || o->pad[1] || o->pad_extra[0] > 0 || o->pad_extra[1] > 0;
}

static int64_t transpose_out(const tn_node *n, int64_t i)
{
    const tn_shape *w = &n->param[WEIGHT].shape; /* C x K/G x R x S */
    const int64_t taps = w->dim[2] * w->dim[3], channels = w->dim[0] * w->dim[1] / n->y[0].dim[1];
    return i / (taps * w->dim[1]) / channels * w->dim[1] + i / taps % w->dim[1];
}

static int64_t dense_in(const tn_node *n, int64_t i)
{
    const int64_t each = n->param[WEIGHT].shape.dim[1] / n->x[0].dim[1]; /* K x D */
    return i % n->param[WEIGHT].shape.dim[1] / each;
}

static bool never(const tn_node *n)
{
    (void)n;
    return false;
}

static const layer layers[] = {
    {"conv2d", conv_out, conv_in, conv_pads, offsetof(tn_conv2d_opts, no_bias)},
    {"dense", conv_out, dense_in, never, offsetof(tn_dense_opts, no_bias)},
    {"conv_transpose2d", transpose_out, NULL, NULL, offsetof(tn_conv_transpose2d_opts, no_bias)},
    {"batchnorm", conv_out, NULL, NULL, 0},
    {"scale", conv_out, NULL, NULL, offsetof(tn_scale_opts, no_bias)},
};

static const layer *find_layer(const tn_node *n)
{
    for (size_t i = 0; i < TN_COUNT(layers); i++)
        if (strcmp(n->op->name, layers[i].op) == 0)
            return &layers[i];
    return NULL;
}

/* ---- their numbers ---------------------------------------------------------------------------- */

/* Of a parameter that is read by that layer alone; NULL: another would see it changed, or there are none. */
static float *own_numbers(const tn_rewrite *r, const tn_node *n, int i)
{
    const tn_node *source = tn_rewrite_maker(r, n->w[i]);
    if (source->op != &tn_op_param || r->readers[n->w[i] - 1] != 1)
        return NULL;
    const tn_model_number *number = tn_numbers_find(r->model, source->name);
    return number ? number->data : NULL;
}

/* What becomes of a layer's numbers: each weight is multiplied by that of its channel, and the biases are others. */
typedef struct change {
    const tn_node *n;
    float *weight, *bias; /* bias NULL: it has none yet */
    int64_t (*channel)(const tn_node *n, int64_t i);
    const double *factor;
    double *bias_now;
} change;

/* With the biases as they are; *can is false where a number may not be changed. */
static tn_status begin(tn_rewrite *r, const tn_node *n, change *c, bool *can)
{
    const bool has_bias = n->num_params > BIAS;
    *c = (change){.n = n, .weight = own_numbers(r, n, WEIGHT)};
    c->bias = has_bias ? own_numbers(r, n, BIAS) : NULL;
    *can = c->weight && (c->bias || !has_bias);
    if (!*can)
        return TN_OK;
    const int64_t outputs = n->y[0].dim[1];
    c->bias_now = tn_arena_alloc(&r->arena, (size_t)outputs, sizeof *c->bias_now);
    if (!c->bias_now)
        return tn_no_memory("pass", (size_t)outputs * sizeof *c->bias_now);
    for (int64_t i = 0; i < outputs && c->bias; i++)
        c->bias_now[i] = (double)c->bias[i];
    return TN_OK;
}

static float weight_now(const change *c, int64_t i)
{
    return (float)((double)c->weight[i] * c->factor[c->channel(c->n, i)]);
}

static bool is_finite(const change *c)
{
    const int64_t weights = tn_elements(&c->n->param[WEIGHT].shape);
    bool finite = true;
    for (int64_t i = 0; i < weights && finite; i++)
        finite = isfinite(weight_now(c, i));
    for (int64_t i = 0; i < c->n->y[0].dim[1] && finite; i++)
        finite = isfinite((float)c->bias_now[i]);
    return finite;
}

static bool needs_bias(const change *c)
{
    bool zero = true;
    for (int64_t i = 0; i < c->n->y[0].dim[1] && zero; i++)
        zero = c->bias_now[i] == 0;
    return !c->bias && !zero;
}

/* May the layer be called so, with a bias if it needs one? `with` goes. */
static tn_status check_names(const tn_rewrite *r, const change *c, const char *called,
                             const tn_node *with, bool *can)
{
    char *bias = tn_format("%s.bias", called);
    if (!bias)
        return tn_no_memory("pass", strlen(called));
    *can = (strcmp(called, c->n->name) == 0 || tn_rewrite_may_call(r, c->n, called, with)) &&
           (!needs_bias(c) || tn_rewrite_is_free(r, bias, with));
    tn_free(bias);
    return TN_OK;
}

static tn_status add_bias(tn_rewrite *r, change *c, const char *called)
{
    char *name = tn_format("%s.bias", called);
    if (!name)
        return tn_no_memory("pass", strlen(called));
    const tn_shape shape = TN_SHAPE(c->n->y[0].dim[1]);
    const tn_model_number *other = tn_numbers_find(r->model, name); /* of a node that goes */
    tn_status status = TN_OK;
    if (other)
        c->bias = other->data;
    else
        status = tn_model_new_number(r->model, name, &shape, &c->bias);
    tn_model_sort(r->model);
    tn_free(name);
    return status;
}

/* The layer, which will be called so, has them from now on. */
static tn_status store(tn_rewrite *r, change *c, const char *called)
{
    const int64_t weights = tn_elements(&c->n->param[WEIGHT].shape);
    if (needs_bias(c))
        TN_TRY(add_bias(r, c, called));
    for (int64_t i = 0; i < weights; i++)
        c->weight[i] = weight_now(c, i);
    for (int64_t i = 0; i < c->n->y[0].dim[1] && c->bias; i++)
        c->bias[i] = (float)c->bias_now[i];
    return TN_OK;
}

static tn_status copy_with_bias(tn_rewrite *r, const layer *l, const tn_node *n, const char *called)
{
    char *opts = tn_arena_alloc(&r->arena, 1, n->op->opts_size);
    if (!opts)
        return tn_no_memory("pass", n->op->opts_size);
    memcpy(opts, n->given, n->op->opts_size);
    memset(opts + l->no_bias, 0, sizeof(bool));
    return tn_rewrite_copy(r, n, opts, called);
}

/* ---- behind a layer --------------------------------------------------------------------------- */

tn_status tn_channels_take_behind(tn_rewrite *r, const tn_node *n, const tn_node *last,
                                  const tn_channels *c, bool *done)
{
    const layer *l = find_layer(n);
    const char *called = r->is_output[last->out[0] - 1] ? last->name : n->name;
    change now;
    tn_value v;
    *done = false;
    if (!l)
        return TN_OK;
    TN_TRY(begin(r, n, &now, done));
    if (!*done)
        return TN_OK;
    now.channel = l->out;
    now.factor = c->scale;
    for (int64_t i = 0; i < c->count; i++)
        now.bias_now[i] = c->scale[i] * now.bias_now[i] + c->shift[i];
    *done = is_finite(&now);
    if (*done)
        TN_TRY(check_names(r, &now, called, last, done));
    if (!*done)
        return TN_OK;
    const bool more = needs_bias(&now);
    TN_TRY(store(r, &now, called));
    TN_TRY(more ? copy_with_bias(r, l, n, called) : tn_rewrite_copy(r, n, NULL, called));
    TN_TRY(tn_rewrite_value(r, n->out[0], &v));
    TN_TRY(tn_rewrite_map(r, last->out[0], v));
    r->gone[tn_rewrite_place(r, last)] = true;
    return TN_OK;
}

/* ---- before a layer --------------------------------------------------------------------------- */

tn_status tn_channels_take_before(tn_rewrite *r, const tn_node *n, const tn_channels *c, bool *done)
{
    const tn_node *reader = tn_rewrite_only_reader(r, n);
    const layer *l = reader ? find_layer(reader) : NULL;
    change now;
    *done = false;
    if (!l || !l->in || c->count == 0)
        return TN_OK;
    for (int64_t i = 0; i < c->count && l->pads(reader); i++)
        if (c->shift[i] != 0)
            return TN_OK;
    TN_TRY(begin(r, reader, &now, done));
    if (!*done)
        return TN_OK;
    now.channel = l->in;
    now.factor = c->scale;
    for (int64_t i = 0; i < tn_elements(&reader->param[WEIGHT].shape); i++)
        now.bias_now[l->out(reader, i)] += (double)now.weight[i] * c->shift[l->in(reader, i)];
    *done = is_finite(&now);
    if (*done)
        TN_TRY(check_names(r, &now, reader->name, NULL, done));
    if (!*done)
        return TN_OK;
    if (needs_bias(&now))
        r->mark[tn_rewrite_place(r, reader)] = NEEDS_BIAS;
    return store(r, &now, reader->name);
}

tn_status tn_channels_give_bias(tn_rewrite *r, const tn_node *n, bool *done)
{
    *done = r->mark[tn_rewrite_place(r, n)] == NEEDS_BIAS;
    return *done ? copy_with_bias(r, find_layer(n), n, NULL) : TN_OK;
}
