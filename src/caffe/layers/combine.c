/* Layers of several values: Eltwise, Axpy, Concat, Slice, Split, Silence. */
#include <stdio.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "caffe/import.h"

enum { MOST = 64 };

/* ---- element by element ----------------------------------------------------------------------- */

static tn_value join(tn_caffe *c, const tn_caffe_layer *l, int64_t kind, tn_value a, tn_value b,
                     bool last, int i)
{
    char part[24];
    (void)snprintf(part, sizeof part, "%d", i);
    const tn_layer_opts opts = {last ? l->name : tn_caffe_name(c, l, part)};
    return kind == ELTWISE_PROD  ? tn_mul(c->g, a, b, &opts)
           : kind == ELTWISE_MAX ? tn_maximum(c->g, a, b, &opts)
                                 : tn_add(c->g, a, b, &opts);
}

static tn_status add_eltwise(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_ELTWISE);
    const int64_t kind = tn_proto_int(&p, ELTWISE_KIND, ELTWISE_SUM);
    tn_value x[MOST];
    float coeff[MOST];
    const size_t coeffs = tn_proto_floats(&p, ELTWISE_COEFF, coeff, MOST);
    if (!tn_caffe_bottoms(c, l, 2, x, MOST))
        return TN_OK;
    if (coeffs && (kind != ELTWISE_SUM || coeffs != (size_t)l->num_bottoms))
        return tn_caffe_refuse(c, l, "it has %zu coefficients for %d inputs", coeffs,
                               l->num_bottoms);
    for (int i = 0; i < l->num_bottoms && coeffs; i++) {
        char part[32];
        (void)snprintf(part, sizeof part, "times%d", i);
        x[i] = tn_caffe_times(c, l, part, x[i], coeff[i]);
    }
    tn_value y = x[0];
    for (int i = 1; i < l->num_bottoms; i++)
        y = join(c, l, kind, y, x[i], i + 1 == l->num_bottoms, i);
    return tn_caffe_top(c, l, 0, y);
}

/* a x + y, a one number a channel: squeeze and excitation. */
static tn_status add_axpy(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_value x[3];
    if (!tn_caffe_bottoms(c, l, 3, x, 3))
        return TN_OK;
    const tn_value a = tn_reshape(
        c->g, x[0],
        &(tn_reshape_opts){.name = tn_caffe_name(c, l, "wide"), .shape = TN_SHAPE(0, -1, 1, 1)});
    const tn_value ax = tn_mul(c->g, x[1], a, &(tn_layer_opts){tn_caffe_name(c, l, "times")});
    return tn_caffe_top(c, l, 0, tn_add(c->g, ax, x[2], &(tn_layer_opts){l->name}));
}

/* ---- side by side ----------------------------------------------------------------------------- */

static tn_status add_concat(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_CONCAT);
    tn_value x[MOST];
    tn_shape shape;
    if (!tn_caffe_bottoms(c, l, 1, x, MOST))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x[0], &shape));
    const int axis =
        tn_caffe_axis(c, l, &shape, tn_proto_int(&p, CONCAT_AXIS, tn_proto_int(&p, CONCAT_DIM, 1)));
    if (axis < 0)
        return TN_OK;
    if (l->num_bottoms == 1)
        return tn_caffe_top(c, l, 0, x[0]);
    return tn_caffe_top(c, l, 0,
                        tn_concat(c->g, l->num_bottoms, x,
                                  &(tn_concat_opts){.name = l->name, .axis = TN_EXACTLY(axis)}));
}

/* Part `index` of x along the axis, from `begin` up to `end`. */
static tn_value part(tn_caffe *c, const tn_caffe_layer *l, tn_value x, int axis, int index,
                     int64_t begin, int64_t end)
{
    char name[24];
    tn_slice_opts opts = {.begin = {.ndim = axis + 1}, .end = {.ndim = axis + 1}};
    (void)snprintf(name, sizeof name, "%d", index);
    opts.name = tn_caffe_name(c, l, name);
    for (int i = 0; i < axis; i++)
        opts.end.dim[i] = INT64_MAX;
    opts.begin.dim[axis] = begin;
    opts.end.dim[axis] = end;
    return tn_slice(c->g, x, &opts);
}

static tn_status add_slice(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_SLICE);
    int64_t points[MOST], begin = 0;
    const size_t count = tn_proto_ints(&p, SLICE_POINT, points, MOST);
    tn_shape shape;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x, &shape));
    const int axis =
        tn_caffe_axis(c, l, &shape, tn_proto_int(&p, SLICE_AXIS, tn_proto_int(&p, SLICE_DIM, 1)));
    if (axis < 0)
        return TN_OK;
    const int64_t size = shape.dim[axis];
    if (l->num_tops < 1 || l->num_tops > MOST ||
        (count ? count + 1 != (size_t)l->num_tops : size % l->num_tops != 0))
        return tn_caffe_refuse(c, l, "it cuts %lld in %d parts at %zu points", (long long)size,
                               l->num_tops, count);
    for (int i = 0; i < l->num_tops; i++) {
        const int64_t equal = size / l->num_tops * (i + 1);
        const int64_t end = i + 1 == l->num_tops ? size : count ? points[i] : equal;
        if (end <= begin || end > size)
            return tn_caffe_refuse(c, l, "part %d would reach from %lld to %lld of %lld", i,
                                   (long long)begin, (long long)end, (long long)size);
        TN_TRY(tn_caffe_top(c, l, i, part(c, l, x, axis, i, begin, end)));
        begin = end;
    }
    return TN_OK;
}

/* ---- nothing ---------------------------------------------------------------------------------- */

static tn_status add_split(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    for (int i = 0; i < l->num_tops; i++)
        TN_TRY(tn_caffe_top(c, l, i, x));
    return TN_OK;
}

/* What it reads is no output. */
static tn_status add_silence(tn_caffe *c, const tn_caffe_layer *l)
{
    for (int i = 0; i < l->num_bottoms; i++) {
        tn_caffe_value *read = tn_caffe_find(c, l->bottom[i]);
        if (read)
            read->readers++;
    }
    return TN_OK;
}

const tn_caffe_kind tn_caffe_combine = {{{"Eltwise", add_eltwise},
                                         {"Axpy", add_axpy},
                                         {"Concat", add_concat},
                                         {"Slice", add_slice},
                                         {"Split", add_split},
                                         {"Silence", add_silence}}};
