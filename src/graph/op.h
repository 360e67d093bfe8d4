/*
 * What Tenon's own operations have beside <tenon/sys/op.h>, which says what an operation is: it knows shapes, options and
 * parameters, and no device.
 *
 * A layer file src/layers/<stem>.c defines one `const tn_op tn_op_<stem>`; cmake/TenonTable.cmake
 * gathers them into tn_op_table. Nothing else in the library knows the list of operations.
 */
#ifndef TN_OP_H
#define TN_OP_H

#include <tenon/shapes.h>
#include <tenon/sys/op.h>

#include "tensor/route.h"

/* Options of the ops that a parameter and a constant are: see graph/param.c. */
typedef struct tn_param_node_opts {
    const char *name;
    tn_shape shape;
    tn_param_opts param;
} tn_param_node_opts;
typedef struct tn_constant_node_opts {
    const char *name;
    tn_dtype dtype;
    tn_shape shape;
    const void *data; /* canonical */
} tn_constant_node_opts;

static inline bool tn_joins(const tn_node *n)
{
    return n->op->joins && n->op->joins(n);
}

/* Of a node that joins: how much of y along dimension 1 is in front of what input i is there. */
static inline int64_t tn_joined_before(const tn_node *n, int i)
{
    int64_t before = 0;
    for (int j = 0; j < i; j++)
        before += n->x[j].dim[1];
    return before;
}

/* What a builder does that finds fault before it adds anything: the graph has failed, with the text of tn_error(), unless
 * it had before or is NULL. Returns the zero handle. */
tn_value tn_graph_refuse(tn_graph *g, tn_status status);

extern const tn_op *const tn_op_table[]; /* ends at NULL */

/* The op with that name, NULL if there is none; of those that no layer file defines `param` and `constant`,
 * and what was registered. */
const tn_op *tn_op_find(const char *name);

/* Where options of the op say its width; NULL: it has none of its own. */
int *tn_op_width(const tn_op *op, void *opts);

/* Which dimension of v is the batch, or TN_BATCH_...; NONE if v is not of g. */
int tn_value_batch(const tn_graph *g, tn_value v);

/* Helpers of infer(). */

/* The pair {vertical, horizontal}, where 0 is not legal: a missing second repeats the first, a missing first is fallback.
 * Returns whether the second was missing. */
bool tn_complete_pair(int pair[2], int fallback);
/* The pad of a window: where that was given as one number, a missing second repeats the first. */
void tn_complete_pad(int pad[2], bool square);
/* The axis of x[0] that `axis` names, counted from behind if below 0; TN_ERR_ARGUMENT if there is none. */
tn_status tn_find_axis(const tn_node *n, int64_t axis, int *out);
/* For flops: 0. */
double tn_no_flops(const tn_node *n);
/* TN_ERR_ARGUMENT naming the list unless it has so many numbers. */
tn_status tn_check_list(const tn_node *n, const char *name, const tn_shape *list, int least,
                        int most);
/* Sets y_batch of the outputs for which infer did not, by op->batch. */
tn_status tn_complete_batch(tn_node *n);

/* The whole infer() of a function of one f32 input, element by element, and of two, with broadcasting. */
tn_status tn_infer_same(tn_node *n);
tn_status tn_infer_broadcast(tn_node *n);

/* What stands over dimension i of y where x has its last dimension over y's last one: 1 if there is none. */
static inline int64_t tn_aligned_dim(const tn_shape *x, const tn_shape *y, int i)
{
    const int own = i - (y->ndim - x->ndim);
    return own < 0 ? 1 : x->dim[own];
}

/* Pixels of x in one direction, with the padding on both sides of it. */
static inline int64_t tn_padded(const tn_shape *x, const int pad[2], const int extra[2],
                                int direction)
{
    return x->dim[2 + direction] + 2 * (int64_t)pad[direction] + extra[direction];
}

/* Pixels that the taps of a window span in one direction. */
static inline int64_t tn_reach(const int kernel[2], const int dilation[2], int direction)
{
    return (int64_t)dilation[direction] * (kernel[direction] - 1) + 1;
}

