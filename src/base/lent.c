/*
 * lent: errors and the allocator in a module, under the names that base.h gives them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/module.h"
#include "base/number.h"

static const tn_host *host;

bool tn_lent_by(const tn_host *lender)
{
    if (lender->abi != TN_MODULE_ABI || strcmp(lender->version, TENON_VERSION) != 0) {
        char text[128];
        snprintf(text, sizeof text,
                 "this module is of Tenon %s (interface %d), the library %s (%d)", TENON_VERSION,
                 TN_MODULE_ABI, lender->version, lender->abi);
        lender->fail(TN_ERR_UNSUPPORTED, text);
        return false;
    }
    host = lender;
    return true;
}

tn_status tn_fail(tn_status status, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    tn_vprint(text, sizeof text, format, args);
    va_end(args);
    return host->fail(status, text);
}

tn_status tn_no_memory(const char *what, size_t bytes)
{
    return tn_fail(TN_ERR_MEMORY, "%s: no memory for %zu bytes", what, bytes);
}

const char *tn_error(void)
{
    return host->error();
}

void *tn_alloc(size_t count, size_t size)
{
    return host->alloc(count, size);
}

void *tn_alloc_aligned(size_t bytes)
{
    return host->alloc_aligned(bytes);
}

void tn_free(void *p)
{
    host->free(p);
}
