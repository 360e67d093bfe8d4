/*
 * The options of a CUDA device, "cudnn=off,workspace=256": words of key=value, each once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/device/device.h"

static tn_status read_switch(const char *key, const char *value, bool *out)
{
    *out = strcmp(value, "on") == 0;
    if (*out || strcmp(value, "off") == 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: option %s=%s: on or off is wanted", tn_cuda_name, key,
                   value);
}

static tn_status read_cudnn(const char *value, tn_cuda_opts *o)
{
    o->cudnn_named = true;
    o->cudnn_all = strcmp(value, "all") == 0;
    o->cudnn = o->cudnn_all || strcmp(value, "on") == 0;
    if (o->cudnn || strcmp(value, "off") == 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: option cudnn=%s: on, off or all is wanted", tn_cuda_name,
                   value);
}

static tn_status read_mebibytes(const char *key, const char *value, size_t *out)
{
    char *end;
    errno = 0;
    const unsigned long long mib = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || mib > (SIZE_MAX >> 20))
        return tn_fail(TN_ERR_ARGUMENT, "%s: option %s=%s: a number of MiB is wanted", tn_cuda_name,
                       key, value);
    *out = (size_t)mib << 20;
    return TN_OK;
}

static tn_status read_one(const char *key, const char *value, tn_cuda_opts *o)
{
    const struct {
        const char *key;
        bool *to;
    } switches[] = {
        {"deterministic", &o->deterministic},
        {"autotune", &o->autotune},
        {"graph", &o->graph},
        {"sync", &o->sync},
    };
    for (size_t i = 0; i < TN_COUNT(switches); i++)
        if (strcmp(key, switches[i].key) == 0)
            return read_switch(key, value, switches[i].to);
    if (strcmp(key, "cudnn") == 0)
        return read_cudnn(value, o);
    if (strcmp(key, "workspace") == 0) {
        o->workspace_named = true;
        return read_mebibytes(key, value, &o->workspace);
    }
    if (strcmp(key, "gpu") == 0 && *value && strlen(value) < sizeof o->gpu) {
        memcpy(o->gpu, value, strlen(value) + 1);
        return TN_OK;
    }
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: option \"%s=%s\" is none of cudnn=on, off or all, deterministic, autotune, "
                   "graph, sync (=on or =off), workspace=MiB, gpu=NAME or FILE",
                   tn_cuda_name, key, value);
}

tn_status tn_cuda_read_options(const char *text, tn_cuda_opts *out)
{
    tn_cuda_opts o = {.cudnn = true, .graph = true};
    while (*text) {
        char word[sizeof o.gpu + 16];
        const size_t length = strcspn(text, ",");
        if (length >= sizeof word)
            return tn_fail(TN_ERR_ARGUMENT, "%s: option \"%s\" is too long", tn_cuda_name, text);
        memcpy(word, text, length);
        word[length] = 0;
        char *value = strchr(word, '=');
        if (!value)
            return tn_fail(TN_ERR_ARGUMENT, "%s: option \"%s\" is not of the form key=value",
                           tn_cuda_name, word);
        *value++ = 0;
        TN_TRY(read_one(word, value, &o));
        text += length + (text[length] == ',');
    }
    if (o.deterministic && o.autotune)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "%s: autotune may choose another engine each time: not with deterministic=on",
            tn_cuda_name);
    *out = o;
    return TN_OK;
}
