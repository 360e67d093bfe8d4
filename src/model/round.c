/*
 * round: weights as numbers of 16 bits.
 */
#include <math.h>

#include <tenon/build.h>

#include "graph/op.h"
#include "model/model.h"
#include "tensor/half.h"

static tn_status round_all(const tn_model *m, const tn_model_number *n, tn_dtype dtype, float *data)
{
    for (int64_t i = 0; i < tn_elements(&n->shape); i++) {
        const float x = data[i];
        data[i] = dtype == TN_F16 ? tn_from_f16(tn_to_f16(x)) : tn_from_bf16(tn_to_bf16(x));
        if (isinf(data[i]) && !isinf(x))
            return tn_fail(TN_ERR_ARGUMENT, "%s: %s has %g, which is too large for %s", m->path,
                           n->name, (double)x, tn_dtype_name(dtype));
    }
    return TN_OK;
}

static tn_status round_number(tn_model *m, size_t i, tn_dtype dtype)
{
    tn_model_number *n = &m->number[i];
    size_t bytes;
    TN_TRY(tn_shape_bytes(&n->shape, TN_F32, &bytes));
    float *data = tn_alloc_aligned(bytes);
    if (!data)
        return tn_no_memory("model", bytes);
    tn_status status = m->numbers.read(&m->numbers, i, data);
    if (status == TN_OK)
        status = round_all(m, n, dtype, data);
    if (status != TN_OK) {
        tn_free(data);
        return status;
    }
    tn_free(n->data);
    *n = (tn_model_number){.name = n->name, .shape = n->shape, .data = data};
    return TN_OK;
}

tn_status tn_model_round(tn_model *m, tn_dtype dtype)
{
    TN_NEED(m, "model");
    if (dtype != TN_F16 && dtype != TN_BF16)
        return tn_fail(TN_ERR_ARGUMENT, "%s: weights are rounded to f16 or bf16, not to %s",
                       m->path, tn_dtype_name(dtype));
    for (size_t i = 0; i < m->num_numbers; i++)
        if (m->number[i].shape.ndim > 1)
            TN_TRY(round_number(m, i, dtype));
    return TN_OK;
}
