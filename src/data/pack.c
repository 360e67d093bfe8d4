/*
 * Writing packed sets (packed.h): a loader that looks at the middle of every image, in order, and a
 * file that its batches are appended to. How many images are good is known at the end, so the
 * headers, which have a fixed length, are written last.
 *
 * All is written aside, and put in place when all of it is on the disk: images.npy last and after the old
 * one is gone, for it is the file that makes a folder a packed set, so there is never one with the labels
 * of another. While that goes on the folder is locked against others that pack into it.
 */
#define _DEFAULT_SOURCE /* flock; POSIX 2008 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "data/dataset.h"
#include "data/npy.h"
#include "data/packed.h"
#include "data/quote.h"

enum { IMAGES, LABELS, CLASSES, NAMES, FILES, BATCH = 16 };
static const char *const names[FILES] = {TN_PACKED_IMAGES, TN_PACKED_LABELS, TN_PACKED_CLASSES,
                                         TN_PACKED_NAMES};

typedef struct packing {
    tn_loader *loader;
    char *folder;
    int made; /* so many of its last parts were not there before */
    int lock; /* the folder, open, or -1 */
    tn_aside file[FILES];
    char **name; /* of the images of a set that is packed itself, or NULL; the texts lie in: */
    tn_lines lines;
    int side;
    int64_t count; /* images written */
    int64_t done;  /* items looked at */
    int64_t bad_told;
} packing;

/* ---- the folder ----------------------------------------------------------------------------- */

/* Makes it and what it lies in. */
static tn_status make_folder(packing *p, char *path)
{
    int error = mkdir(path, 0777) == 0 ? 0 : errno;
    char *slash = strrchr(path, '/');
    if (error == ENOENT && slash && slash > path) {
        *slash = 0;
        const tn_status status = make_folder(p, path);
        *slash = '/';
        TN_TRY(status);
        error = mkdir(path, 0777) == 0 ? 0 : errno;
    }
    p->made += error == 0;
    if (error == 0 || error == EEXIST)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: the folder cannot be made: %s", path, strerror(error));
}

static void remove_made(packing *p)
{
    for (char *slash = p->folder; slash && p->made > 0; p->made--) {
        if (rmdir(p->folder) != 0)
            return;
        slash = strrchr(p->folder, '/');
        if (slash)
            *slash = 0;
    }
}

