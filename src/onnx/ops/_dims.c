#include "onnx/ops/_dims.h"

#include <tenon/shapes.h>

/* ---- shapes with the batch in them --------------------------------------------------------------- */

tn_onnx_dims tn_onnx_dims_of(const tn_onnx *o, tn_value x)
{
    tn_shape shape = {0};
    tn_onnx_dims d = {0};
    if (tn_value_shape(o->g, x, &shape) != TN_OK)
        return d;
    for (d.ndim = 0; d.ndim < shape.ndim; d.ndim++)
        d.of[d.ndim] = tn_onnx_dim(o, x, d.ndim);
    return d;
}

/* How often N is in all of them together, and their product without it; the one that is -1 is left out. */
static int product(const tn_onnx_dims *d, int64_t *out)
{
    int power = 0;
    *out = 1;
    for (int i = 0; i < d->ndim; i++)
        if (d->of[i].whole > 0 && *out <= INT64_MAX / d->of[i].whole) {
            *out *= d->of[i].whole;
            power += d->of[i].times_n;
        }
    return power;
}

/* What is left of x's elements, where that follows for any N; else it is left to the graph. */
void tn_onnx_find_open(const tn_onnx_dims *x, tn_onnx_dims *to)
{
    int64_t all, rest;
    for (int i = 0; i < to->ndim; i++) {
        if (to->of[i].whole != -1)
            continue;
        const int power = product(x, &all) - product(to, &rest);
        if (all % rest == 0 && power >= 0 && power <= 1)
            to->of[i] = (tn_onnx_number){.whole = all / rest, .times_n = power};
        return;
    }
}

/* As tn_reshape() is told: 0 keeps x's dimension, and one is what is left. */
tn_shape tn_onnx_told(const tn_onnx *o, const tn_onnx_dims *x, const tn_onnx_dims *to)
{
    tn_shape shape = {.ndim = to->ndim};
    bool open = false;
    for (int i = 0; i < to->ndim; i++)
        open |= to->of[i].whole == -1;
    for (int i = 0; i < to->ndim; i++) {
        const tn_onnx_number d = to->of[i];
        shape.dim[i] = d.whole;
        if (!d.times_n)
            continue;
        if (i < x->ndim && tn_onnx_same(x->of[i], d)) {
            shape.dim[i] = 0;
        } else {
            shape.dim[i] = open ? d.whole * o->batch : -1;
            open = true;
        }
    }
    return shape;
}

/* ---- several dimensions as one ------------------------------------------------------------------- */

static bool is_one(tn_onnx_number a)
{
    return a.whole == 1 && !a.times_n;
}

/* What is left of a when b is taken out; false: it is no part of a. */
static bool take_out(tn_onnx_number *a, tn_onnx_number b)
{
    if (b.whole < 1 || a->whole % b.whole != 0 || (b.times_n && !a->times_n))
        return false;
    *a = (tn_onnx_number){.whole = a->whole / b.whole, .times_n = a->times_n && !b.times_n};
    return true;
}

/* The dimensions of which both are made, so many for each of `to`; N alone is one. False: there are none such. */
static bool refine(const tn_onnx_dims *from, const tn_onnx_dims *to, tn_onnx_dims *parts,
                   int *group)
{
    tn_onnx_number a = {.whole = 1};
    int i = 0;
    parts->ndim = 0;
    for (int j = 0; j < to->ndim; j++) {
        tn_onnx_number b = to->of[j];
        group[j] = 0;
        do {
            tn_onnx_number part = b;
            while (!is_one(b) && is_one(a) && i < from->ndim)
                a = from->of[i++];
            if (a.times_n && a.whole != 1)
                return false;
            if (!is_one(b) && !is_one(a) && take_out(&b, a)) {
                part = a;
                a = (tn_onnx_number){.whole = 1};
            } else if (!is_one(b)) {
                if (!take_out(&a, b))
                    return false;
                b = (tn_onnx_number){.whole = 1};
            }
            if (parts->ndim == TN_MAX_DIMS)
                return false;
            parts->of[parts->ndim++] = part;
            group[j]++;
        } while (!is_one(b));
    }
    while (is_one(a) && i < from->ndim)
        a = from->of[i++];
    return is_one(a);
}

/* Those of one dimension that are not N and stand beside each other are one. */
static void coalesce(tn_onnx_dims *parts, int *group, int ndim)
{
    tn_onnx_dims fewer = {0};
    int at = 0;
    for (int j = 0; j < ndim; j++) {
        const int first = fewer.ndim, count = group[j];
        for (int k = 0; k < count; k++) {
            const tn_onnx_number part = parts->of[at++];
            tn_onnx_number *last = fewer.ndim > first ? &fewer.of[fewer.ndim - 1] : NULL;
            if (last && !last->times_n && !part.times_n)
                last->whole *= part.whole;
            else
                fewer.of[fewer.ndim++] = part;
        }
        group[j] = fewer.ndim - first;
    }
    *parts = fewer;
}

/* Would the graph lose sight of the batch, which is a part of a dimension? As the first part of a matrix's rows it does not. */
static bool loses_batch(const tn_onnx_dims *parts, const int *group, int ndim)
{
    int first = 0;
    for (int j = 0; j < ndim; first += group[j++])
        for (int k = first; k < first + group[j]; k++)
            if (parts->of[k].times_n && group[j] > 1)
                return k > 0 || ndim > 2;
    return false;
}

tn_status tn_onnx_reshape_merged(tn_onnx *o, const tn_onnx_node *n, tn_value x, bool merged,
                                 const tn_onnx_dims *to, bool *done, bool *plain)
{
    const tn_onnx_dims from = tn_onnx_dims_of(o, x);
    tn_onnx_dims open = *to, parts;
    int group[TN_MAX_DIMS];
    tn_onnx_find_open(&from, &open);
    for (int i = 0; i < open.ndim; i++)
        if (open.of[i].whole < 1)
            return TN_OK;
    if (!refine(&from, &open, &parts, group))
        return TN_OK;
    coalesce(&parts, group, open.ndim);
    const bool loses = loses_batch(&parts, group, open.ndim);
    if (!merged && !loses)
        return TN_OK;
    *plain = !loses;
    if (!loses)
        return TN_OK;
    *done = true;
    x = tn_onnx_reshape(o, n, "parts", x, tn_onnx_told(o, &from, &parts));
    return tn_onnx_give_merged(o, n, x, open.ndim, group);
}

bool tn_onnx_is_order(const tn_shape *axes)
{
    unsigned seen = 0;
    for (int i = 0; i < axes->ndim; i++)
        if (axes->dim[i] >= 0 && axes->dim[i] < axes->ndim)
            seen |= 1u << axes->dim[i];
    return seen == (1u << axes->ndim) - 1;
}

tn_status tn_onnx_transpose_merged(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_merged *m,
                                   const tn_shape *axes)
{
    tn_transpose_opts opts = {.name = tn_onnx_name(o, n, "parts")};
    int group[TN_MAX_DIMS];
    for (int i = 0; i < axes->ndim; i++) {
        int first = 0;
        for (int k = 0; k < axes->dim[i]; k++)
            first += m->group[k];
        group[i] = m->group[axes->dim[i]];
        for (int k = 0; k < group[i]; k++)
            opts.axes.dim[opts.axes.ndim++] = first + k;
    }
    return tn_onnx_give_merged(o, n, tn_transpose(o->g, m->x, &opts), m->ndim, group);
}
