#include "optim/optim.h"

#include "base/base.h"

tn_status tn_optim_check_field(const char *optim, const char *field, float value, float limit)
{
    if (value >= 0 && value < limit)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: %s %g is not in [0, %g)", optim, field, (double)value,
                   (double)limit);
}
