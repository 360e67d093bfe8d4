/* Functions of two values and more, which are broadcast; and what passes a value on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

#define NAMED(n) (&(tn_layer_opts){(n)->name})

typedef tn_value layer_of_two(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);

/* ---- two --------------------------------------------------------------------------------------- */

/* Before opset 7: b's dimensions are those of a from `axis` on, or its last ones. */
static bool line_up(tn_onnx *o, const tn_onnx_node *n, tn_value a, tn_value *b)
{
    tn_shape of_a, of_b;
    tn_proto said;
    if (o->opset >= 7 || !tn_onnx_attr(n, "axis", &said) ||
        tn_value_shape(o->g, a, &of_a) != TN_OK || tn_value_shape(o->g, *b, &of_b) != TN_OK)
        return true;
    const int axis = tn_onnx_axis(o, n, of_a.ndim, tn_onnx_int(n, "axis", 0));
    if (axis < 0)
        return false;
    while (of_b.ndim > 0 && axis + of_b.ndim < of_a.ndim && of_b.ndim < TN_MAX_DIMS)
        of_b.dim[of_b.ndim++] = 1;
    *b = of_b.ndim ? tn_onnx_reshape(o, n, "b", *b, of_b) : *b;
    return true;
}

static tn_status add_two(tn_onnx *o, const tn_onnx_node *n, layer_of_two *layer)
{
    tn_value a, b;
    if (!tn_onnx_x(o, n, 0, &a) || !tn_onnx_x(o, n, 1, &b) || !line_up(o, n, a, &b))
        return TN_OK;
    return tn_onnx_give(o, n, 0, layer(o->g, a, b, NAMED(n)));
}

static tn_status add_add(tn_onnx *o, const tn_onnx_node *n)
{
    return add_two(o, n, tn_add);
}

static tn_status add_sub(tn_onnx *o, const tn_onnx_node *n)
{
    return add_two(o, n, tn_sub);
}

static tn_status add_mul(tn_onnx *o, const tn_onnx_node *n)
{
    return add_two(o, n, tn_mul);
}

static tn_status add_div(tn_onnx *o, const tn_onnx_node *n)
{
    return add_two(o, n, tn_div);
}

static tn_status add_power(tn_onnx *o, const tn_onnx_node *n)
{
    tn_onnx_known *k = tn_onnx_given(n, 1);
    float *real = NULL;
    tn_value x;
    if (!k || tn_onnx_is_real(k->type) || k->count == 0)
        return add_two(o, n, tn_pow);
    if (!tn_onnx_x(o, n, 0, &x))
        return TN_OK;
    TN_TRY(tn_onnx_copy(o, k, &real));
    const tn_value power = tn_onnx_constant(o, tn_onnx_name(o, n, "power"), k->shape, real);
    return tn_onnx_give(o, n, 0, tn_pow(o->g, x, power, NAMED(n)));
}

/* The exponent may be of integers; a square and a root are that. */
static tn_status add_pow(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_known *known = tn_onnx_given(n, 1);
    double power = 0;
    tn_value x;
    if (!known || known->count != 1 || known->shape.ndim > 1)
        return add_power(o, n);
    if (!tn_onnx_x(o, n, 0, &x) || !tn_onnx_number_of(o, n, NULL, 1, &power))
        return TN_OK;
    if (power == 1)
        return tn_onnx_give(o, n, 0, x);
    if (power == 2)
        return tn_onnx_give(o, n, 0, tn_mul(o->g, x, x, NAMED(n)));
    if (power == 0.5)
        return tn_onnx_give(o, n, 0, tn_sqrt(o->g, x, NAMED(n)));
    return tn_onnx_give(o, n, 0,
                        tn_pow(o->g, x, tn_onnx_scalar(o, n, "power", (float)power), NAMED(n)));
}

/* ---- many -------------------------------------------------------------------------------------- */

/* The first two, and what that makes with the third, ...; the last one is called as the node. */
static tn_status chain(tn_onnx *o, const tn_onnx_node *n, layer_of_two *layer, bool mean)
{
    tn_value y, next;
    if (!tn_onnx_x(o, n, 0, &y))
        return TN_OK;
    for (int i = 1; i < n->num_in; i++) {
        char part[24];
        (void)snprintf(part, sizeof part, "%d", i);
        if (!tn_onnx_x(o, n, i, &next))
            return TN_OK;
        y = layer(o->g, y, next,
                  &(tn_layer_opts){i < n->num_in - 1 || mean ? tn_onnx_name(o, n, part) : n->name});
    }
    return tn_onnx_give(o, n, 0, mean ? tn_onnx_times(o, n, "mean", y, 1 / (float)n->num_in) : y);
}

static tn_status add_sum(tn_onnx *o, const tn_onnx_node *n)
{
    return chain(o, n, tn_add, false);
}

static tn_status add_mean(tn_onnx *o, const tn_onnx_node *n)
{
    return chain(o, n, tn_add, true);
}

static tn_status add_max(tn_onnx *o, const tn_onnx_node *n)
{
    return chain(o, n, tn_maximum, false);
}

static tn_status add_min(tn_onnx *o, const tn_onnx_node *n)
{
    return chain(o, n, tn_minimum, false);
}

/* ---- Where, by a condition that is known -------------------------------------------------------- */

/* 1 where it is true, and 1 where it is not. */
static tn_value mask_of(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_known *k,
                        const tn_onnx_number *number, bool truth)
{
    float *to = tn_alloc((size_t)k->count, sizeof *to);
    if (!to)
        return tn_graph_refuse(o->g, tn_no_memory("weights", (size_t)k->count * sizeof *to));
    for (int64_t i = 0; i < k->count; i++)
        to[i] = (number[i].whole != 0) == truth;
    return tn_onnx_constant(o, tn_onnx_name(o, n, truth ? "if" : "else"), k->shape, to);
}

