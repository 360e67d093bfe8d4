#include "backends/cuda/device/gpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the value of a property begins; NULL if there is none. */
static const char *find(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\"", name);
    const char *at = strstr(json, key);
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " \t\r\n");
    return *at == ':' ? at + 1 + strspn(at + 1, " \t\r\n") : NULL;
}

bool tn_gpu_property(const char *json, const char *name, int64_t *out)
{
    const char *at = find(json, name);
    char *end;
    if (!at)
        return false;
    errno = 0;
    *out = strtoll(at, &end, 10);
    return end != at && errno == 0 && (*end == 0 || strchr(",} \t\r\n", *end));
}

static tn_status describe(const char *source, const char *json, tn_gpu *out)
{
    static const struct {
        const char *name;
        int64_t least, most;
    } wanted[] = {{"deviceVer", 100, 99999},
                  {"multiProcessorCount", 1, 99999},
                  {"totalGlobalMem", 1, INT64_C(1) << 50}};
    int64_t value[TN_COUNT(wanted)];
    const char *name = find(json, "deviceName");
    for (size_t i = 0; i < TN_COUNT(wanted); i++) {
        if (!tn_gpu_property(json, wanted[i].name, &value[i]))
            return tn_fail(TN_ERR_FORMAT,
                           "%s: no GPU's properties: \"%s\" is missing, or no whole number", source,
                           wanted[i].name);
        if (value[i] < wanted[i].least || value[i] > wanted[i].most)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: no GPU's properties: \"%s\" is %lld, not from %lld to %lld", source,
                           wanted[i].name, (long long)value[i], (long long)wanted[i].least,
                           (long long)wanted[i].most);
    }
    *out = (tn_gpu){.sm = (int)(value[0] / 10),
                    .processors = (int)value[1],
                    .memory_bytes = (size_t)value[2],
                    .json = json};
    snprintf(out->name, sizeof out->name, "%s", source);
    if (name && *name == '"')
        snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(name + 1, "\""), name + 1);
    return TN_OK;
}

/* The whole of a small file; TN_ERR_IO if there is none. */
static tn_status read_file(const char *path, char **out)
{
    enum { MOST = 1 << 16 };
    FILE *f = fopen(path, "rb");
    if (!f)
        return tn_fail(TN_ERR_IO, "%s cannot be opened", path);
    char *text = tn_alloc(MOST + 1, 1);
    const size_t length = text ? fread(text, 1, MOST, f) : 0;
    fclose(f);
    if (!text)
        return tn_no_memory("gpu", MOST);
    if (length == 0 || length == MOST) {
        tn_free(text);
        return tn_fail(TN_ERR_FORMAT, "%s: no GPU's properties: %zu bytes or more", path, length);
    }
    *out = text;
    return TN_OK;
}

tn_status tn_gpu_find(const char *name, tn_gpu *out, char **own)
{
    char known[128] = "";
    for (const tn_gpu_file *f = tn_gpu_files; f->name; f++) {
        if (strcmp(f->name, name) == 0)
            return describe(name, f->json, out);
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", *known ? ", " : "",
                 f->name);
    }
    const tn_status status = read_file(name, own);
    if (status == TN_ERR_IO)
        return tn_fail(TN_ERR_ARGUMENT,
                       "gpu=%s: neither one that is known (%s) nor a file of properties", name,
                       known);
    TN_TRY(status);
    return describe(name, *own, out);
}
