/*
 * foreign: what importers have in common: what a program says of the inputs of a net that leaves it open.
 */
#include <stdlib.h>
#include <string.h>

#include "model/import.h"

bool tn_import_said(const tn_model_opts *opts, const char *name, tn_shape *out)
{
    const size_t length = strlen(name);
    for (const char *p = opts->input; p && *p; p += strcspn(p, ","), p += *p == ',') {
        if (strncmp(p, name, length) != 0 || p[length] != '=')
            continue;
        *out = (tn_shape){0};
        char *end = (char *)(uintptr_t)(p + length);
        do {
            const long size = strtol(end + 1, &end, 10);
            if (size < 1 || out->ndim == TN_MAX_DIMS)
                return false;
            out->dim[out->ndim++] = size;
        } while (*end == 'x');
        return *end == '\0' || *end == ',';
    }
    return false;
}

bool tn_import_is_picture(const tn_shape *shape)
{
    return shape->ndim == 4 && (shape->dim[1] == 1 || shape->dim[1] == 3);
}

tn_value tn_import_pixels(tn_graph *g, const char *name, const char *node, const tn_shape *shape,
                          int batch, const tn_image_input_opts *how)
{
    tn_image_input_opts opts = *how;
    opts.name = node;
    const tn_value bytes = tn_input_batched(
        g, name, TN_U8, TN_SHAPE(shape->dim[0], shape->dim[2], shape->dim[3], shape->dim[1]),
        batch);
    return tn_image_input(g, bytes, &opts);
}
