/*
 * Writing lists: of the images of a set, and of those that are to be left out; whole or not at all.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "data/dataset.h"
#include "data/quote.h"

/* "a<TAB>b" and the end of the line; b as it is, or in quotes. */
static tn_status write_line(tn_aside *f, const char *a, const char *b, bool quote_b)
{
    char *first = tn_quote(a, false), *second = quote_b ? tn_quote(b, true) : tn_copy_text(b);
    char *line = first && second ? tn_format("%s\t%s\n", first, second) : NULL;
    const tn_status status =
        line ? tn_aside_write(f, line, strlen(line)) : tn_no_memory(f->given, strlen(a));
    tn_free(first);
    tn_free(second);
    tn_free(line);
    return status;
}

/* ---- a set's images ------------------------------------------------------------------------- */

/* The path in full, where the set's folder is there: so a list may lie anywhere. */
static char *full_path(const tn_dataset *set, const char *path, const char *real)
{
    return path[0] == '/' ? tn_copy_text(path)
                          : tn_format("%s/%s", real, tn_dataset_below(set, path));
}

static tn_status write_items(tn_aside *f, const tn_dataset *set, const char *real)
{
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        char *path = full_path(set, item->path, real);
        if (!path)
            return tn_no_memory(f->given, strlen(item->path));
        const tn_status status = write_line(f, path, set->class_name[item->label], !set->numbered);
        tn_free(path);
        TN_TRY(status);
    }
    return TN_OK;
}

tn_status tn_dataset_write_list(const tn_dataset *set, const char *path)
{
    char real[PATH_MAX];
    tn_aside f;
    TN_NEED(set, "set");
    TN_NEED(path, "path");
    if (set->packed)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a packed set's images are no files to list", path);
    if (!realpath(set->root[0] ? set->root : ".", real))
        return tn_fail(TN_ERR_IO, "%s: %s", set->root, strerror(errno));
    TN_TRY(tn_aside_open(&f, path));
    tn_status status = write_items(&f, set, real);
    if (status == TN_OK)
        status = tn_aside_place(&f);
    tn_aside_discard(&f);
    return status;
}

/* ---- what is to be left out ----------------------------------------------------------------- */

/* A reason is for people, on one line: what would end it is a blank. */
static tn_status write_excluded(tn_aside *f, const tn_excluded *e)
{
    char *reason = tn_copy_text(e->reason ? e->reason : "");
    if (!reason)
        return tn_no_memory(f->given, strlen(e->reason));
    for (char *c = reason; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    const tn_status status = write_line(f, e->path, reason, false);
    tn_free(reason);
    return status;
}

tn_status tn_exclude_write(const char *path, const tn_excluded *files, int64_t count)
{
    static const char heading[] = "# path, tab, reason: what tn_dataset_opts.exclude leaves out\n";
    tn_aside f;
    TN_NEED(path, "path");
    if (count < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %lld files to leave out", path, (long long)count);
    if (count)
        TN_NEED(files, "files");
    for (int64_t i = 0; i < count; i++)
        if (!files[i].path || !files[i].path[0])
            return tn_fail(TN_ERR_ARGUMENT, "%s: file %lld to leave out has no path", path,
                           (long long)i);
    TN_TRY(tn_aside_open(&f, path));
    tn_status status = tn_aside_write(&f, heading, sizeof heading - 1);
    for (int64_t i = 0; i < count && status == TN_OK; i++)
        status = write_excluded(&f, &files[i]);
    if (status == TN_OK)
        status = tn_aside_place(&f);
    tn_aside_discard(&f);
    return status;
}
