/* The metadata of a checkpoint, without a plan. */
#include <tenon/checkpoint.h>

#include "base/base.h"
#include "io/safetensors.h"

struct tn_checkpoint_info {
    tn_safetensors *file;
};

tn_status tn_checkpoint_info_open(tn_checkpoint_info **out, const char *path)
{
    TN_NEED(out, "out");
    TN_NEED(path, "path");
    tn_checkpoint_info *info = tn_alloc(1, sizeof *info);
    if (!info)
        return tn_no_memory("checkpoint", sizeof *info);
    const tn_status status = tn_safetensors_open(&info->file, path);
    if (status != TN_OK) {
        tn_free(info);
        return status;
    }
    *out = info;
    return TN_OK;
}

void tn_checkpoint_info_close(tn_checkpoint_info *info)
{
    if (!info)
        return;
    tn_safetensors_close(info->file);
    tn_free(info);
}

const char *tn_checkpoint_info_get(const tn_checkpoint_info *info, const char *key)
{
    return info && key ? tn_safetensors_meta(info->file, key) : NULL;
}
