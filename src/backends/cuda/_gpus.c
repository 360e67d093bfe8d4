#include "backends/cuda/_gpus.h"

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
    *out = strtoll(at, &end, 10);
    return end != at;
}

static tn_status describe(const char *source, const char *json, tn_gpu *out)
{
    static const char *const wanted[] = {"deviceVer", "multiProcessorCount", "totalGlobalMem"};
    int64_t value[TN_COUNT(wanted)];
    const char *name = find(json, "deviceName");
    for (size_t i = 0; i < TN_COUNT(wanted); i++)
        if (!tn_gpu_property(json, wanted[i], &value[i]) || value[i] <= 0)
            return tn_fail(TN_ERR_FORMAT, "%s: no GPU's properties: \"%s\" is missing", source,
                           wanted[i]);
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
