/*
 * view: what is known under another shape or type, or by a permutation of its dimensions; nothing moves yet. And values some
 * dimensions of which are several together.
 */
#include <string.h>

#include <tenon/shapes.h>

#include "onnx/known.h"

enum { MOST_DEEP = 16 };

/* The numbers of `of`, called after `like`: no more are of each other than a few, since they are read one in the other. */
static tn_status new_behind(tn_onnx *o, tn_onnx_known *of, tn_onnx_type type, const tn_shape *shape,
                            const tn_onnx_known *like, tn_onnx_known **out)
{
    const tn_onnx_number *number = NULL;
    *out = NULL;
    if (of->depth >= MOST_DEEP) {
        TN_TRY(tn_onnx_numbers(o, of, &number));
        if (!number)
            return TN_OK;
    }
    *out = tn_arena_alloc(&o->arena, 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a model", sizeof **out);
    **out = (tn_onnx_known){.name = like->name,
                            .type = type,
                            .stored = type,
                            .shape = *shape,
                            .count = of->count,
                            .constant = like->constant,
                            .file = -1,
                            .of = of,
                            .depth = number ? 1 : of->depth + 1};
    return TN_OK;
}

tn_status tn_onnx_view(tn_onnx *o, tn_onnx_known *k, tn_onnx_type type, const tn_shape *shape,
                       tn_onnx_known **out)
{
    if (k->of) /* which is of k's shape */
        return new_behind(o, k->axes.ndim || k->number ? k : k->of, type, shape, k, out);
    *out = tn_arena_alloc(&o->arena, 1, sizeof **out);
    if (!*out)
        return tn_no_memory("a model", sizeof **out);
    **out = *k;
    (*out)->type = type;
    (*out)->shape = *shape;
    (*out)->param = (tn_value){0};
    return TN_OK;
}

tn_status tn_onnx_permute(tn_onnx *o, tn_onnx_known *k, const tn_shape *shape, const tn_shape *axes,
                          tn_onnx_known **out)
{
    const bool again = k->of && k->axes.ndim; /* both are one */
    TN_TRY(new_behind(o, again ? k->of : k, k->type, shape, k, out));
    if (!*out)
        return TN_OK;
    (*out)->axes = *axes;
    for (int i = 0; again && i < axes->ndim; i++)
        (*out)->axes.dim[i] = k->axes.dim[axes->dim[i]];
    return TN_OK;
}

/* ---- several dimensions as one ------------------------------------------------------------------ */

const tn_onnx_merged *tn_onnx_merged_of(const tn_onnx_node *n, int i)
{
    return tn_onnx_has(n, i) ? n->in[i]->merged : NULL;
}

tn_status tn_onnx_give_merged(tn_onnx *o, const tn_onnx_node *n, tn_value x, int ndim,
                              const int *group)
{
    tn_onnx_merged *m = tn_arena_alloc(&o->arena, 1, sizeof *m);
    if (!m)
        return tn_no_memory("a model", sizeof *m);
    *m = (tn_onnx_merged){.x = x, .ndim = ndim, .name = tn_onnx_name(o, n, "merged")};
    memcpy(m->group, group, (size_t)ndim * sizeof *group);
    if (n->num_out && n->out[0]) {
        n->out[0]->merged = m;
        n->out[0]->made = true;
    }
    return m->name ? TN_OK : tn_no_memory("a model", 1);
}

tn_onnx_number tn_onnx_merged_dim(const tn_onnx *o, const tn_onnx_merged *m, int i)
{
    tn_onnx_number all = {.whole = 1};
    int first = 0;
    for (int k = 0; k < i; k++)
        first += m->group[k];
    for (int k = first; k < first + m->group[i]; k++) {
        const tn_onnx_number d = tn_onnx_dim(o, m->x, k);
        all.whole *= d.whole;
        all.times_n |= d.times_n;
    }
    return all;
}

tn_value tn_onnx_make_merged(tn_onnx *o, const tn_onnx_merged *m)
{
    tn_shape shape = {.ndim = m->ndim};
    for (int i = 0; i < m->ndim; i++) {
        const tn_onnx_number d = tn_onnx_merged_dim(o, m, i);
        shape.dim[i] = d.times_n ? -1 : d.whole;
    }
    return tn_reshape(o->g, m->x, &(tn_reshape_opts){.name = m->name, .shape = shape});
}
