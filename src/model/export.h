/*
 * Formats of other programs that models are written in: each is an exporter, found by CMake in src/export.
 */
#ifndef TN_MODEL_EXPORT_H
#define TN_MODEL_EXPORT_H

#include "model/model.h"

typedef struct tn_exporter {
    const char *ending; /* of a path: ".onnx" */
    tn_status (*save)(const tn_model *m, const char *path, const tn_onnx_opts *opts);
} tn_exporter;

extern const tn_exporter *const tn_exporters[];

#endif
