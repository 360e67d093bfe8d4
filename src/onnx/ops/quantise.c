/*
 * QuantizeLinear and DequantizeLinear: numbers kept in whole ones of 8 bits. The two behind each other are fake_quant; the second
 * of a tensor of the file is a parameter with the numbers that it stands for, and fake_quant of that.
 */
#include <float.h>
#include <string.h>

#include <tenon/layers.h>

#include "onnx/known.h"

/* What whole numbers of a type stand for: (q - zero) scale, with a scale for all or for each along the axis. */
typedef struct grid {
    int lo, hi, zero;
    tn_onnx_known *scale;
    int axis; /* of several scales */
} grid;

static bool read_range(tn_onnx_type type, grid *out)
{
    static const struct {
        tn_onnx_type type;
        int lo, hi;
    } types[] = {{ONNX_I8, -128, 127},
                 {ONNX_U8, 0, 255},
                 {ONNX_I16, -32768, 32767},
                 {ONNX_U16, 0, 65535},
                 {ONNX_I32, 0, 0}};
    for (size_t i = 0; i < TN_COUNT(types); i++)
        if (types[i].type == type) {
            out->lo = types[i].lo;
            out->hi = types[i].hi;
            return true;
        }
    return false;
}

/* Input 2: one number, or the same for all. */
static bool read_zero(tn_onnx *o, const tn_onnx_node *n, grid *out)
{
    tn_onnx_known *k = tn_onnx_given(n, 2);
    const tn_onnx_number *number = NULL;
    if (!tn_onnx_has(n, 2))
        return true;
    if (!k || tn_onnx_is_real(k->type) || tn_onnx_numbers(o, k, &number) != TN_OK || !number ||
        k->count < 1)
        return false;
    for (int64_t i = 0; i < k->count; i++)
        if (number[i].whole != number[0].whole || number[i].whole < -65536 ||
            number[i].whole > 65536)
            return false;
    out->zero = (int)number[0].whole;
    return true;
}

static bool read_grid(tn_onnx *o, const tn_onnx_node *n, const tn_shape *x, tn_onnx_type type,
                      grid *out)
{
    const char *why = NULL;
    const tn_onnx_number *scale = NULL;
    *out = (grid){.scale = tn_onnx_given(n, 1)};
    if (!out->scale || out->scale->count < 1 || !tn_onnx_is_real(out->scale->type) ||
        tn_onnx_numbers(o, out->scale, &scale) != TN_OK || !scale || !read_zero(o, n, out))
        why =
            "its scale or its zero point is not known before the model runs, or zero points differ";
    else if (!read_range(type, out))
        why = "it is not of whole numbers of 8 or 16 bits";
    else if (tn_onnx_int(n, "block_size", 0))
        why = "it has a scale for each block";
    if (why) {
        (void)tn_onnx_refuse(o, n, "%s", why);
        return false;
    }
    for (int64_t i = 0; i < out->scale->count; i++)
        if (!(scale[i].real > 0 && scale[i].real <= (double)FLT_MAX)) {
            (void)tn_onnx_refuse(o, n, "its scale is %g", scale[i].real);
            return false;
        }
    if (out->scale->count == 1)
        return true;
    out->axis = tn_onnx_axis(o, n, x->ndim, tn_onnx_int(n, "axis", 1));
    if (out->axis >= 0 && x->dim[out->axis] != out->scale->count)
        (void)tn_onnx_refuse(o, n, "it has %lld scales for %s", (long long)out->scale->count,
                             tn_shape_format(x).text);
    return out->axis >= 0 && x->dim[out->axis] == out->scale->count;
}

static tn_value fake_quant(tn_onnx *o, const tn_onnx_node *n, tn_value x, const grid *by)
{
    tn_fake_quant_opts opts = {.name = n->name,
                               .zero = TN_EXACTLY(by->zero),
                               .lo = TN_EXACTLY(by->lo),
                               .hi = TN_EXACTLY(by->hi)};
    tn_value scales = {0};
    float *data = NULL;
    tn_status status = by->scale->count == 1 ? tn_onnx_read(o, by->scale, &opts.scale)
                                             : tn_onnx_copy(o, by->scale, &data);
    if (status != TN_OK)
        return tn_graph_refuse(o->g, status);
    if (data) {
        opts.axis = TN_EXACTLY(by->axis);
        scales =
            tn_onnx_constant(o, tn_onnx_name(o, n, "scales"), TN_SHAPE(by->scale->count), data);
    }
    return tn_fake_quant(o->g, x, scales, &opts);
}

/* ---- to whole numbers ----------------------------------------------------------------------------- */

static tn_onnx_type made_type(const tn_onnx_node *n)
{
    const tn_onnx_known *zero = tn_onnx_given(n, 2);
    return zero ? zero->type : (tn_onnx_type)tn_onnx_int(n, "output_dtype", ONNX_U8);
}

