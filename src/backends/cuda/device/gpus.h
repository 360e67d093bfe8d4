/*
 * GPUs that one may plan for without having one: their properties, in the form that cuDNN takes and gives.
 */
#ifndef TN_GPUS_H
#define TN_GPUS_H

#include "backends/cuda/device/cuda.h"

typedef struct tn_gpu_file {
    const char *name; /* "h100"; NULL ends the table */
    const char *json;
} tn_gpu_file;

extern const tn_gpu_file tn_gpu_files[]; /* gpus/<name>.json, as CMake found them */

/* The model of that name, or of that file of properties, whose text then is *own, for tn_free().
 * TN_ERR_ARGUMENT lists the names if it is neither; TN_ERR_FORMAT names the property that is missing. */
tn_status tn_gpu_find(const char *name, tn_gpu *out, char **own);

/* An integer of such a text; false if it has none of that name. */
bool tn_gpu_property(const char *json, const char *name, int64_t *out);

#endif
