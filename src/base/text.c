/* Texts, and arrays that grow: what stands on the allocator alone. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

char *tn_copy_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = tn_alloc(bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void tn_show(char *to, size_t room, const char *text)
{
    char *const end = to + room - 1;
    for (; *text && to < end; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c >= ' ' && c != 127)
            *to++ = (char)c;
        else
            to += tn_print(to, (size_t)(end - to) + 1,
                           c == '\n'   ? "\\n"
                           : c == '\t' ? "\\t"
                                       : "\\%03o",
                           c);
        if (to > end) /* as printf counts what it had no room for */
            to = end;
    }
    *to = 0;
}

char *tn_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = tn_vprint(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : tn_alloc((size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    tn_vprint(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void tn_error_keep(tn_error_kept *kept)
{
    snprintf(kept->text, sizeof kept->text, "%s", tn_error());
}

void tn_error_put_back(const tn_error_kept *kept)
{
    tn_fail(TN_OK, "%s", kept->text);
}

tn_status tn_grow(void **array, size_t count, size_t *capacity, size_t size, const char *what)
{
    if (count < *capacity)
        return TN_OK;
    const size_t wanted = *capacity ? 2 * *capacity : 16;
    void *bigger = wanted > *capacity ? tn_alloc(wanted, size) : NULL;
    if (!bigger)
        return tn_no_memory(what, wanted * size);
    if (count)
        memcpy(bigger, *array, count * size);
    tn_free(*array);
    *array = bigger;
    *capacity = wanted;
    return TN_OK;
}
