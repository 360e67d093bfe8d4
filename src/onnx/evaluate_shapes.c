/*
 * Constants, shapes, and tensors under another shape or type.
 */
#include <string.h>

#include "onnx/evaluate.h"

/* ---- constants -------------------------------------------------------------------------------- */

static tn_status one_list(tn_onnx *o, const tn_onnx_node *n, tn_onnx_type type, size_t count,
                          bool scalar, tn_onnx_number **out)
{
    const tn_shape shape = {.ndim = !scalar, .dim = {(int64_t)count}};
    return tn_onnx_new_output(o, n, type, &shape, out);
}

static tn_status constant_list(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_proto a;
    tn_onnx_number *y = NULL;
    int64_t whole[256];
    float real[256];
    const size_t ints = tn_onnx_ints(n, "value_ints", whole, TN_COUNT(whole));
    const size_t floats = tn_onnx_floats(n, "value_floats", real, TN_COUNT(real));
    if (tn_onnx_attr(n, "value_int", &a)) {
        TN_TRY(one_list(o, n, ONNX_I64, 1, true, &y));
        if (y)
            y->whole = tn_proto_int(&a, ATTR_I, 0);
    } else if (tn_onnx_attr(n, "value_float", &a)) {
        TN_TRY(one_list(o, n, ONNX_F32, 1, true, &y));
        if (y)
            y->real = tn_proto_real(&a, ATTR_F, 0);
    } else if (tn_onnx_attr(n, "value_ints", &a) && ints <= TN_COUNT(whole)) {
        TN_TRY(one_list(o, n, ONNX_I64, ints, false, &y));
        for (size_t i = 0; i < ints && y; i++)
            y[i].whole = whole[i];
    } else if (tn_onnx_attr(n, "value_floats", &a) && floats <= TN_COUNT(real)) {
        TN_TRY(one_list(o, n, ONNX_F32, floats, false, &y));
        for (size_t i = 0; i < floats && y; i++)
            y[i].real = (double)real[i];
    }
    *done = y;
    return TN_OK;
}

static tn_status constant(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_proto a, tensor;
    tn_onnx_known *k;
    if (!tn_onnx_attr(n, "value", &a))
        return constant_list(o, n, done);
    if (!tn_proto_message(&a, ATTR_T, &tensor) || n->num_out < 1 || !n->out[0])
        return TN_OK;
    TN_TRY(tn_onnx_of_tensor(o, &tensor, n->out[0]->name, &k));
    *done = true;
    return tn_onnx_give_known(o, n, 0, k);
}

/* As many as are wanted of one number, which takes no memory. */
static tn_status constant_of_shape(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_proto a, tensor;
    tn_onnx_known *k = NULL, *value = NULL;
    const tn_onnx_number *first = NULL;
    tn_onnx_number *number;
    tn_shape shape = {0};
    if (!tn_onnx_plain_wholes(o, n, NULL, 0, shape.dim, TN_MAX_DIMS, &shape.ndim) || shape.ndim < 0)
        return TN_OK;
    if (tn_onnx_attr(n, "value", &a) && tn_proto_message(&a, ATTR_T, &tensor)) {
        TN_TRY(tn_onnx_of_tensor(o, &tensor, "value", &value));
        TN_TRY(tn_onnx_numbers(o, value, &first));
    }
    const tn_shape one = {0};
    TN_TRY(tn_onnx_new_known(o, value ? value->type : ONNX_F32, &one, &k, &number));
    if (!k || (value && !first) || !tn_onnx_count(&shape, &k->count))
        return TN_OK;
    *number = first ? *first : (tn_onnx_number){.real = 0};
    k->shape = shape;
    k->fill = true;
    k->constant = false; /* what is as large as this is somebody's weights */
    *done = true;
    return tn_onnx_give_known(o, n, 0, k);
}

/* ---- shapes ----------------------------------------------------------------------------------- */

/* Input 0, or what it is made of by QuantizeLinear. */
static const tn_onnx_value *measured(const tn_onnx_node *n)
{
    const tn_onnx_value *v = n->in[0];
    while (v->quantised)
        v = v->quantised->in[0];
    return v;
}

static int ndim_of(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_value *v = measured(n);
    tn_shape shape = {0};
    if (v->known)
        return v->known->shape.ndim;
    return tn_value_shape(o->g, v->v, &shape) == TN_OK ? shape.ndim : 0;
}

