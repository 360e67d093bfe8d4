#include <stdarg.h>

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
    for (size_t i = 0; i < sizeof text; i++) {
        message[i] = text[i];
        if (!text[i])
            break;
    }
    return status;
}

tn_status tn_no_memory(const char *what, size_t bytes)
{
    return tn_fail(TN_ERR_MEMORY, "%s: no memory for %zu bytes", what, bytes);
}
