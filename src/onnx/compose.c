/*
 * compose: what several operators are made of.
 */
#include <string.h>

#include "onnx/table.h"

const char *tn_onnx_name(tn_onnx *o, const tn_onnx_node *n, const char *part)
{
    char *name = tn_format("%s/%s", n->name, part);
    o->status = name ? o->status : tn_no_memory("a model", strlen(n->name));
    const char *made = name ? tn_onnx_free_name(o, name) : NULL;
    tn_free(name);
    return made;
}

tn_value tn_onnx_scalar(tn_onnx *o, const tn_onnx_node *n, const char *part, float value)
{
    return tn_constant(o->g, tn_onnx_name(o, n, part), (tn_tensor){TN_F32, {0}, &value});
}

tn_value tn_onnx_times(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x,
                       float factor)
{
    if (factor == 1)
        return x;
    const tn_value by = tn_onnx_scalar(o, n, part, factor);
    return tn_mul(o->g, x, by, &(tn_layer_opts){tn_onnx_name(o, n, part)});
}

tn_value tn_onnx_plus(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x, float term)
{
    if (term == 0)
        return x;
    const tn_value by = tn_onnx_scalar(o, n, part, term);
    return tn_add(o->g, x, by, &(tn_layer_opts){tn_onnx_name(o, n, part)});
}

tn_value tn_onnx_reshape(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x,
                         tn_shape shape)
{
    tn_shape has;
    if (!x.id || tn_value_shape(o->g, x, &has) != TN_OK)
        return x;
    bool same = has.ndim == shape.ndim;
    for (int i = 0; same && i < has.ndim; i++)
        same = shape.dim[i] == 0 || shape.dim[i] == has.dim[i];
    if (same)
        return x;
    return tn_reshape(o->g, x,
                      &(tn_reshape_opts){.name = tn_onnx_name(o, n, part), .shape = shape});
}

tn_shape tn_onnx_open_shape(const tn_onnx *o, tn_value x)
{
    tn_shape shape = {0};
    if (!x.id || tn_value_shape(o->g, x, &shape) != TN_OK)
        return shape;
    const int batch = tn_value_batch(o->g, x);
    if (batch >= 0)
        shape.dim[batch] = -1;
    return shape;
}