static tn_onnx_number dim_of(tn_onnx *o, const tn_onnx_node *n, int i)
{
    const tn_onnx_value *v = measured(n);
    if (v->merged)
        return tn_onnx_merged_dim(o, v->merged, i);
    return v->known ? (tn_onnx_number){.whole = v->known->shape.dim[i]} : tn_onnx_dim(o, v->v, i);
}

static int64_t clamp(int64_t i, int ndim)
{
    i += i < 0 ? ndim : 0;
    return i < 0 ? 0 : i > ndim ? ndim : i;
}

static tn_status shape_of(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_onnx_number *y;
    if (!tn_onnx_has(n, 0))
        return TN_OK;
    const int ndim = ndim_of(o, n);
    const int64_t begin = clamp(tn_onnx_int(n, "start", 0), ndim);
    const int64_t end = clamp(tn_onnx_int(n, "end", ndim), ndim);
    const tn_shape shape = TN_SHAPE(end > begin ? end - begin : 0);
    TN_TRY(tn_onnx_new_output(o, n, ONNX_I64, &shape, &y));
    for (int64_t i = begin; i < end && y; i++)
        y[i - begin] = dim_of(o, n, (int)i);
    *done = y;
    return TN_OK;
}

static tn_status size_of(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    tn_onnx_number *y;
    const tn_shape scalar = {0};
    tn_onnx_number all = {.whole = 1};
    for (int i = 0; tn_onnx_has(n, 0) && i < ndim_of(o, n); i++)
        if (!tn_onnx_mul_whole(all, dim_of(o, n, i), &all))
            return TN_OK;
    if (!tn_onnx_has(n, 0))
        return TN_OK;
    TN_TRY(tn_onnx_new_output(o, n, ONNX_I64, &scalar, &y));
    if (y)
        *y = all;
    *done = y;
    return TN_OK;
}

/* ---- the same numbers ------------------------------------------------------------------------- */

static tn_status give_view(tn_onnx *o, const tn_onnx_node *n, const tn_shape *shape, bool *done)
{
    tn_onnx_known *x = n->in[0]->known, *k;
    int64_t count;
    if (!tn_onnx_count(shape, &count) || count != x->count)
        return TN_OK;
    TN_TRY(tn_onnx_view(o, x, x->type, shape, &k));
    *done = k;
    return k ? tn_onnx_give_known(o, n, 0, k) : TN_OK;
}

static tn_status identity(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    if (!tn_onnx_given(n, 0))
        return TN_OK;
    *done = true;
    return tn_onnx_give_known(o, n, 0, n->in[0]->known);
}

static tn_status reshape(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_known *x = tn_onnx_given(n, 0);
    const bool keeps_0 = tn_onnx_int(n, "allowzero", 0);
    tn_shape shape = {0};
    int64_t rest = 1;
    int open = -1;
    if (!x || !tn_onnx_plain_wholes(o, n, "shape", 1, shape.dim, TN_MAX_DIMS, &shape.ndim) ||
        shape.ndim < 0)
        return TN_OK;
    for (int i = 0; i < shape.ndim; i++) {
        if (shape.dim[i] == 0 && !keeps_0 && i < x->shape.ndim)
            shape.dim[i] = x->shape.dim[i];
        if (shape.dim[i] < 0)
            open = i;
        else if (rest && shape.dim[i] > TN_ONNX_MOST_ELEMENTS / rest)
            return TN_OK;
        else
            rest *= shape.dim[i];
    }
    if (open >= 0)
        shape.dim[open] = rest ? x->count / rest : 0;
    return give_view(o, n, &shape, done);
}

static tn_status flatten(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_known *x = tn_onnx_given(n, 0);
    int64_t axis = tn_onnx_int(n, "axis", 1);
    tn_shape shape = TN_SHAPE(1, 1);
    if (!x)
        return TN_OK;
    axis += axis < 0 ? x->shape.ndim : 0;
    for (int i = 0; i < x->shape.ndim; i++)
        shape.dim[i >= axis] *= x->shape.dim[i];
    return give_view(o, n, &shape, done);
}