static tn_status lock_folder(packing *p)
{
    p->lock = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->lock < 0)
        return tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", p->folder, strerror(errno));
    /* Some file systems have no locks. */
    if (flock(p->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return tn_fail(TN_ERR_IO, "%s: somebody else is packing into it", p->folder);
    return TN_OK;
}

/* Within a set of class folders it would become a class; a packed set would be lost while it is read. */
static tn_status check_outside(const tn_dataset *set, const char *folder)
{
    struct stat s, above = {0};
    char *path = tn_copy_text(folder);
    tn_status status = path ? TN_OK : tn_no_memory(folder, strlen(folder) + 1);
    while (status == TN_OK && set->is_folder && stat(path, &s) == 0) {
        if (s.st_dev == set->device && s.st_ino == set->inode)
            status =
                tn_fail(TN_ERR_ARGUMENT, "%s: lies within the set that is to be packed", folder);
        if (s.st_dev == above.st_dev && s.st_ino == above.st_ino)
            break; /* the root is above itself */
        above = s;
        char *next = tn_format("%s/..", path);
        if (!next)
            status = tn_no_memory(folder, strlen(path) + 4);
        tn_free(path);
        path = next;
    }
    tn_free(path);
    return status;
}

static tn_status take_folder(packing *p, const tn_dataset *set, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    p->folder = tn_format("%.*s", (int)length, folder);
    if (!p->folder)
        return tn_no_memory(folder, length + 1);
    TN_TRY(make_folder(p, p->folder));
    TN_TRY(check_outside(set, p->folder));
    return lock_folder(p);
}

/* ---- the files ------------------------------------------------------------------------------ */

static tn_status open_files(packing *p)
{
    const char header[TN_NPY_HEADER_BYTES] = {0};
    for (int i = 0; i < FILES; i++) {
        char *path = tn_format("%s/%s", p->folder, names[i]);
        const tn_status status =
            path ? tn_aside_open(&p->file[i], path) : tn_no_memory(p->folder, strlen(p->folder));
        tn_free(path);
        TN_TRY(status);
        if (i == IMAGES || i == LABELS)
            TN_TRY(tn_aside_write(&p->file[i], header, sizeof header));
    }
    return TN_OK;
}

static tn_status check_classes(const tn_dataset *set)
{
    for (size_t i = 0; i < set->num_classes; i++)
        if (strpbrk(set->class_name[i], "\r\n"))
            return tn_fail(TN_ERR_ARGUMENT,
                           "pack: the name of class %zu has a line break in it: \"%s\"", i,
                           set->class_name[i]);
    return TN_OK;
}

static tn_status write_classes(packing *p, const tn_dataset *set)
{
    for (size_t i = 0; i < set->num_classes; i++) {
        const char *name = set->class_name[i];
        TN_TRY(tn_aside_write(&p->file[CLASSES], name, strlen(name)));
        TN_TRY(tn_aside_write(&p->file[CLASSES], "\n", 1));
    }
    return TN_OK;
}

/* Where the image was: of a set that was packed itself, in the set before that. */
static tn_status write_name(packing *p, const tn_dataset *set, int64_t item)
{
    const tn_item *i = &set->item[item];
    char *name = tn_quote(p->name ? p->name[i->row] : tn_dataset_below(set, i->path), false);
    char *line = name ? tn_format("%s\n", name) : NULL;
    const tn_status status = line ? tn_aside_write(&p->file[NAMES], line, strlen(line))
                                  : tn_no_memory("names of a packed set", strlen(i->path));
    tn_free(name);
    tn_free(line);
    return status;
}

/* Rows that hold an image come first. */
static tn_status write_batch(packing *p, const tn_dataset *set, const tn_batch *b)
{
    for (int i = 0; i < b->count; i++)
        TN_TRY(write_name(p, set, b->item[i]));
    const size_t bytes = (size_t)p->side * (size_t)p->side * 3, count = (size_t)b->count;
    TN_TRY(tn_aside_write(&p->file[IMAGES], b->images.data, count * bytes));
    TN_TRY(tn_aside_write(&p->file[LABELS], b->labels.data, count * sizeof(int32_t)));
    p->count += b->count;
    return TN_OK;
}

static void tell(packing *p, int64_t of, const tn_pack_opts *opts)
{
    for (; p->bad_told < tn_loader_num_bad(p->loader); p->bad_told++)
        if (opts->bad)
            opts->bad(opts->arg, tn_loader_bad_path(p->loader, p->bad_told),
                      tn_loader_bad_reason(p->loader, p->bad_told));
    if (opts->progress)
        opts->progress(opts->arg, p->done, of);
}

static tn_status write_images(packing *p, const tn_dataset *set, const tn_pack_opts *opts)
{
    const int64_t count = tn_dataset_count(set);
    tn_batch batch;
    tn_status status;
    while ((status = tn_loader_next(p->loader, &batch)) == TN_OK) {
        TN_TRY(write_batch(p, set, &batch));
        p->done = (batch.index + 1) * BATCH < count ? (batch.index + 1) * BATCH : count;
        tell(p, count, opts);
    }
    tell(p, count, opts);
    return status == TN_END ? TN_OK : status;
}

static tn_status write_header(tn_aside *f, tn_dtype dtype, const tn_shape *shape)
{
    char header[TN_NPY_HEADER_BYTES];
    tn_npy_header(header, dtype, shape);
    return tn_aside_write_at(f, header, sizeof header, 0);
}

static tn_status put_in_place(packing *p)
{
    for (int i = 0; i < FILES; i++)
        TN_TRY(tn_aside_flush(&p->file[i]));
    const tn_aside *images = &p->file[IMAGES];
    if (unlink(images->target) != 0 && errno != ENOENT)
        return tn_fail(TN_ERR_IO, "%s: cannot be replaced: %s", images->target, strerror(errno));
    TN_TRY(tn_aside_flush_folder(images));
    TN_TRY(tn_aside_place(&p->file[CLASSES]));
    TN_TRY(tn_aside_place(&p->file[LABELS]));
    TN_TRY(tn_aside_place(&p->file[NAMES]));
    return tn_aside_place(&p->file[IMAGES]);
}

static tn_status finish(packing *p)
{
    if (p->count == 0)
        return tn_fail(TN_ERR_FORMAT, "pack: no image could be read");
    TN_TRY(write_header(&p->file[IMAGES], TN_U8, &TN_SHAPE(p->count, p->side, p->side, 3)));
    TN_TRY(write_header(&p->file[LABELS], TN_I32, &TN_SHAPE(p->count)));
    return put_in_place(p);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static tn_status pack(packing *p, const tn_dataset *set, const tn_pack_opts *opts)
{
    const tn_loader_opts middles = {.batch = BATCH,
                                    .height = p->side,
                                    .width = p->side,
                                    .resize = p->side,
                                    .threads = opts->threads,
                                    .max_bad = opts->max_bad,
                                    .jpeg_maps = TN_ZERO /* each file is read once */};
    TN_TRY(tn_loader_open(&p->loader, set, &middles));
    TN_TRY(check_classes(set));
    if (set->packed)
        TN_TRY(tn_packed_names(set->packed, set->root, &p->lines, &p->name));
    TN_TRY(take_folder(p, set, opts->folder));
    TN_TRY(open_files(p));
    TN_TRY(write_classes(p, set));
    TN_TRY(write_images(p, set, opts));
    return finish(p);
}

tn_status tn_dataset_pack(const tn_dataset *set, const tn_pack_opts *opts)
{
    TN_NEED(set, "set");
    TN_NEED(opts, "opts");
    if (!opts->folder || !opts->folder[0])
        return tn_fail(TN_ERR_ARGUMENT, "pack: no folder");
    packing p = {.side = opts->side ? opts->side : 256, .lock = -1};
    const tn_status status = pack(&p, set, opts);
    tn_loader_close(p.loader);
    tn_free(p.name);
    tn_lines_free(&p.lines);
    for (int i = 0; i < FILES; i++)
        tn_aside_discard(&p.file[i]);
    if (status != TN_OK && p.folder)
        remove_made(&p);
    if (p.lock >= 0)
        close(p.lock);
    tn_free(p.folder);
    return status;
}
