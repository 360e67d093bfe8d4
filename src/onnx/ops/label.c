/* Operators of ai.onnx.ml by which a classifier of scikit-learn's gives labels beside its probabilities. */
#include "onnx/known.h"

/* Are the names of the classes their numbers? */
static bool are_numbers(tn_onnx *o, tn_onnx_known *k)
{
    const tn_onnx_number *number = NULL;
    if (!k || tn_onnx_is_real(k->type) || tn_onnx_numbers(o, k, &number) != TN_OK || !number)
        return false;
    for (int64_t i = 0; i < k->count; i++)
        if (number[i].whole != i)
            return false;
    return true;
}

static tn_status add_name(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    if (!are_numbers(o, tn_onnx_given(n, 0)))
        return tn_onnx_leave_out(o, n, "what a class is called is not computed");
    return tn_onnx_any(o, n, 1, &x) ? tn_onnx_give(o, n, 0, x) : TN_OK;
}

/* A probability by the name of each class: here they are one after the other. */
static tn_status add_zip_map(tn_onnx *o, const tn_onnx_node *n)
{
    tn_value x;
    return tn_onnx_x(o, n, 0, &x) ? tn_onnx_give(o, n, 0, x) : TN_OK;
}

const tn_onnx_ops tn_onnx_ops_label = {
    {{"ArrayFeatureExtractor", 1, add_name}, {"ZipMap", 1, add_zip_map}}};
