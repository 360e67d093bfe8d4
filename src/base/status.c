#include <stdarg.h>
#include <stdio.h>

#include "base/number.h"

static _Thread_local char message[1024];

const char *tn_status_text(tn_status status)
{
    switch (status) {
#define TN_STATUS_CASE(name, text) \
    case TN_##name:                \
        return text;
        TN_STATUS_MAP(TN_STATUS_CASE)
#undef TN_STATUS_CASE
    }
    return "unknown status";
}

const char *tn_error(void)
{
    return message;
}

const char *tn_version(void)
{
    return TENON_VERSION;
}

tn_status tn_fail(tn_status status, const char *format, ...)
{
    char text[sizeof message]; /* an argument may be tn_error() itself */
    va_list args;
    va_start(args, format);
    tn_vprint(text, sizeof text, format, args);
    va_end(args);
    tn_show(message, sizeof message, text);
    return status;
}

tn_status tn_no_memory(const char *what, size_t bytes)
{
    return tn_fail(TN_ERR_MEMORY, "%s: no memory for %zu bytes", what, bytes);
}

void tn_foreign_begin(tn_error_kept *kept)
{
    tn_error_keep(kept);
    tn_fail(TN_OK, "%s", "");
}

tn_status tn_foreign_end(const tn_error_kept *kept, tn_status status, const char *who, ...)
{
    char name[512];
    va_list args;
    if (status == TN_OK) {
        tn_error_put_back(kept);
        return TN_OK;
    }
    va_start(args, who);
    vsnprintf(name, sizeof name, who, args);
    va_end(args);
    return tn_fail(status == TN_END ? TN_ERR_ARGUMENT : status, "%s: %s", name,
                   *tn_error() ? tn_error() : tn_status_text(status));
}
