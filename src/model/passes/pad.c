/*
 * pad: zeros around images become the padding of the convolution or the pooling that reads them. A maximum takes no zeros: it
 * takes minus infinity, or zeros where a relu made its input; a mean then counts what it is padded with, as before.
 */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "model/passes/passes.h"

/* Rows and columns before and after. */
typedef struct border {
    int64_t before[2], after[2];
} border;

static int64_t at(const tn_shape *list, int i)
{
    return i < list->ndim ? list->dim[i] : 0;
}

/* Is n a pad of height and width alone? */
static bool read_border(const tn_node *n, border *b)
{
    const tn_pad_opts *o = n->opts;
    if (strcmp(n->op->name, "pad") != 0 || n->x[0].ndim != 4 || o->kind != TN_PAD_CONSTANT ||
        at(&o->before, 0) || at(&o->after, 0) || at(&o->before, 1) || at(&o->after, 1))
        return false;
    for (int i = 0; i < 2; i++) {
        b->before[i] = at(&o->before, 2 + i);
        b->after[i] = at(&o->after, 2 + i);
    }
    return true;
}

/* The padding that n has, and that one around it. */
static bool add_border(const border *b, int pad[2], int extra[2], const int *below)
{
    for (int i = 0; i < 2; i++) {
        const int64_t before = pad[i] + b->before[i];
        const int64_t after = (int64_t)pad[i] + extra[i] + b->after[i];
        const int64_t most = below ? below[i] : INT_MAX / 4;
        if (before >= most || after >= most)
            return false;
        pad[i] = TN_EXACTLY((int)before);
        extra[i] = TN_EXACTLY((int)(after - before));
    }
    return true;
}

static bool pad_conv(const tn_rewrite *r, const tn_node *n, const tn_node *pad, const border *b,
                     void *given)
{
    const tn_conv2d_opts *o = n->opts;
    tn_conv2d_opts *to = given;
    (void)r;
    memcpy(to->pad, o->pad, sizeof to->pad);
    memcpy(to->pad_extra, o->pad_extra, sizeof to->pad_extra);
    return ((const tn_pad_opts *)pad->opts)->value == 0 &&
           add_border(b, to->pad, to->pad_extra, NULL);
}

static bool pad_pool(const tn_rewrite *r, const tn_node *n, const tn_node *pad, const border *b,
                     void *given)
{
    const tn_pool2d_opts *o = n->opts;
    const float value = ((const tn_pad_opts *)pad->opts)->value;
    const bool maximum = o->kind == TN_POOL_MAX;
    const bool padded = o->pad[0] || o->pad[1] || o->pad_extra[0] || o->pad_extra[1];
    tn_pool2d_opts *to = given;
    if (o->global || (o->kind == TN_POOL_MEAN && padded))
        return false; /* one divides by all, one by what is inside of its own padding */
    if (o->ceil || o->dilation[0] > 1 || o->dilation[1] > 1)
        return false; /* no window begins in the padding then, or has none of its taps in x */
    if (maximum ? value != -INFINITY &&
                      (value != 0 || strcmp(tn_rewrite_maker(r, pad->in[0])->op->name, "relu") != 0)
                : value != 0)
        return false;
    to->kind = maximum ? TN_POOL_MAX : TN_POOL_MEAN_PAD;
    memcpy(to->pad, o->pad, sizeof to->pad);
    memcpy(to->pad_extra, o->pad_extra, sizeof to->pad_extra);
    return add_border(b, to->pad, to->pad_extra, o->kernel);
}

static const struct {
    const char *op;
    bool (*pad)(const tn_rewrite *r, const tn_node *n, const tn_node *pad, const border *b,
                void *given);
} layers[] = {{"conv2d", pad_conv}, {"pool2d", pad_pool}};

static tn_status node(tn_rewrite *r, const tn_node *n, bool *done)
{
    size_t i = 0;
    border b;
    while (i < TN_COUNT(layers) && strcmp(n->op->name, layers[i].op) != 0)
        i++;
    if (i == TN_COUNT(layers))
        return TN_OK;
    const tn_node *pad = tn_rewrite_maker(r, n->in[0]);
    if (!read_border(pad, &b))
        return TN_OK;
    void *given = tn_arena_alloc(&r->arena, 1, n->op->opts_size);
    if (!given)
        return tn_no_memory("pass", n->op->opts_size);
    memcpy(given, n->given, n->op->opts_size);
    *done = layers[i].pad(r, n, pad, &b, given);
    if (!*done)
        return TN_OK;
    tn_rewrite_tell(r, n->name);
    return tn_rewrite_copy_of(r, n, pad->in, given);
}

const tn_model_pass tn_model_pass_pad = {
    .name = "pad",
    .what = "makes zeros around images the padding of what reads them",
    .node = node,
};
