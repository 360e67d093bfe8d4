#include <stdio.h>

#include <tenon/tensor.h>

#include "base/base.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [TN_F32] = {"f32", 4}, [TN_F16] = {"f16", 2}, [TN_BF16] = {"bf16", 2},
    [TN_I32] = {"i32", 4}, [TN_U8] = {"u8", 1},
};

size_t tn_dtype_bytes(tn_dtype dtype)
{
    return (size_t)dtype < TN_COUNT(dtypes) ? dtypes[dtype].bytes : 0;
}

const char *tn_dtype_name(tn_dtype dtype)
{
    return (size_t)dtype < TN_COUNT(dtypes) ? dtypes[dtype].name : "?";
}

tn_status tn_shape_count(const tn_shape *shape, int64_t *count)
{
    TN_NEED(shape, "shape");
    TN_NEED(count, "count");
    int64_t n = 1;
    if (shape->ndim < 0 || shape->ndim > TN_MAX_DIMS)
        return tn_fail(TN_ERR_SHAPE, "a shape has %d dimensions, not 0 to %d", shape->ndim,
                       TN_MAX_DIMS);
    for (int i = 0; i < shape->ndim; i++) {
        const int64_t d = shape->dim[i];
        if (d < 1)
            return tn_fail(TN_ERR_SHAPE, "dimension %d of %s is %lld", i,
                           tn_shape_format(shape).text, (long long)d);
        if (n > INT64_MAX / d)
            return tn_fail(TN_ERR_SHAPE, "%s has more elements than can be counted",
                           tn_shape_format(shape).text);
        n *= d;
    }
    *count = n;
    return TN_OK;
}

tn_status tn_shape_bytes(const tn_shape *shape, tn_dtype dtype, size_t *bytes)
{
    TN_NEED(shape, "shape");
    TN_NEED(bytes, "bytes");
    int64_t count;
    TN_TRY(tn_shape_count(shape, &count));
    const size_t size = tn_dtype_bytes(dtype);
    if (size == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%d is no dtype", (int)dtype);
    if ((uint64_t)count > (uint64_t)PTRDIFF_MAX / size)
        return tn_fail(TN_ERR_SHAPE, "%s %s has more bytes than can be addressed",
                       tn_shape_format(shape).text, tn_dtype_name(dtype));
    *bytes = (size_t)count * size;
    return TN_OK;
}

tn_shape_text tn_shape_format(const tn_shape *shape)
{
    if (!shape)
        return (tn_shape_text){""};
    tn_shape_text t = {"scalar"};
    size_t used = 0;
    for (int i = 0; i < shape->ndim && i < TN_MAX_DIMS; i++)
        used += (size_t)snprintf(t.text + used, sizeof t.text - used, i ? " x %lld" : "%lld",
                                 (long long)shape->dim[i]);
    return t;
}