/* An axis that options name: 0 is `fallback`, TN_ZERO the first, and below 0 counts back from behind the last. TN_ERR_ARGUMENT
 * unless input 0 has it. */
tn_status tn_complete_axis(const tn_node *n, int *axis, int fallback);

/* The numbers with a fraction among the options, in the order of the op's table: the first `count`, and 0 where there are
 * fewer. What functions of one value have for numbers. */
static inline void tn_option_floats(const tn_node *n, float *to, int count)
{
    int found = 0;
    for (const tn_attr *a = n->op->attrs; a && a->name && found < count; a++)
        if (a->type == TN_ATTR_FLOAT)
            to[found++] = *(const float *)((const char *)n->opts + a->offset);
    while (found < count)
        to[found++] = 0;
}

/* A tensor as `outer` blocks of `size` lines, along one axis, of `inner` elements. */
typedef struct tn_lines {
    int64_t outer, size, inner;
} tn_lines;

static inline tn_lines tn_lines_along(const tn_shape *s, int axis)
{
    tn_lines l = {1, s->dim[axis], 1};
    for (int i = 0; i < axis; i++)
        l.outer *= s->dim[i];
    for (int i = axis + 1; i < s->ndim; i++)
        l.inner *= s->dim[i];
    return l;
}

/* x of tn_normalize: `images` of `groups` of `channels` of `area` elements. What is normalised together is a group, and
 * weight and bias have an element for each channel of all groups. */
typedef struct tn_norm_sizes {
    int64_t images, groups, channels, area;
} tn_norm_sizes;
static inline tn_norm_sizes tn_norm_sizes_of(const tn_shape *x, const tn_normalize_opts *o)
{
    tn_norm_sizes s = {1, 1, 1, 1};
    const bool layer = o->kind == TN_NORM_LAYER;
    const int first = layer ? x->ndim - o->dims : 1;
    for (int i = 0; i < x->ndim; i++) {
        int64_t *of = i < first ? &s.images : layer || i == 1 ? &s.channels : &s.area;
        *of *= x->dim[i];
    }
    if (!layer)
        s.groups = o->kind == TN_NORM_GROUP ? o->groups : s.channels;
    s.channels /= s.groups;
    return s;
}

/* tn_fake_quant: the middle of each line along `lines.size` has a scale of its own, and x / scale is rounded and kept in
 * [low, high], where zero has been taken off. */
typedef struct tn_grid {
    tn_lines lines;
    float low, high;
} tn_grid;
static inline tn_grid tn_grid_of(const tn_node *n)
{
    const tn_fake_quant_opts *o = n->opts;
    const tn_shape *x = &n->x[0];
    return (tn_grid){.lines = o->axis ? tn_lines_along(x, o->axis == TN_ZERO ? 0 : o->axis)
                                      : (tn_lines){1, 1, tn_elements(x)},
                     .low = (float)(o->lo - o->zero),
                     .high = (float)(o->hi - o->zero)};
}
/* Are its scales those of the numbers in x? */
static inline bool tn_grid_is_found(const tn_node *n)
{
    return n->num_in == 1 && ((const tn_fake_quant_opts *)n->opts)->scale == 0;
}

/* Which inputs of softmax_xent are weights; 0: it has none such. */
static inline int tn_xent_rows(tn_xent_weights kind)
{
    return kind == TN_XENT_ROWS || kind == TN_XENT_BOTH ? 2 : 0;
}
static inline int tn_xent_classes(tn_xent_weights kind)
{
    return kind == TN_XENT_CLASSES ? 2 : kind == TN_XENT_BOTH ? 3 : 0;
}

/* Has it parameters, none of which is trained? */
static inline bool tn_is_frozen(const tn_node *n)
{
    int frozen = 0;
    for (int i = 0; i < n->num_params; i++) {
        if (!n->param[i].statistic && !n->param[i].opts.frozen)
            return false;
        frozen += !n->param[i].statistic;
    }
    return frozen > 0;
}

#endif