static tn_status squeeze(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_known *x = tn_onnx_given(n, 0);
    int64_t axes[TN_MAX_DIMS];
    bool out[TN_MAX_DIMS] = {false};
    tn_shape shape = {0};
    int count;
    if (!x || !tn_onnx_plain_wholes(o, n, "axes", 1, axes, TN_MAX_DIMS, &count))
        return TN_OK;
    for (int i = 0; i < count; i++) {
        const int64_t axis = axes[i] + (axes[i] < 0 ? x->shape.ndim : 0);
        if (axis < 0 || axis >= x->shape.ndim)
            return TN_OK;
        out[axis] = true;
    }
    for (int i = 0; i < x->shape.ndim; i++)
        if (count < 0 ? x->shape.dim[i] != 1 : !out[i])
            shape.dim[shape.ndim++] = x->shape.dim[i];
    return give_view(o, n, &shape, done);
}

static tn_status unsqueeze(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_known *x = tn_onnx_given(n, 0);
    int64_t axes[TN_MAX_DIMS];
    bool in[TN_MAX_DIMS] = {false};
    int count, at = 0;
    if (!x || !tn_onnx_plain_wholes(o, n, "axes", 1, axes, TN_MAX_DIMS, &count) || count < 0 ||
        count + x->shape.ndim > TN_MAX_DIMS)
        return TN_OK;
    tn_shape shape = {.ndim = x->shape.ndim + count};
    for (int i = 0; i < count; i++) {
        const int64_t axis = axes[i] + (axes[i] < 0 ? shape.ndim : 0);
        if (axis < 0 || axis >= shape.ndim || in[axis])
            return TN_OK;
        in[axis] = true;
    }
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = in[i] ? 1 : x->shape.dim[at++];
    return give_view(o, n, &shape, done);
}

/* ---- types ------------------------------------------------------------------------------------ */

static bool cast_one(tn_onnx_type from, tn_onnx_type to, tn_onnx_number x, tn_onnx_number *y)
{
    *y = x;
    if (to == ONNX_BOOL) {
        *y = (tn_onnx_number){.whole = tn_onnx_is_real(from) ? x.real != 0 : x.whole != 0};
    } else if (tn_onnx_is_real(to) && !tn_onnx_is_real(from)) {
        y->real = (double)x.whole;
    } else if (!tn_onnx_is_real(to) && tn_onnx_is_real(from)) {
        if (!(x.real > -9e18 && x.real < 9e18) || (x.times_n && x.real != (double)(int64_t)x.real))
            return false;
        y->whole = (int64_t)x.real;
    }
    return true;
}

static tn_status cast_to(tn_onnx *o, const tn_onnx_node *n, tn_onnx_type to, bool *done)
{
    tn_onnx_known *x = n->in[0]->known, *k;
    tn_onnx_number *y;
    if (!tn_onnx_bytes(to) || !tn_onnx_bytes(x->type))
        return TN_OK;
    const tn_onnx_number *number = tn_onnx_input_numbers(o, n, 0);
    if (!number) { /* many: how they are read is enough, but to cut off what is behind the point */
        if (tn_onnx_is_real(x->type) != tn_onnx_is_real(to))
            return TN_OK;
        TN_TRY(tn_onnx_view(o, x, to, &x->shape, &k));
        *done = k;
        return k ? tn_onnx_give_known(o, n, 0, k) : TN_OK;
    }
    TN_TRY(tn_onnx_new_output(o, n, to, &x->shape, &y));
    *done = y;
    for (int64_t i = 0; i < x->count && y; i++)
        *done = *done && cast_one(x->type, to, number[i], &y[i]);
    return TN_OK;
}

static tn_status cast(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const int64_t to = tn_onnx_int(n, "to", ONNX_NONE);
    return tn_onnx_given(n, 0) && to > 0 && to <= ONNX_BF16 ? cast_to(o, n, (tn_onnx_type)to, done)
                                                            : TN_OK;
}

static tn_status cast_like(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_known *like = tn_onnx_given(n, 1);
    return like && tn_onnx_given(n, 0) ? cast_to(o, n, like->type, done) : TN_OK;
}

const tn_onnx_evals tn_onnx_evals_of_shapes[] = {
    {"Constant", constant},    {"ConstantOfShape", constant_of_shape},
    {"Shape", shape_of, true}, {"Size", size_of, true},
    {"Identity", identity},    {"Reshape", reshape},
    {"Flatten", flatten},      {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},  {"Cast", cast},
    {"CastLike", cast_like},   {0},
};
