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

/* Does fake_quant make the same of what the row becomes as of the row? */
static bool is_kept(const float *row, int64_t columns, float most)
{
    const float scale = scale_of(row, columns, most), largest = tn_stored_largest(scale, most);
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

/* The tensor of its scales. */
static tn_status find_scales(const tn_model *m, const tn_model_number *number,
                             const tn_safetensor **out)
{
    const tn_shape *shape = &number->shape;
    char *name = tn_format(TN_NARROW_SCALES "%s", number->name);
    if (!name)
        return tn_no_memory("model", strlen(number->name));
    const tn_safetensor *t = *out = tn_safetensors_find(m->file, name);
    tn_free(name);
    if (t && !t->wrong && t->dtype == TN_F32 && t->shape.ndim == 1 && shape->ndim > 1 &&
        shape->dim[0] == t->shape.dim[0])
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: %s is I8, without a scale for each row (%s)", m->path,
                   number->name, TN_NARROW_SCALES);
}

/* On which grid the net puts it. */
static tn_status find_grid(const tn_model *m, const tn_model_number *number, float *most)
{
    const int32_t id = m->graph ? tn_names_find(m->graph, number->name) : 0;
    *most = id ? all_readers(m->graph, id) : 0;
    if (*most > 0)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: %s is I8, and its net does not put it on a grid", m->path,
                   number->name);
}

/* `scales`: where those of whole numbers are, else NULL. */
static tn_status find(const tn_model *m, const tn_model_number *number, tn_stored *out,
                      const tn_safetensor **scales)
{
    const tn_safetensor *t = number->stored;
    const bool whole = strcmp(t->type, "I8") == 0;
    *out = (tn_stored){.dtype = whole ? TN_U8 : t->dtype};
    *scales = NULL;
    if (!t->wrong && !whole && t->dtype != TN_F32 && t->dtype != TN_F16 && t->dtype != TN_BF16)
        return tn_fail(TN_ERR_FORMAT, "%s: %s is %s, not F32, F16 or BF16", m->path, number->name,
                       t->type);
    if (t->wrong || !whole)
        return TN_OK;
    TN_TRY(find_scales(m, number, scales));
    return find_grid(m, number, &out->most);
}

tn_status tn_narrow_find(const tn_model *m, const tn_model_number *number, tn_stored *out)
{
    const tn_safetensor *scales;
    TN_TRY(find(m, number, out, &scales));
    out->at = tn_safetensors_data(m->file, number->stored);
    out->scale = scales ? tn_safetensors_data(m->file, scales) : NULL;
    return TN_OK;
}

/* A tensor in memory of its own. */
static tn_status load(const tn_model *m, const tn_safetensor *t, void **out)
{
    *out = tn_alloc_aligned(t->bytes);
    return *out ? tn_safetensors_read(m->file, t, *out) : tn_no_memory("model", t->bytes);
}

tn_status tn_narrow_read(const tn_model *m, const tn_model_number *number, float *to)
{
    const tn_safetensor *t = number->stored, *scales;
    tn_stored s;
    void *at = NULL, *scale = NULL;
    TN_TRY(find(m, number, &s, &scales));
    if (t->wrong || s.dtype == TN_F32)
        return tn_safetensors_read(m->file, t, to);
    tn_status status = load(m, t, &at);
    if (status == TN_OK && scales)
        status = load(m, scales, &scale);
    if (status == TN_OK) {
        s.at = at;
        s.scale = scale;
        tn_stored_read(&s, &number->shape, to);
    }
    tn_free(at);
    tn_free(scale);
    return status;
}
