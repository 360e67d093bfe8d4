/*
 * file: the model's file, and those beside it that hold its numbers (external data).
 */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "io/beneath.h"
#include "io/mapped.h"
#include "onnx/table.h"

struct tn_onnx_files {
    struct {
        const char *name; /* NULL: the model's own */
        tn_mapped map;
        int source; /* what the model calls it */
    } * file;
    size_t count, capacity;
};

static tn_status open_file(tn_onnx *o, const char *name, int *fd)
{
    if (name)
        return tn_open_beneath(fd, o->m->path, name);
    *fd = open(o->m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
    return *fd >= 0 ? TN_OK : tn_fail(TN_ERR_IO, "%s: %s", o->m->path, strerror(errno));
}

/* It is mapped while it is imported, and stays open for its numbers. */
static tn_status add_file(tn_onnx *o, const char *name)
{
    struct tn_onnx_files *f = o->files;
    int fd, source;
    TN_TRY(tn_grow((void **)&f->file, f->count, &f->capacity, sizeof *f->file, "a model"));
    TN_TRY(open_file(o, name, &fd));
    TN_TRY(tn_model_add_source(o->m, fd, name ? name : o->m->path, &source));
    TN_TRY(tn_map_fd(&f->file[f->count].map, fd, name ? name : o->m->path));
    o->floats_left +=
        2 * (int64_t)f->file[f->count].map.size; /* of a byte each, copied once more */
    f->file[f->count].name = name;
    f->file[f->count++].source = source;
    return TN_OK;
}

tn_status tn_onnx_open_files(tn_onnx *o, tn_proto *model)
{
    o->files = tn_alloc(1, sizeof *o->files);
    if (!o->files)
        return tn_no_memory("a model", sizeof *o->files);
    TN_TRY(add_file(o, NULL));
    const tn_mapped *map = &o->files->file[0].map;
    *model = (tn_proto){tn_onnx_model, {map->at, map->size}};
    return tn_proto_check(model, o->m->path);
}

bool tn_onnx_lies_in_file(const tn_onnx *o, const tn_onnx_known *k, int *source, size_t *offset)
{
    if (k->of || k->number || !k->raw.at || k->stored != ONNX_F32 || k->file < 0)
        return false;
    *source = o->files->file[k->file].source;
    *offset = (size_t)(k->raw.at - o->files->file[k->file].map.at);
    return true;
}

void tn_onnx_close_files(tn_onnx *o)
{
    for (size_t i = 0; o->files && i < o->files->count; i++)
        tn_unmap(&o->files->file[i].map);
    if (o->files)
        tn_free(o->files->file);
    tn_free(o->files);
}

/* ---- external data ---------------------------------------------------------------------------- */

static bool read_size(tn_proto_span text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *out > (uint64_t)INT64_MAX / 10 - 1)
            return false;
        *out = *out * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.size > 0;
}

typedef struct place {
    const char *location;
    uint64_t offset, length;
} place;

static tn_status read_place(tn_onnx *o, const tn_proto *tensor, const char *name, place *p)
{
    for (tn_proto_walk w = tn_proto_begin(tensor, TENSOR_EXTERNAL); tn_proto_next(&w);) {
        const tn_proto_span value = tn_proto_bytes(&w.message, META_VALUE);
        bool good = true;
        if (tn_proto_is(&w.message, META_KEY, "location"))
            good = (p->location = tn_onnx_copy_text(o, value));
        else if (tn_proto_is(&w.message, META_KEY, "offset"))
            good = read_size(value, &p->offset);
        else if (tn_proto_is(&w.message, META_KEY, "length"))
            good = read_size(value, &p->length);
        if (!good)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: tensor \"%s\": where its numbers are is not understood", o->m->path,
                           name);
    }
    return TN_OK;
}

static tn_status find_file(tn_onnx *o, const char *name, int *out)
{
    struct tn_onnx_files *f = o->files;
    for (size_t i = 1; i < f->count; i++)
        if (strcmp(f->file[i].name, name) == 0) {
            *out = (int)i;
            return TN_OK;
        }
    TN_TRY(add_file(o, name));
    *out = (int)f->count - 1;
    return TN_OK;
}

tn_status tn_onnx_external(tn_onnx *o, const tn_proto *tensor, const char *name, size_t bytes,
                           tn_proto_span *out, int *file)
{
    place p = {.length = bytes};
    TN_TRY(read_place(o, tensor, name, &p));
    if (!p.location || !*p.location)
        return tn_fail(TN_ERR_FORMAT, "%s: tensor \"%s\" is in a file that is not named",
                       o->m->path, name);
    TN_TRY(find_file(o, p.location, file));
    const tn_mapped *map = &o->files->file[*file].map;
    if (p.length != bytes || p.offset > map->size || bytes > map->size - p.offset)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: tensor \"%s\": its %zu bytes are not the %llu from byte %llu on of "
                       "\"%s\", which has %zu",
                       o->m->path, name, bytes, (unsigned long long)p.length,
                       (unsigned long long)p.offset, p.location, map->size);
    *out = (tn_proto_span){map->at + p.offset, bytes};
    return TN_OK;
}