/* Input i where the condition is `truth`, else 0: what is not chosen may be no number. False: refused. */
static bool add_chosen(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_number *number, int i,
                       const char *name, tn_value *out)
{
    const bool truth = i == 1;
    tn_value x;
    if (!tn_onnx_x(o, n, i, &x))
        return false;
    *out = tn_mask(o->g, x, mask_of(o, n, n->in[0]->known, number, truth), &(tn_layer_opts){name});
    return true;
}

static bool is_zero(tn_onnx *o, const tn_onnx_node *n, int i)
{
    const tn_onnx_number *number = NULL;
    tn_onnx_known *k = tn_onnx_given(n, i);
    return k && k->count == 1 && k->shape.ndim == 0 && tn_onnx_is_real(k->type) &&
           tn_onnx_numbers(o, k, &number) == TN_OK && number && number->real == 0;
}

static tn_status add_where(tn_onnx *o, const tn_onnx_node *n)
{
    tn_onnx_known *k = tn_onnx_given(n, 0);
    const tn_onnx_number *number = NULL;
    tn_value a, b;
    if (!k)
        return tn_onnx_refuse(o, n, "its condition is not known before the model runs");
    TN_TRY(tn_onnx_numbers(o, k, &number));
    if (!number || k->count == 0)
        return tn_onnx_refuse(o, n, "its condition has %lld elements", (long long)k->count);
    if (is_zero(o, n, 2))
        return add_chosen(o, n, number, 1, n->name, &a) ? tn_onnx_give(o, n, 0, a) : TN_OK;
    if (!add_chosen(o, n, number, 1, tn_onnx_name(o, n, "those"), &a) ||
        !add_chosen(o, n, number, 2, tn_onnx_name(o, n, "others"), &b))
        return TN_OK;
    return tn_onnx_give(o, n, 0, tn_add(o->g, a, b, NAMED(n)));
}

/* ---- what passes a value on --------------------------------------------------------------------- */

static tn_status add_identity(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    return tn_onnx_any(o, n, 0, &x) ? tn_onnx_give(o, n, 0, x) : TN_OK;
}

static tn_status add_dropout(tn_onnx *o, const tn_onnx_node *n)
{
    double rate = 0.5, training = 0;
    const bool attrs = o->opset < 12;
    tn_proto seed;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) ||
        !tn_onnx_number_of(o, n, attrs ? "ratio" : NULL, attrs ? -1 : 1, &rate) ||
        !tn_onnx_number_of(o, n, NULL, attrs ? -1 : 2, &training))
        return TN_OK;
    if (tn_onnx_wants(n, 1))
        return tn_onnx_refuse(o, n, "its mask is read");
    if (!(rate > 0 && rate < 1))
        return tn_onnx_give(o, n, 0, x);
    if (training != 0 && tn_onnx_attr(n, "seed", &seed))
        return tn_onnx_refuse(o, n, "it drops by numbers of its own, in evaluation, too");
    if (training != 0)
        TN_TRY(
            tn_onnx_note(o, n, "drops when it is trained, and not in evaluation (training_mode)"));
    return tn_onnx_give(
        o, n, 0, tn_dropout(o->g, x, &(tn_dropout_opts){.name = n->name, .rate = (float)rate}));
}

/* Between numbers with a fraction it is nothing: all are f32. */
static tn_status cast_to(tn_onnx *o, const tn_onnx_node *n, int64_t to)
{
    const bool real = to == ONNX_F32 || to == ONNX_F16 || to == ONNX_BF16 || to == ONNX_F64;
    tn_dtype dtype;
    tn_value x;
    if (!tn_onnx_any(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_dtype(o->g, x, &dtype));
    if (real && dtype == TN_F32)
        return tn_onnx_give(o, n, 0, x);
    if (dtype == TN_I32 && (to == ONNX_I32 || to == ONNX_I64))
        return tn_onnx_give(o, n, 0, x);
    return tn_onnx_refuse(o, n, "from %s to %s", tn_dtype_name(dtype), tn_onnx_type_name(to));
}

static tn_status add_cast(tn_onnx *o, const tn_onnx_node *n)
{
    return cast_to(o, n, tn_onnx_int(n, "to", ONNX_NONE));
}

static tn_status add_cast_like(tn_onnx *o, const tn_onnx_node *n)
{
    const tn_onnx_known *known = tn_onnx_given(n, 1);
    tn_dtype dtype = TN_F32;
    tn_value like;
    if (known)
        return cast_to(o, n, known->type);
    if (!tn_onnx_any(o, n, 1, &like) || !like.id)
        return TN_OK;
    TN_TRY(tn_value_dtype(o->g, like, &dtype));
    return cast_to(o, n, dtype == TN_F32 ? ONNX_F32 : dtype == TN_I32 ? ONNX_I32 : ONNX_U8);
}

const tn_onnx_ops tn_onnx_ops_arithmetic = {{{"Add", 1, add_add},
                                             {"Sub", 1, add_sub},
                                             {"Mul", 1, add_mul},
                                             {"Div", 1, add_div},
                                             {"Pow", 1, add_pow},
                                             {"Sum", 1, add_sum},
                                             {"Mean", 1, add_mean},
                                             {"Max", 1, add_max},
                                             {"Min", 1, add_min},
                                             {"Where", 9, add_where},
                                             {"Identity", 1, add_identity},
                                             {"Dropout", 1, add_dropout},
                                             {"Cast", 6, add_cast},
                                             {"CastLike", 15, add_cast_like}}};
