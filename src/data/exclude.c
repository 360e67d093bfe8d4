/*
 * Exclude lists: images of a set that are to be left out, without a file being moved for it. A line each:
 *
 *     # the path, a tab, and why
 *     cat/0017.jpg<TAB>the JPEG file ends early
 *     "dog/with a\nline break.jpg"<TAB>the same as dog/2.jpg
 *
 * A path is, whichever names an image of the set first,
 *   - where it lies within the set's folder: cat/0017.jpg; of a list's set, what the list says; of a packed one
 *     images.npy[12], or where the image was in the set that was packed;
 *   - the same with the folder as it was opened, or with the folder's full path, before it;
 *   - the same with the folder's own name before it, train/cat/0017.jpg: one list then serves all parts of a set.
 * What names none is told with its line, unless it is clearly of something else: of another part, or with a full path that
 * is not in the folder. Such lines are counted.
 *
 * Lines that are blank or begin with # say nothing; quotes as in quote.h.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/lines.h"
#include "data/names.h"
#include "data/packed.h"
#include "data/quote.h"

enum { NAMED = 10 }; /* lines that name nothing, a notice each */

typedef struct exclusion {
    tn_dataset *set;
    const char *set_path, *path;
    tn_named *
        key; /* where each item lies within the folder, sorted; of a packed set also where it was */
    size_t keys;
    char **name; /* of a packed set's images, or NULL; the texts lie in: */
    tn_lines names;
    bool *out; /* an item */
    char root[PATH_MAX], real[PATH_MAX];
    size_t unknown, elsewhere;
    int64_t line, elsewhere_line;
} exclusion;

/* The path behind `folder` and its slash, or NULL if it does not begin so. */
static const char *within(const char *path, const char *folder)
{
    const size_t length = strlen(folder);
    if (length == 0 || strncmp(path, folder, length) != 0 || path[length] != '/')
        return NULL;
    return path + length + strspn(path + length, "/");
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static tn_status prepare(exclusion *x)
{
    tn_dataset *set = x->set;
    size_t length = strlen(set->root);
    while (length > 1 && set->root[length - 1] == '/')
        length--;
    if (length >= sizeof x->root)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a path of %zu bytes", set->root, length);
    memcpy(x->root, set->root, length);
    if (!realpath(length ? x->root : ".", x->real))
        x->real[0] =
            0; /* a set whose files are read later may be anywhere: then no full path is its */
    if (set->packed)
        TN_TRY(tn_packed_names(set->packed, x->root, &x->names, &x->name));
    const size_t keys = set->num_items * (x->name ? 2 : 1);
    x->key = tn_alloc(keys, sizeof *x->key);
    x->out = tn_alloc(set->num_items, sizeof *x->out);
    if (!x->key || !x->out)
        return tn_no_memory(x->path, keys * sizeof *x->key);
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        x->key[x->keys++] = (tn_named){tn_dataset_below(set, item->path), (int)i};
        if (x->name)
            x->key[x->keys++] = (tn_named){x->name[item->row], (int)i};
    }
    tn_named_sort(x->key, keys);
    return TN_OK;
}

/* Leaves out the items with this key: a list may have one twice. */
static bool leave_out(exclusion *x, const char *key)
{
    const size_t count = x->keys, first = tn_named_place(x->key, count, key);
    size_t i = first;
    for (; i < count && strcmp(x->key[i].name, key) == 0; i++)
        x->out[x->key[i].number] = true;
    return i > first;
}

/* The first part of the path is the name of a part of a set. */
static bool is_of_a_part(const char *path)
{
    char part[16];
    const size_t length = strcspn(path, "/");
    if (path[length] != '/' || length >= sizeof part)
        return false;
    memcpy(part, path, length);
    part[length] = 0;
    return tn_name_is_train(part) || tn_name_is_test(part);
}

static tn_status tell_unknown(exclusion *x, const char *path)
{
    if (++x->unknown > NAMED)
        return TN_OK;
    return tn_dataset_add_notice(x->set, "%s:%lld: names no image of %s: %s", x->path,
                                 (long long)x->line, x->set_path, path);
}

