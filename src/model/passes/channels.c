/*
 * channels: nodes that are a product and a sum for each channel, read as that.
 */
#include "model/passes/channels.h"

#include <math.h>
#include <string.h>

static tn_status make_room(tn_rewrite *r, int64_t count, tn_channels *c)
{
    c->scale = tn_arena_alloc(&r->arena, (size_t)count, sizeof *c->scale);
    c->shift = tn_arena_alloc(&r->arena, (size_t)count, sizeof *c->shift);
    if (!c->scale || !c->shift)
        return tn_no_memory("pass", 2 * (size_t)count * sizeof *c->scale);
    c->count = count;
    return TN_OK;
}

/* ---- with parameters of their own ------------------------------------------------------------- */

static tn_status read_batchnorm(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = tn_rewrite_numbers(r, n->w[i]);
        if (!w[i])
            return TN_OK;
    }
    const double epsilon = (double)((const tn_batchnorm_opts *)n->opts)->epsilon;
    TN_TRY(make_room(r, n->x[0].dim[1], c));
    for (int64_t i = 0; i < c->count; i++) {
        c->scale[i] = (double)w[0][i] / sqrt((double)w[3][i] + epsilon);
        c->shift[i] = (double)w[1][i] - (double)w[2][i] * c->scale[i];
    }
    return TN_OK;
}

static tn_status read_scale(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *weight = tn_rewrite_numbers(r, n->w[0]), *bias = NULL;
    if (n->num_params > 1)
        bias = tn_rewrite_numbers(r, n->w[1]);
    if (!weight || (n->num_params > 1 && !bias))
        return TN_OK;
    TN_TRY(make_room(r, n->x[0].dim[1], c));
    for (int64_t i = 0; i < c->count; i++) {
        c->scale[i] = (double)weight[i];
        c->shift[i] = bias ? (double)bias[i] : 0;
    }
    return TN_OK;
}

static tn_status read_neg(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    TN_TRY(make_room(r, n->x[0].dim[1], c));
    for (int64_t i = 0; i < c->count; i++)
        c->scale[i] = -1;
    return TN_OK;
}

/* ---- of two values, one of which is known ----------------------------------------------------- */

/* Does input i have a number for each channel of the other, or one for all? */
static bool is_by_channel(const tn_node *n, int i)
{
    const tn_shape *x = &n->x[1 - i], *own = &n->x[i];
    bool is = x->ndim >= 2 && own->ndim <= x->ndim && tn_shape_equal(x, &n->y[0]);
    for (int d = 0; d < own->ndim && is; d++)
        is = own->dim[d] == 1 || d + x->ndim - own->ndim == 1;
    return is;
}

static tn_status read_pair(tn_rewrite *r, const tn_node *n, tn_channels *c, const float **known)
{
    *known = NULL;
    for (int i = 0; i < 2 && !*known; i++) {
        c->input = 1 - i;
        if (is_by_channel(n, i))
            *known = tn_rewrite_numbers(r, n->in[i]);
    }
    return *known ? make_room(r, n->y[0].dim[1], c) : TN_OK;
}

static double at(const tn_node *n, const tn_channels *c, const float *known, int64_t i)
{
    return (double)known[tn_elements(&n->x[1 - c->input]) == 1 ? 0 : i];
}

static tn_status read_add(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *known;
    TN_TRY(read_pair(r, n, c, &known));
    for (int64_t i = 0; i < c->count; i++) {
        c->scale[i] = 1;
        c->shift[i] = at(n, c, known, i);
    }
    return TN_OK;
}

static tn_status read_sub(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *known;
    TN_TRY(read_pair(r, n, c, &known));
    for (int64_t i = 0; i < c->count; i++) {
        c->scale[i] = c->input == 0 ? 1 : -1;
        c->shift[i] = -c->scale[i] * at(n, c, known, i);
    }
    return TN_OK;
}

static tn_status read_mul(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *known;
    TN_TRY(read_pair(r, n, c, &known));
    for (int64_t i = 0; i < c->count; i++)
        c->scale[i] = at(n, c, known, i);
    return TN_OK;
}

static tn_status read_div(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    const float *known;
    TN_TRY(read_pair(r, n, c, &known));
    for (int64_t i = 0; i < c->count; i++)
        c->scale[i] = 1 / at(n, c, known, i);
    if (c->input == 1) /* what is divided by is not known */
        c->count = 0;
    return TN_OK;
}

static const struct {
    const char *op;
    tn_status (*read)(tn_rewrite *r, const tn_node *n, tn_channels *c);
} kinds[] = {{"batchnorm", read_batchnorm},
             {"scale", read_scale},
             {"neg", read_neg},
             {"add", read_add},
             {"sub", read_sub},
             {"mul", read_mul},
             {"div", read_div}};

tn_status tn_channels_read(tn_rewrite *r, const tn_node *n, tn_channels *out)
{
    *out = (tn_channels){0};
    for (size_t i = 0; i < TN_COUNT(kinds); i++)
        if (strcmp(n->op->name, kinds[i].op) == 0 && n->y[0].ndim >= 2)
            return kinds[i].read(r, n, out);
    return TN_OK;
}
