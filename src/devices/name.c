#include "devices/name.h"

#include <string.h>

#include "base/base.h"

static tn_status no_number(const char *name, const char *at)
{
    return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": \"%s\" is no device number", name, at);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static tn_status read_index(const char *name, const char **at, int *out)
{
    const char *begin = *at;
    *out = 0;
    for (; is_digit(**at) && *out <= TN_MAX_INDEX; (*at)++)
        *out = *out * 10 + (**at - '0');
    return *at == begin || *out > TN_MAX_INDEX ? no_number(name, begin) : TN_OK;
}

static tn_status add(const char *name, int index, tn_device_name_parts *out)
{
    for (int i = 0; i < out->count; i++)
        if (out->index[i] == index)
            return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": number %d is there twice", name, index);
    if (out->count == TN_MAX_DEVICES)
        return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": more than %d devices", name,
                       TN_MAX_DEVICES);
    out->index[out->count++] = index;
    return TN_OK;
}

/* "0", "0-3", "0,2", "all"; leaves *at behind it. */
static tn_status read_list(const char *name, const char **at, tn_device_name_parts *out)
{
    const char *begin = *at;
    if (strncmp(*at, "all", 3) == 0 && (!(*at)[3] || (*at)[3] == ',')) {
        out->all = true;
        *at += 3;
        return TN_OK;
    }
    for (;;) {
        int first, last;
        TN_TRY(read_index(name, at, &first));
        last = first;
        if (**at == '-') {
            (*at)++;
            TN_TRY(read_index(name, at, &last));
        }
        if (last < first)
            return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": %d-%d counts backwards", name, first,
                           last);
        for (int i = first; i <= last; i++)
            TN_TRY(add(name, i, out));
        if ((*at)[0] != ',' || !is_digit((*at)[1]))
            break;
        (*at)++;
    }
    return **at && **at != ',' ? no_number(name, begin) : TN_OK;
}

tn_status tn_device_name_parse(const char *name, tn_device_name_parts *out)
{
    const size_t length = strcspn(name, ":,");
    const char *rest = name + length;
    *out = (tn_device_name_parts){.options = ""};
    if (length == 0 || length >= sizeof out->backend ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz") < length)
        return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": the name begins with no backend", name);
    memcpy(out->backend, name, length);
    if (*rest == ':') {
        rest++;
        TN_TRY(read_list(name, &rest, out));
    }
    if (*rest == ',')
        out->options = rest + 1;
    if (*rest && !rest[1])
        return tn_fail(TN_ERR_ARGUMENT, "device \"%s\": no option follows the comma", name);
    return TN_OK;
}
