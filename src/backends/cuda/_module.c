/* The entry of this module. */
#include "backends/cuda/_device.h"
#include "base/module.h"

TN_API tn_module_entry tn_module_open;

const void *tn_module_open(const tn_host *host)
{
    return tn_lent_by(host) ? &tn_backend_cuda : NULL;
}
