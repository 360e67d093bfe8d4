#include "model/narrow.h"

#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "tensor/half.h"

enum { FEW = 1024 /* numbers are not worth it */ };

/* ---- whole numbers ------------------------------------------------------------------------------ */

static int64_t columns_of(const tn_shape *shape)
{
    return tn_elements(shape) / shape->dim[0];
}

/* As fake_quant finds it. */
static float scale_of(const float *row, int64_t columns, float most)
{
    float largest = 0;
    for (int64_t i = 0; i < columns; i++)
        largest = fabsf(row[i]) > largest ? fabsf(row[i]) : largest;
    return largest > 0 ? largest / most : 1;
}

/* The number that a scale was found of: fake_quant finds it again. */
static float largest_of(float scale, float most)
{
    const float near = scale * most;
    const float all[] = {near, nextafterf(near, 0), nextafterf(near, INFINITY)};
    for (int i = 0; i < 3; i++)
        if (all[i] / most == scale)
            return all[i];
    return near;
}

static void expand_row(const int8_t *restrict from, int64_t columns, float scale, float most,
                       float *restrict to)
{
    const float largest = largest_of(scale, most);
    for (int64_t i = 0; i < columns; i++) {
        const float whole = from[i];
        to[i] = whole == most ? largest : whole == -most ? -largest : whole * scale;
    }
}

/* Does fake_quant make the same of what the row becomes as of the row? */
static bool is_kept(const float *row, int64_t columns, float most)
{
    const float scale = scale_of(row, columns, most), largest = largest_of(scale, most);
    bool kept = largest / most == scale || scale == 1;
    for (int64_t i = 0; i < columns && kept; i++) {
        const float whole = rintf(row[i] / scale);
        const float then = fabsf(whole) == most ? copysignf(largest, whole) : whole * scale;
        kept = fabsf(whole) <= most && rintf(then / scale) == whole && fabsf(then) <= largest;
    }
    return kept;
}

/* Of a reader that puts all rows on a grid of 8 bits, the largest whole number; 0: it does something else. */
static float grid_of(const tn_node *n)
{
    if (strcmp(n->op->name, "fake_quant") != 0 || !tn_grid_is_found(n))
        return 0;
    const tn_grid g = tn_grid_of(n);
    const bool rows = g.lines.outer == 1 && g.lines.size == n->x[0].dim[0] && n->x[0].ndim > 1;
    return rows && g.high <= INT8_MAX && g.low <= -g.high ? g.high : 0;
}

static float all_readers(const tn_graph *g, int32_t id)
{
    float most = 0;
    for (size_t i = 0; i < g->num_outputs; i++)
        if (g->output[i].id == id)
            return 0;
    for (size_t i = 0; i < g->num_nodes; i++) {
        const tn_node *n = g->node[i];
        for (int k = 0; k < n->num_params; k++)
            if (n->w[k] == id && n->op != &tn_op_param)
                return 0;
        for (int k = 0; k < n->num_in; k++) {
            if (n->in[k] != id)
                continue;
            const float own = grid_of(n);
            if (own == 0 || (most > 0 && own != most))
                return 0;
            most = own;
        }
    }
    return most;
}

/* ---- in what ------------------------------------------------------------------------------------ */

static bool all_are(const float *numbers, int64_t count, tn_dtype dtype)
{
    bool same = true;
    for (int64_t i = 0; i < count && same; i++) {
        const float x = numbers[i];
        const float then =
            dtype == TN_F16 ? tn_from_f16(tn_to_f16(x)) : tn_from_bf16(tn_to_bf16(x));
        same = tn_bits_of_float(then) == tn_bits_of_float(x);
    }
    return same;
}

tn_narrow tn_narrow_choose(const tn_model *m, size_t index, const float *numbers)
{
    const tn_model_number *number = &m->number[index];
    const tn_shape *shape = &number->shape;
    const int64_t count = tn_elements(shape);
    const int32_t id = tn_names_find(m->graph, number->name);
    const float most = count > FEW && id ? all_readers(m->graph, id) : 0;
    bool whole = most > 0;
    for (int64_t k = 0; whole && k < shape->dim[0]; k++)
        whole = is_kept(numbers + k * columns_of(shape), columns_of(shape), most);
    if (whole)
        return (tn_narrow){TN_U8, true, most};
    if (count > FEW && all_are(numbers, count, TN_BF16))
        return (tn_narrow){.dtype = TN_BF16};
    return (tn_narrow){.dtype = count > FEW && all_are(numbers, count, TN_F16) ? TN_F16 : TN_F32};
}