/* Nothing yet: who reads it makes both. */
static tn_status add_quantise(tn_onnx *o, const tn_onnx_node *n)
{
    tn_shape shape;
    tn_value x;
    grid by;
    if (!tn_onnx_x(o, n, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (!read_grid(o, n, &shape, made_type(n), &by))
        return TN_OK;
    if (n->num_out > 0 && n->out[0])
        n->out[0]->quantised = n;
    return TN_OK;
}

/* ---- and back ------------------------------------------------------------------------------------- */

static bool same_numbers(tn_onnx *o, tn_onnx_known *a, tn_onnx_known *b)
{
    const tn_onnx_number *x = NULL, *y = NULL;
    if (a == b)
        return true;
    if (!a || !b || a->count != b->count || tn_onnx_numbers(o, a, &x) != TN_OK ||
        tn_onnx_numbers(o, b, &y) != TN_OK || !x || !y)
        return false;
    for (int64_t i = 0; i < a->count; i++)
        if (x[i].whole != y[i].whole) /* the same bits */
            return false;
    return true;
}

static tn_status add_pair(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_node *first)
{
    tn_shape shape;
    tn_value x;
    grid by, back;
    if (!same_numbers(o, tn_onnx_given(n, 1), tn_onnx_given(first, 1)) ||
        !same_numbers(o, tn_onnx_given(n, 2), tn_onnx_given(first, 2)))
        return tn_onnx_refuse(o, n, "its scale or zero point is another than that of \"%s\"",
                              first->name);
    if (!tn_onnx_x(o, first, 0, &x) || !x.id)
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &shape));
    if (!read_grid(o, first, &shape, made_type(first), &back) ||
        !read_grid(o, n, &shape, made_type(first), &by))
        return TN_OK;
    if (by.axis != back.axis)
        return tn_onnx_refuse(o, n, "its scales are along dimension %d, those of \"%s\" along %d",
                              by.axis, first->name, back.axis);
    return tn_onnx_give(o, n, 0, fake_quant(o, n, x, &by));
}

/* The numbers that a tensor of the file stands for. */
static tn_status read_back(tn_onnx *o, tn_onnx_known *k, const grid *by, tn_onnx_known *to)
{
    float *scale = NULL;
    TN_TRY(tn_onnx_charge(o, k->name, k->count));
    float *data = tn_arena_alloc(&o->arena, (size_t)k->count + 1, sizeof *data);
    if (!data)
        return tn_no_memory("a model", (size_t)k->count * sizeof *data);
    TN_TRY(tn_onnx_read(o, k, data));
    TN_TRY(tn_onnx_copy(o, by->scale, &scale));
    const tn_lines l =
        by->scale->count == 1 ? (tn_lines){1, 1, k->count} : tn_lines_along(&k->shape, by->axis);
    for (int64_t i = 0; i < k->count; i++)
        data[i] = (data[i] - (float)by->zero) * scale[i / l.inner % l.size];
    tn_free(scale);
    *to = (tn_onnx_known){.name = k->name,
                          .type = ONNX_F32,
                          .stored = ONNX_F32,
                          .shape = k->shape,
                          .count = k->count,
                          .constant = k->constant,
                          .raw = {(const uint8_t *)data, (size_t)k->count * sizeof *data},
                          .file = -1};
    return TN_OK;
}

static tn_status add_known(tn_onnx *o, const tn_onnx_node *n, tn_onnx_known *k)
{
    tn_onnx_known *made = tn_arena_alloc(&o->arena, 1, sizeof *made);
    tn_value x;
    grid by;
    if (!made)
        return tn_no_memory("a model", sizeof *made);
    if (k->count < 1 || !read_grid(o, n, &k->shape, k->type, &by))
        return k->count < 1 ? tn_onnx_refuse(o, n, "it reads an empty tensor") : TN_OK;
    TN_TRY(read_back(o, k, &by, made));
    TN_TRY(tn_onnx_give_known(o, n, 0, made));
    if (by.lo == by.hi || k->count == 1) /* a bias, which is kept in as many bits as any number */
        return TN_OK;
    const tn_onnx_node reader = {
        .name = n->name, .op = n->op, .num_in = 1, .in = (tn_onnx_value **)&n->out[0]};
    if (!tn_onnx_any(o, &reader, 0, &x))
        return TN_OK;
    return tn_onnx_give(o, n, 0, fake_quant(o, n, x, &by));
}

static tn_status add_dequantise(tn_onnx *o, const tn_onnx_node *n)
{
    if (!tn_onnx_has(n, 0) || n->num_out < 1 || !n->out[0])
        return tn_onnx_refuse(o, n, "it has no input, or no output");
    if (n->in[0]->quantised)
        return add_pair(o, n, n->in[0]->quantised);
    tn_onnx_known *k = tn_onnx_given(n, 0);
    return k ? add_known(o, n, k)
             : tn_onnx_refuse(o, n, "what it reads is made by no QuantizeLinear");
}

const tn_onnx_ops tn_onnx_ops_quantise = {
    {{"QuantizeLinear", 10, add_quantise}, {"DequantizeLinear", 10, add_dequantise}}};
