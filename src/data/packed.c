#define _POSIX_C_SOURCE 200809L /* stat */

#include "data/packed.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/lines.h"
#include "data/npy.h"
#include "data/quote.h"

struct tn_packed {
    atomic_int holders;
    tn_npy images;
    int side;
};

tn_packed *tn_packed_share(tn_packed *p)
{
    if (p)
        atomic_fetch_add(&p->holders, 1);
    return p;
}

void tn_packed_release(tn_packed *p)
{
    if (!p || atomic_fetch_sub(&p->holders, 1) > 1)
        return;
    tn_npy_close(&p->images);
    tn_free(p);
}

int tn_packed_side(const tn_packed *p)
{
    return p->side;
}

tn_status tn_packed_image(const tn_packed *p, int64_t image, int top, int bottom, uint8_t *rgb)
{
    const size_t row = (size_t)p->side * 3, at = row * (size_t)top;
    return tn_npy_read(&p->images, row * (size_t)p->side * (size_t)image + at,
                       row * (size_t)(bottom - top), rgb + at);
}

static tn_status cut_names(tn_lines *lines, const char *path, char **names, int64_t count)
{
    char *line;
    tn_status status;
    int64_t found = 0;
    while ((status = tn_lines_next(lines, path, &line)) == TN_OK) {
        if (found < count)
            names[found] = line;
        found++;
        const char *rest = *line == '"' ? tn_unquote(line) : "";
        if (!rest || *rest)
            return tn_fail(TN_ERR_FORMAT,
                           "%s:%lld: expected a name, or one in quotes as C has them", path,
                           (long long)found);
    }
    if (status == TN_END && found != count)
        return tn_fail(TN_ERR_FORMAT, "%s: %lld names for %lld images", path, (long long)found,
                       (long long)count);
    return status == TN_END ? TN_OK : status;
}

tn_status tn_packed_names(const tn_packed *p, const char *folder, tn_lines *lines, char ***names)
{
    struct stat s;
    const int64_t count = p->images.shape.dim[0];
    char *path = tn_format("%s/" TN_PACKED_NAMES, folder);
    *names = NULL;
    if (!path)
        return tn_no_memory(folder, strlen(folder));
    tn_status status = TN_OK;
    if (stat(path, &s) == 0) {
        *names = tn_alloc((size_t)count, sizeof **names);
        status = *names ? tn_lines_read(lines, path) : tn_no_memory(path, (size_t)count);
    }
    if (status == TN_OK && *names)
        status = cut_names(lines, path, *names, count);
    tn_free(path);
    return status;
}

static tn_status open_images(tn_packed *p, const char *path)
{
    /* Far above any use, and small enough for int arithmetic on pixels. */
    enum { MAX_SIDE = 16384 };
    TN_TRY(tn_npy_open(&p->images, path, TN_U8, 4));
    const tn_shape *shape = &p->images.shape;
    if (shape->dim[1] != shape->dim[2] || shape->dim[3] != 3 || shape->dim[1] > MAX_SIDE)
        return tn_fail(TN_ERR_FORMAT, "%s: shape %s, not images x side x side x 3", path,
                       tn_shape_format(shape).text);
    p->side = (int)shape->dim[1];
    return TN_OK;
}

static tn_status read_classes(tn_dataset *set, const char *path)
{
    tn_lines lines = {0};
    char *line;
    tn_status status = tn_lines_read(&lines, path);
    while (status == TN_OK && (status = tn_lines_next(&lines, path, &line)) == TN_OK)
        status = tn_dataset_add_class(set, line);
    tn_lines_free(&lines);
    if (status != TN_END)
        return status;
    return set->num_classes ? TN_OK : tn_fail(TN_ERR_FORMAT, "%s: no class name in it", path);
}

static tn_status add_items(tn_dataset *set, const int32_t *labels, int64_t count, const char *path)
{
    for (int64_t i = 0; i < count; i++) {
        char name[40];
        if (labels[i] < 0 || (size_t)labels[i] >= set->num_classes)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: image %lld has label %d, but " TN_PACKED_CLASSES " has %zu classes",
                           path, (long long)i, labels[i], set->num_classes);
        snprintf(name, sizeof name, TN_PACKED_IMAGES "[%lld]", (long long)i);
        TN_TRY(tn_dataset_add_item(set, name, i, labels[i]));
    }
    return TN_OK;
}

static tn_status read_labels(tn_dataset *set, const char *path)
{
    tn_npy file = {0};
    int32_t *labels = NULL;
    TN_TRY(tn_npy_open(&file, path, TN_I32, 1));
    const int64_t count = file.shape.dim[0], images = set->packed->images.shape.dim[0];
    const size_t bytes = (size_t)count * sizeof *labels;
    tn_status status = TN_OK;
    if (count != images)
        status = tn_fail(TN_ERR_FORMAT, "%s: %lld labels for %lld images", path, (long long)count,
                         (long long)images);
    if (status == TN_OK && !(labels = tn_alloc((size_t)count, sizeof *labels)))
        status = tn_no_memory(path, bytes);
    if (status == TN_OK)
        status = tn_npy_read(&file, 0, bytes, labels);
    if (status == TN_OK)
        status = add_items(set, labels, count, path);
    tn_free(labels);
    tn_npy_close(&file);
    return status;
}

tn_status tn_packed_read(tn_dataset *set, const char *path)
{
    char *images = tn_format("%s/" TN_PACKED_IMAGES, path);
    char *labels = tn_format("%s/" TN_PACKED_LABELS, path);
    char *classes = tn_format("%s/" TN_PACKED_CLASSES, path);
    tn_status status = TN_OK;
    tn_packed *p = tn_alloc(1, sizeof *p);
    if (!images || !labels || !classes || !p) {
        tn_free(p);
        status = tn_no_memory(path, sizeof *p);
        goto out;
    }
    atomic_init(&p->holders, 1);
    set->packed = p;
    status = open_images(p, images);
    if (status == TN_OK)
        status = read_classes(set, classes);
    if (status == TN_OK)
        status = read_labels(set, labels);
out:
    tn_free(images);
    tn_free(labels);
    tn_free(classes);
    return status;
}