void tn_narrow_write(const tn_narrow *n, const tn_shape *shape, const float *from, void *to,
                     float *scales)
{
    const int64_t count = tn_elements(shape);
    uint16_t *half = to;
    if (n->dtype == TN_F32)
        memcpy(to, from, (size_t)count * sizeof *from);
    for (int64_t i = 0; i < count && n->dtype != TN_F32 && !n->whole; i++)
        half[i] = n->dtype == TN_F16 ? tn_to_f16(from[i]) : tn_to_bf16(from[i]);
    for (int64_t k = 0; n->whole && k < shape->dim[0]; k++) {
        const int64_t columns = columns_of(shape);
        const float *row = from + k * columns;
        int8_t *whole = (int8_t *)to + k * columns;
        scales[k] = scale_of(row, columns, n->most);
        for (int64_t i = 0; i < columns; i++)
            whole[i] = (int8_t)rintf(row[i] / scales[k]);
    }
}

/* ---- read --------------------------------------------------------------------------------------- */

static tn_status expand_whole(const tn_model *m, const tn_model_number *number, const int8_t *from,
                              float *to)
{
    const tn_shape *shape = &number->shape;
    char *name = tn_format(TN_NARROW_SCALES "%s", number->name);
    if (!name)
        return tn_no_memory("model", strlen(number->name));
    const tn_safetensor *stored = tn_safetensors_find(m->file, name);
    const int32_t id = m->graph ? tn_names_find(m->graph, number->name) : 0;
    const float most = id ? all_readers(m->graph, id) : 0;
    tn_free(name);
    if (!stored || stored->wrong || stored->dtype != TN_F32 || stored->shape.ndim != 1 ||
        shape->ndim < 2 || stored->shape.dim[0] != shape->dim[0])
        return tn_fail(TN_ERR_FORMAT, "%s: %s is I8, without a scale for each row (%s)", m->path,
                       number->name, TN_NARROW_SCALES);
    if (most == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: %s is I8, and its net does not put it on a grid",
                       m->path, number->name);
    float *scales = tn_alloc_aligned(stored->bytes);
    if (!scales)
        return tn_no_memory("model", stored->bytes);
    const tn_status status = tn_safetensors_read(m->file, stored, scales);
    const int64_t columns = columns_of(shape);
    for (int64_t k = 0; status == TN_OK && k < shape->dim[0]; k++)
        expand_row(from + k * columns, columns, scales[k], most, to + k * columns);
    tn_free(scales);
    return status;
}

static tn_status expand(const tn_model *m, const tn_model_number *number, const void *from,
                        float *to)
{
    const uint16_t *half = from;
    const int64_t count = tn_elements(&number->shape);
    switch (number->stored->dtype) {
    case TN_F16:
        for (int64_t i = 0; i < count; i++)
            to[i] = tn_from_f16(half[i]);
        return TN_OK;
    case TN_BF16:
        for (int64_t i = 0; i < count; i++)
            to[i] = tn_from_bf16(half[i]);
        return TN_OK;
    default:
        return expand_whole(m, number, from, to);
    }
}

tn_status tn_narrow_read(const tn_model *m, const tn_model_number *number, float *to)
{
    const tn_safetensor *t = number->stored;
    const bool known = t->dtype == TN_F32 || t->dtype == TN_F16 || t->dtype == TN_BF16 ||
                       strcmp(t->type, "I8") == 0;
    if (!t->wrong && !known)
        return tn_fail(TN_ERR_FORMAT, "%s: %s is %s, not F32, F16 or BF16", m->path, number->name,
                       t->type);
    if (t->wrong || t->dtype == TN_F32)
        return tn_safetensors_read(m->file, t, to);
    const void *at = tn_safetensors_data(m->file, t);
    if (at)
        return expand(m, number, at, to);
    void *own = tn_alloc_aligned(t->bytes);
    tn_status status = own ? tn_safetensors_read(m->file, t, own) : tn_no_memory("model", t->bytes);
    if (status == TN_OK)
        status = expand(m, number, own, to);
    tn_free(own);
    return status;
}
