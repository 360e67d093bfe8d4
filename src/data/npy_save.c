/* An array as a .npy file of its own. */
#include <tenon/npy.h>

#include "base/aside.h"
#include "base/base.h"
#include "data/npy.h"

static tn_status write(tn_aside *f, const tn_tensor *array, size_t bytes)
{
    char header[TN_NPY_HEADER_BYTES];
    tn_npy_header(header, array->dtype, &array->shape);
    TN_TRY(tn_aside_write(f, header, sizeof header));
    TN_TRY(tn_aside_write(f, array->data, bytes));
    return tn_aside_place(f);
}

tn_status tn_npy_save(const char *path, tn_tensor array)
{
    size_t bytes;
    tn_aside f = {0};
    TN_NEED(path, "path");
    if (array.dtype == TN_BF16)
        return tn_fail(TN_ERR_ARGUMENT, "%s: numpy has no type for bf16", path);
    TN_TRY(tn_shape_bytes(&array.shape, array.dtype, &bytes));
    if (!array.data)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the array has no data", path);
    tn_status status = tn_aside_open(&f, path);
    if (status == TN_OK)
        status = write(&f, &array, bytes);
    tn_aside_discard(&f);
    return status;
}
