/*
 * Writing packed sets (packed.h): a loader that looks at the middle of every image, in order, and a
 * file that its batches are appended to. How many images are good is known at the end, so the
 * headers, which have a fixed length, are written last.
 *
 * All is written aside and then renamed, images.npy last and after the old one is gone: it is the file
 * that makes a folder a packed set, so there is never one with the labels of another.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/npy.h"
#include "data/packed.h"

enum { IMAGES, LABELS, CLASSES, FILES };
static const char *const names[FILES] = {TN_PACKED_IMAGES, TN_PACKED_LABELS, TN_PACKED_CLASSES};

typedef struct out_file {
    char *path, *aside;
    FILE *to;
} out_file;

typedef struct packing {
    out_file file[FILES];
    int side;
    int64_t count; /* images written */
    int64_t done;  /* items looked at */
    int64_t bad_told;
} packing;

static tn_status write_failed(const out_file *f)
{
    return tn_fail(TN_ERR_IO, "%s: cannot be written: %s", f->aside, strerror(errno));
}

static tn_status put(const out_file *f, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, f->to) == size ? TN_OK : write_failed(f);
}

static tn_status open_file(out_file *f, const char *folder, const char *name)
{
    f->path = tn_format("%s/%s", folder, name);
    f->aside = tn_format("%s/%s.part", folder, name);
    if (!f->path || !f->aside)
        return tn_no_memory(folder, strlen(folder));
    f->to = fopen(f->aside, "wb");
    return f->to ? TN_OK : write_failed(f);
}

static tn_status close_file(out_file *f)
{
    const bool written = fflush(f->to) == 0 && fsync(fileno(f->to)) == 0;
    const tn_status status = written ? TN_OK : write_failed(f);
    const bool closed = fclose(f->to) == 0;
    f->to = NULL;
    return status == TN_OK && !closed ? write_failed(f) : status;
}

static void discard(packing *p)
{
    for (int i = 0; i < FILES; i++) {
        out_file *f = &p->file[i];
        if (f->to)
            fclose(f->to);
        if (f->aside)
            remove(f->aside);
        tn_free(f->path);
        tn_free(f->aside);
    }
}

static tn_status write_classes(const out_file *f, const tn_dataset *set)
{
    for (size_t i = 0; i < set->num_classes; i++) {
        const char *name = set->class_name[i];
        if (strpbrk(name, "\r\n"))
            return tn_fail(TN_ERR_ARGUMENT, "pack: the name of class %zu has a line break in it",
                           i);
        TN_TRY(put(f, name, strlen(name)));
        TN_TRY(put(f, "\n", 1));
    }
    return TN_OK;
}

static tn_status begin(packing *p, const tn_dataset *set, const char *folder)
{
    const char header[TN_NPY_HEADER_BYTES] = {0};
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return tn_fail(TN_ERR_IO, "%s: the folder cannot be made: %s", folder, strerror(errno));
    for (int i = 0; i < FILES; i++)
        TN_TRY(open_file(&p->file[i], folder, names[i]));
    TN_TRY(put(&p->file[IMAGES], header, sizeof header));
    TN_TRY(put(&p->file[LABELS], header, sizeof header));
    return write_classes(&p->file[CLASSES], set);
}

static tn_status write_batch(packing *p, const tn_batch *batch)
{
    const int32_t *labels = batch->labels.data;
    const size_t bytes = (size_t)p->side * (size_t)p->side * 3;
    for (int64_t i = 0; i < batch->labels.shape.dim[0]; i++) {
        if (labels[i] < 0)
            continue;
        TN_TRY(
            put(&p->file[IMAGES], (const uint8_t *)batch->images.data + (size_t)i * bytes, bytes));
        TN_TRY(put(&p->file[LABELS], &labels[i], sizeof labels[i]));
        p->count++;
    }
    return TN_OK;
}

static void tell(packing *p, const tn_loader *loader, int64_t of, const tn_pack_opts *opts)
{
    for (; p->bad_told < tn_loader_num_bad(loader); p->bad_told++)
        if (opts->bad)
            opts->bad(opts->arg, tn_loader_bad_path(loader, p->bad_told),
                      tn_loader_bad_reason(loader, p->bad_told));
    if (opts->progress)
        opts->progress(opts->arg, p->done, of);
}

static tn_status write_images(packing *p, const tn_dataset *set, const tn_pack_opts *opts)
{
    enum { BATCH = 16 };
    const tn_loader_opts middles = {.batch = BATCH,
                                    .height = p->side,
                                    .width = p->side,
                                    .resize = p->side,
                                    .threads = opts->threads,
                                    .max_bad = opts->max_bad};
    tn_loader *loader = NULL;
    TN_TRY(tn_loader_open(&loader, set, &middles));
    const int64_t count = tn_dataset_count(set);
    tn_batch batch;
    tn_status status;
    while ((status = tn_loader_next(loader, &batch)) == TN_OK) {
        status = write_batch(p, &batch);
        if (status != TN_OK)
            break;
        p->done = (batch.index + 1) * BATCH < count ? (batch.index + 1) * BATCH : count;
        tell(p, loader, count, opts);
    }
    tell(p, loader, count, opts);
    tn_loader_close(loader);
    return status == TN_END ? TN_OK : status;
}

static tn_status write_header(const out_file *f, tn_dtype dtype, const tn_shape *shape)
{
    char header[TN_NPY_HEADER_BYTES];
    tn_npy_header(header, dtype, shape);
    if (fseek(f->to, 0, SEEK_SET) != 0)
        return write_failed(f);
    return put(f, header, sizeof header);
}

static tn_status finish(packing *p)
{
    if (p->count == 0)
        return tn_fail(TN_ERR_FORMAT, "pack: no image could be read");
    TN_TRY(write_header(&p->file[IMAGES], TN_U8, &TN_SHAPE(p->count, p->side, p->side, 3)));
    TN_TRY(write_header(&p->file[LABELS], TN_I32, &TN_SHAPE(p->count)));
    for (int i = 0; i < FILES; i++)
        TN_TRY(close_file(&p->file[i]));
    if (remove(p->file[IMAGES].path) != 0 && errno != ENOENT)
        return tn_fail(TN_ERR_IO, "%s: cannot be replaced: %s", p->file[IMAGES].path,
                       strerror(errno));
    for (int i = FILES - 1; i >= 0; i--)
        if (rename(p->file[i].aside, p->file[i].path) != 0)
            return tn_fail(TN_ERR_IO, "%s: cannot be renamed: %s", p->file[i].aside,
                           strerror(errno));
    return TN_OK;
}

tn_status tn_dataset_pack(const tn_dataset *set, const tn_pack_opts *opts)
{
    if (!opts->folder || !opts->folder[0])
        return tn_fail(TN_ERR_ARGUMENT, "pack: no folder");
    packing p = {.side = opts->side ? opts->side : 256};
    tn_status status = begin(&p, set, opts->folder);
    if (status == TN_OK)
        status = write_images(&p, set, opts);
    if (status == TN_OK)
        status = finish(&p);
    discard(&p);
    return status;
}
