/* Names of precisions. */
#include <string.h>

#include <tenon/device.h>

#include "base/base.h"

static const char *const names[] = {
    [TN_PRECISION_DEFAULT] = "default", [TN_PRECISION_F32] = "f32", [TN_PRECISION_TF32] = "tf32",
    [TN_PRECISION_BF16] = "bf16",       [TN_PRECISION_F16] = "f16",
};

const char *tn_precision_name(tn_precision precision)
{
    return (size_t)precision < TN_COUNT(names) ? names[precision] : NULL;
}

tn_status tn_precision_find(const char *name, tn_precision *out)
{
    TN_NEED(name, "name");
    TN_NEED(out, "out");
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (strcmp(names[i], name) == 0) {
            *out = (tn_precision)i;
            return TN_OK;
        }
    return tn_fail(TN_ERR_ARGUMENT, "\"%s\" is no precision: default, f32, tf32, bf16 or f16",
                   name);
}
