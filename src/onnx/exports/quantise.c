/* Values on a grid of whole numbers of 8 bits: QuantizeLinear, and DequantizeLinear behind it. */
#include <math.h>

#include <tenon/layers.h>

#include "onnx/export.h"

/* max |w| / hi of each channel, of a parameter's numbers, which are read for it; NULL: it is none. */
static const char *found_scales(tn_onnx_out *e, const tn_node *n, const tn_grid *g)
{
    const tn_numbers *numbers = &e->m->numbers;
    const tn_node *source = tn_graph_node_of(e->g, n->in[0]);
    const int64_t count = tn_elements(&n->x[0]), each = g->lines.inner;
    tn_shape shape;
    const ptrdiff_t index =
        source->op == &tn_op_param ? numbers->find(numbers, source->name, &shape) : -1;
    if (index < 0)
        return NULL;
    float *w = tn_arena_alloc(&e->arena, (size_t)count, sizeof *w);
    float *scale = tn_arena_alloc(&e->arena, (size_t)g->lines.size, sizeof *scale);
    if (e->file.status == TN_OK)
        e->file.status = w && scale ? numbers->read(numbers, (size_t)index, w)
                                    : tn_no_memory("a model", (size_t)count * sizeof *w);
    if (e->file.status != TN_OK)
        return "";
    for (int64_t i = 0; i < count; i++) {
        float *most = &scale[i / each % g->lines.size];
        *most = fmaxf(*most, fabsf(w[i]) / g->high);
    }
    for (int64_t c = 0; c < g->lines.size; c++)
        scale[c] = scale[c] > 0 ? scale[c] : 1;
    const tn_shape all = g->lines.size > 1 ? TN_SHAPE(g->lines.size) : (tn_shape){0};
    return tn_onnx_floats_name(e, n, "scale", &all, scale);
}

/* One alone is a number, and not a list of one. */
static const char *given_scales(tn_onnx_out *e, const tn_node *n, const tn_grid *g)
{
    const tn_node *source = tn_graph_node_of(e->g, n->in[1]);
    if (g->lines.size > 1)
        return tn_onnx_x_name(e, n, 1);
    if (source->op != &tn_op_constant)
        return NULL;
    const float *scale = ((const tn_constant_node_opts *)source->opts)->data;
    return tn_onnx_scalar_name(e, n, "scale", *scale);
}

/* Where the range is less than that of 8 bits, by one scale. */
static const char *clipped(tn_onnx_out *e, const tn_node *n, const tn_grid *g, float scale)
{
    const char *x = tn_onnx_x_name(e, n, 0), *y = tn_onnx_part_name(e, n, "clipped");
    const char *min = tn_onnx_scalar_name(e, n, "min", g->low * scale),
               *max = tn_onnx_scalar_name(e, n, "max", g->high * scale);
    TN_ONNX_PLAIN(e, "Clip", y, x, min, max);
    return y;
}

static void write_pair(tn_onnx_out *e, const tn_node *n, const char *x, const char *scale,
                       const tn_grid *g)
{
    const tn_fake_quant_opts *o = n->opts;
    const bool several = g->lines.size > 1;
    const tn_shape all = several ? TN_SHAPE(g->lines.size) : (tn_shape){0};
    const char *zero = tn_onnx_whole_name(e, n, "zero", &all, o->lo < 0, o->zero);
    const char *whole = tn_onnx_part_name(e, n, "whole");
    TN_ONNX_NODE(e, "QuantizeLinear", whole, x, scale, zero);
    if (several)
        tn_onnx_put_int(e, "axis", o->axis == TN_ZERO ? 0 : o->axis);
    tn_onnx_end(e);
    TN_ONNX_NODE(e, "DequantizeLinear", tn_onnx_y_name(e, n), whole, scale, zero);
    if (several)
        tn_onnx_put_int(e, "axis", o->axis == TN_ZERO ? 0 : o->axis);
    tn_onnx_end(e);
}

static void write_fake_quant(tn_onnx_out *e, const tn_node *n)
{
    const tn_fake_quant_opts *o = n->opts;
    const tn_grid g = tn_grid_of(n);
    const bool sign = o->lo < 0, found = tn_grid_is_found(n);
    const bool whole = sign ? o->lo == -128 && o->hi == 127 : o->lo == 0 && o->hi == 255;
    if (o->lo < (sign ? -128 : 0) || o->hi > (sign ? 127 : 255)) {
        tn_onnx_cannot(e, n, "ONNX keeps whole numbers from -128 to 127, or from 0 to 255");
        return;
    }
    if (!whole && !found && o->scale == 0) {
        tn_onnx_cannot(e, n, "its scales are given, for numbers of less than 8 bits");
        return;
    }
    const char *scale = o->scale > 0    ? tn_onnx_scalar_name(e, n, "scale", o->scale)
                        : n->num_in > 1 ? given_scales(e, n, &g)
                                        : found_scales(e, n, &g);
    if (!scale) {
        tn_onnx_cannot(e, n, "its scales are known when it runs alone");
        return;
    }
    const char *x = whole || found ? tn_onnx_x_name(e, n, 0) : clipped(e, n, &g, o->scale);
    write_pair(e, n, x, scale, &g);
}

const tn_onnx_writers tn_onnx_writers_quantise = {{{"fake_quant", 0, write_fake_quant}}};