static tn_status take(exclusion *x, const char *path)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2 + strspn(path + 2, "/");
    const char *const folder[] = {x->root, x->real, last_part(x->root), last_part(x->real)};
    if (leave_out(x, path))
        return TN_OK;
    bool inside = false;
    for (size_t i = 0; i < TN_COUNT(folder); i++) {
        const char *rest = within(path, folder[i]);
        inside |= rest != NULL;
        if (rest && leave_out(x, rest))
            return TN_OK;
    }
    if (inside || (path[0] != '/' && !is_of_a_part(path)))
        return tell_unknown(x, path);
    if (x->elsewhere++ == 0)
        x->elsewhere_line = x->line;
    return TN_OK;
}

static tn_status parse_line(exclusion *x, char *line)
{
    line += strspn(line, " \t");
    if (*line == 0 || *line == '#')
        return TN_OK;
    if (*line == '"') {
        const char *rest = tn_unquote(line);
        if (!rest || !*line || (*rest && *rest != '\t'))
            return tn_fail(TN_ERR_FORMAT,
                           "%s:%lld: expected a path in quotes as C has them, and a tab behind it",
                           x->path, (long long)x->line);
        return take(x, line);
    }
    char *end = line + strcspn(line, "\t");
    while (end > line && end[-1] == ' ')
        end--;
    *end = 0;
    return take(x, line);
}

/* Takes the items out; classes and their numbers stay. */
static tn_status remove_items(exclusion *x)
{
    tn_dataset *set = x->set;
    const size_t before = set->num_items;
    size_t left = 0;
    for (size_t i = 0; i < before; i++)
        if (!x->out[i])
            set->item[left++] = set->item[i];
    set->num_items = left;
    set->excluded = before - left;
    if (left == 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: leaves out all %zu images of %s", x->path, before,
                       x->set_path);
    if (set->excluded)
        TN_TRY(tn_dataset_add_notice(set, "left out %zu of %zu images, which %s names",
                                     set->excluded, before, x->path));
    if (x->unknown > NAMED)
        TN_TRY(tn_dataset_add_notice(set, "%s: %zu lines in all name no image of %s", x->path,
                                     x->unknown, x->set_path));
    if (x->elsewhere)
        TN_TRY(tn_dataset_add_notice(set,
                                     "%s: %zu lines are of files elsewhere, the first is line %lld",
                                     x->path, x->elsewhere, (long long)x->elsewhere_line));
    return TN_OK;
}

static tn_status apply(exclusion *x, tn_lines *lines)
{
    char *line;
    tn_status status = prepare(x);
    while (status == TN_OK && (status = tn_lines_next(lines, x->path, &line)) == TN_OK) {
        x->line = lines->number;
        status = parse_line(x, line);
    }
    return status == TN_END ? remove_items(x) : status;
}

static tn_status apply_and_free(tn_dataset *set, const char *set_path, const char *path,
                                tn_lines *lines)
{
    exclusion *x = tn_alloc(1, sizeof *x);
    tn_status status = x ? TN_OK : tn_no_memory(path, sizeof *x);
    if (x) {
        x->set = set;
        x->set_path = set_path;
        x->path = path;
        status = apply(x, lines);
        tn_free(x->key);
        tn_free(x->out);
        tn_free(x->name);
        tn_lines_free(&x->names);
        tn_free(x);
    }
    tn_lines_free(lines);
    return status;
}

tn_status tn_exclude_parse(tn_dataset *set, const char *set_path, const char *path,
                           const char *bytes, size_t size)
{
    tn_lines lines = {0};
    TN_TRY(tn_lines_copy(&lines, path, bytes, size));
    return apply_and_free(set, set_path, path, &lines);
}

tn_status tn_exclude_read(tn_dataset *set, const char *set_path, const char *path)
{
    tn_lines lines = {0};
    const tn_status status = tn_lines_read(&lines, path);
    if (status != TN_OK) {
        tn_lines_free(&lines);
        return status;
    }
    return apply_and_free(set, set_path, path, &lines);
}
