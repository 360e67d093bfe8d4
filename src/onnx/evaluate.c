/*
 * evaluate: which operators are, and what they have in common.
 */
#include "onnx/evaluate.h"

#include <string.h>

#include "onnx/table.h"

static const tn_onnx_evals *find(const char *op)
{
    static const tn_onnx_evals *const tables[] = {tn_onnx_evals_of_shapes, tn_onnx_evals_that_move,
                                                  tn_onnx_evals_of_numbers,
                                                  tn_onnx_evals_that_reduce};
    for (size_t t = 0; t < TN_COUNT(tables); t++)
        for (const tn_onnx_evals *e = tables[t]; e->op; e++)
            if (strcmp(e->op, op) == 0)
                return e;
    return NULL;
}

bool tn_onnx_is_evaluated(const char *op)
{
    return find(op);
}

tn_status tn_onnx_evaluate(tn_onnx *o, const tn_onnx_node *n, bool *done)
{
    const tn_onnx_evals *e = find(n->op);
    *done = false;
    for (int i = 0; e && !e->anyway && i < n->num_in; i++)
        if (n->in[i] && !n->in[i]->known)
            return TN_OK;
    if (!e)
        return TN_OK;
    for (int i = 0; i < n->num_in && e->anyway; i++)
        if (n->in[i])
            tn_onnx_settle(o, n->in[i]);
    TN_TRY(e->eval(o, n, done));
    for (int i = 0; i < n->num_out && !*done; i++) /* what it had begun with */
        if (n->out[i]) {
            n->out[i]->known = NULL;
            n->out[i]->made = false;
        }
    return TN_OK;
}

tn_onnx_number tn_onnx_dim(const tn_onnx *o, tn_value v, int i)
{
    tn_shape shape;
    if (tn_value_shape(o->g, v, &shape) != TN_OK || i >= shape.ndim)
        return (tn_onnx_number){.whole = 0};
    const bool times_n = tn_value_batch(o->g, v) == i && shape.dim[i] % o->batch == 0;
    return (tn_onnx_number){.whole = times_n ? shape.dim[i] / o->batch : shape.dim[i],
                            .times_n = times_n};
}

const tn_onnx_number *tn_onnx_input_numbers(tn_onnx *o, const tn_onnx_node *n, int i)
{
    const tn_onnx_number *number = NULL;
    tn_onnx_known *k = tn_onnx_given(n, i);
    if (!k || tn_onnx_numbers(o, k, &number) != TN_OK)
        return NULL; /* and o->status knows */
    return number;
}

tn_status tn_onnx_new_output(tn_onnx *o, const tn_onnx_node *n, tn_onnx_type type,
                             const tn_shape *shape, tn_onnx_number **out)
{
    tn_onnx_known *k;
    *out = NULL;
    TN_TRY(tn_onnx_new_known(o, type, shape, &k, out));
    return k ? tn_onnx_give_known(o, n, 0, k) : TN_OK;
}

bool tn_onnx_plain_wholes(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, int64_t *to,
                          int room, int *count)
{
    tn_proto a;
    *count = -1;
    if (!tn_onnx_has(n, i)) {
        if (attr && tn_onnx_attr(n, attr, &a))
            *count = (int)tn_onnx_ints(n, attr, to, (size_t)room);
        return *count <= room;
    }
    const tn_onnx_known *k = tn_onnx_given(n, i);
    const tn_onnx_number *number = tn_onnx_input_numbers(o, n, i);
    if (!number || k->count > room || tn_onnx_is_real(k->type))
        return false;
    for (int64_t j = 0; j < k->count; j++) {
        if (number[j].times_n)
            return false;
        to[j] = number[j].whole;
    }
    *count = (int)k->count;
    return true;
}

bool tn_onnx_meet(const tn_shape *a, const tn_shape *b, tn_shape *out)
{
    *out = a->ndim > b->ndim ? *a : *b;
    for (int i = 0; i < out->ndim; i++) {
        const int64_t in_a = tn_aligned_dim(a, out, i), in_b = tn_aligned_dim(b, out, i);
        if (in_a != in_b && in_a != 1 && in_b != 1)
            return false;
        out->dim[i] = in_a == 1 ? in_b : in_a;
    }
    return true;
}

int64_t tn_onnx_place(const tn_shape *whole, const tn_shape *part, int64_t index)
{
    int64_t at = 0, size = 1;
    for (int i = whole->ndim - 1; i >= 0; i--) {
        const int64_t own = tn_aligned_dim(part, whole, i), here = index % whole->dim[i];
        index /= whole->dim[i];
        at += own == 1 ? 0 : here * size;
        size *= own;
    }
    return at;
}
