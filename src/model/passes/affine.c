/*
 * affine: what multiplies each channel by a number, or adds one, becomes part of the layer before it, or of the one behind it:
 * mul, add, sub and div by constants or parameters, neg, scale, and mean and scale of image_input. Those that are left, one
 * behind the other, are one scale.
 */
#include <math.h>
#include <string.h>

#include "model/passes/channels.h"
#include "model/passes/numbers.h"
#include "model/passes/passes.h"

/* batchnorm has a pass of its own. */
static tn_status read(tn_rewrite *r, const tn_node *n, tn_channels *c)
{
    *c = (tn_channels){0};
    return strcmp(n->op->name, "batchnorm") == 0 ? TN_OK : tn_channels_read(r, n, c);
}

/* c, and then the next, as one; not if a number would not be finite any more. */
static bool join(tn_channels *c, const tn_channels *next)
{
    bool finite = true;
    for (int64_t i = 0; i < c->count && finite; i++)
        finite = isfinite((float)(next->scale[i] * c->scale[i])) &&
                 isfinite((float)(next->scale[i] * c->shift[i] + next->shift[i]));
    for (int64_t i = 0; i < c->count && finite; i++) {
        c->scale[i] *= next->scale[i];
        c->shift[i] = next->scale[i] * c->shift[i] + next->shift[i];
    }
    return finite;
}

/* All that stand behind n, each the only reader of the one before, as one; *last is NULL if there is none. */
static tn_status read_behind(tn_rewrite *r, const tn_node *n, tn_channels *all,
                             const tn_node **last)
{
    const tn_node *before = n, *next = tn_rewrite_only_reader(r, n);
    *last = NULL;
    while (next) {
        tn_channels c;
        TN_TRY(read(r, next, &c));
        if (c.count == 0 || next->in[c.input] != before->out[0] || (*last && !join(all, &c)))
            break;
        if (!*last)
            *all = c;
        *last = before = next;
        next = tn_rewrite_only_reader(r, next);
    }
    return TN_OK;
}

/* They are in what stands before them. */
static void leave_behind(tn_rewrite *r, const tn_node *n, const tn_node *last)
{
    while (n != last) {
        n = tn_rewrite_only_reader(r, n);
        r->gone[tn_rewrite_place(r, n)] = true;
        tn_rewrite_tell(r, n->name);
    }
}

/* ---- image_input ------------------------------------------------------------------------------ */

static tn_status prepare_less(tn_rewrite *r, const tn_node *n, bool *done)
{
    const tn_image_input_opts *o = n->opts;
    double scale[4], shift[4];
    tn_channels c = {n->y[0].dim[1], 0, scale, shift};
    bool plain = true;
    for (int64_t i = 0; i < c.count; i++) {
        scale[i] = (double)o->scale[i];
        shift[i] = -(double)o->mean[i] * scale[i];
        plain &= scale[i] == 1 && shift[i] == 0;
    }
    if (plain)
        return TN_OK;
    TN_TRY(tn_channels_take_before(r, n, &c, done));
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    return tn_rewrite_copy(r, n, &(tn_image_input_opts){0}, NULL);
}

/* ---- several that are left --------------------------------------------------------------------- */

static tn_status add_number(tn_rewrite *r, const char *of, const char *part, const double *values,
                            int64_t count)
{
    float *data = NULL;
    char *name = tn_format("%s.%s", of, part);
    if (!name)
        return tn_no_memory("pass", strlen(of));
    const tn_shape shape = TN_SHAPE(count);
    const tn_status status = tn_model_new_number(r->model, name, &shape, &data);
    tn_free(name);
    for (int64_t i = 0; i < count && status == TN_OK; i++)
        data[i] = (float)values[i];
    tn_model_sort(r->model);
    return status;
}

/* May a node without parameters have those of scale? */
static bool is_free(const tn_rewrite *r, const char *name)
{
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%.200s.weight", name);
    snprintf(bias, sizeof bias, "%.200s.bias", name);
    return strlen(name) <= 200 && tn_rewrite_is_free(r, weight, NULL) &&
           tn_rewrite_is_free(r, bias, NULL);
}

/* n, which is c, and those behind it become one scale. */
static tn_status make_scale(tn_rewrite *r, const tn_node *n, tn_channels *c, const tn_node *last,
                            const tn_channels *behind, bool *done)
{
    const char *called = r->is_output[last->out[0] - 1] ? last->name : n->name;
    tn_value x;
    if (n->num_params > 0 || !is_free(r, called) || !join(c, behind))
        return TN_OK;
    TN_TRY(tn_rewrite_value(r, n->in[c->input], &x));
    const tn_value y = tn_graph_add(r->to, tn_op_find("scale"), called, 1, &x, NULL);
    TN_TRY(tn_graph_status(r->to));
    TN_TRY(add_number(r, called, "weight", c->scale, c->count));
    TN_TRY(add_number(r, called, "bias", c->shift, c->count));
    TN_TRY(tn_rewrite_map(r, last->out[0], y));
    tn_rewrite_tell(r, n->name);
    leave_behind(r, n, last);
    *done = true;
    return TN_OK;
}

/* ---- the pass --------------------------------------------------------------------------------- */

/* The one that reads n alone takes it in. */
static tn_status go_on(tn_rewrite *r, const tn_node *n, const tn_channels *c, bool *done)
{
    tn_value x;
    TN_TRY(tn_channels_take_before(r, n, c, done));
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    TN_TRY(tn_rewrite_value(r, n->in[c->input], &x));
    return tn_rewrite_map(r, n->out[0], x);
}

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    tn_channels c, behind;
    const tn_node *last;
    TN_TRY(tn_channels_give_bias(r, n, done));
    if (*done)
        return TN_OK;
    if (strcmp(n->op->name, "image_input") == 0)
        return prepare_less(r, n, done);
    TN_TRY(read_behind(r, n, &behind, &last));
    if (last)
        TN_TRY(tn_channels_take_behind(r, n, last, &behind, done));
    if (*done) {
        leave_behind(r, n, last);
        return TN_OK;
    }
    TN_TRY(read(r, n, &c));
    if (c.count == 0)
        return TN_OK;
    TN_TRY(go_on(r, n, &c, done));
    return *done || !last ? TN_OK : make_scale(r, n, &c, last, &behind, done);
}

const tn_model_pass tn_model_pass_affine = {
    .name = "affine",
    .what = "puts products and sums by channel, an image's mean and scale too, into weights beside "
            "them",
    .node = node,
};
