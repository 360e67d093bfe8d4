/*
 * file: an engine is safetensors (io/safetensors.h), sealed, and has beside a model's metadata
 *
 *     tenon.engine   1: how all this is to be understood
 *     tenon.build    what was done to the net when it was built
 *     tenon.report   what was measured then
 *     tenon.kernels  which kernels were the fastest, and where (tune/engine.c)
 */
#include <stdlib.h>
#include <string.h>

#include "infer/engine.h"

static tn_status check_version(const tn_model *m)
{
    const char *text = tn_model_fact(m, "tenon.engine"), *by = tn_model_fact(m, "tenon.version");
    char *end = NULL;
    if (!text)
        return tn_fail(TN_ERR_FORMAT, "%s: is no engine (tenon.engine): tenon build makes one",
                       m->path);
    const unsigned long version = strtoul(text, &end, 10);
    if (version == 0 || *end != '\0')
        return tn_fail(TN_ERR_FORMAT, "%s: is damaged: tenon.engine is \"%.40s\"", m->path, text);
    if (version <= TN_ENGINE_VERSION)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: engine %s, made by a later Tenon (%.40s); this one reads %d",
                   m->path, text, by ? by : "which it does not say", TN_ENGINE_VERSION);
}

static tn_status read_model(tn_model *m, const void *bytes, size_t size, bool unchecked_data)
{
    TN_TRY(tn_safetensors_open_bytes(&m->file, m->path, bytes, size));
    TN_TRY(tn_model_take_file(m, false));
    TN_TRY(check_version(m));
    TN_TRY(tn_safetensors_check_seal(m->file, !unchecked_data));
    if (!tn_model_fact(m, "tenon.graph"))
        return tn_fail(TN_ERR_FORMAT, "%s: holds no net (tenon.graph)", m->path);
    return tn_model_read_graph(m, 1);
}

tn_status tn_engine_read(tn_model **out, const char *name, const void *bytes, size_t size,
                         bool unchecked_data)
{
    tn_model *m = NULL;
    TN_TRY(tn_model_create(&m, name));
    const tn_status status = read_model(m, bytes, size, unchecked_data);
    if (status != TN_OK) {
        tn_model_close(m);
        return status;
    }
    *out = m;
    return TN_OK;
}
