/*
 * Sets: what is the same wherever the items came from.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/dataset.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/packed.h"

TN_PRINTF(2, 0)
static const char *text_of(tn_dataset *set, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : tn_arena_alloc(&set->text, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

const char *tn_dataset_text(tn_dataset *set, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = text_of(set, format, args);
    va_end(args);
    return text;
}

tn_status tn_dataset_add_notice(tn_dataset *set, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = text_of(set, format, args);
    va_end(args);
    const size_t room = text ? 4 * strlen(text) + 1 : 0; /* an escape is four characters */
    char *shown = room ? tn_arena_alloc(&set->text, room, 1) : NULL;
    if (!shown)
        return tn_no_memory("notices of a set", room);
    tn_show(shown, room, text);
    TN_TRY(tn_grow((void **)&set->notice, set->num_notices, &set->notice_capacity,
                   sizeof *set->notice, "notices of a set"));
    set->notice[set->num_notices++] = shown;
    return TN_OK;
}

tn_status tn_dataset_add_class(tn_dataset *set, const char *name)
{
    TN_TRY(tn_grow((void **)&set->class_name, set->num_classes, &set->class_capacity,
                   sizeof *set->class_name, "class names"));
    const char *copy = tn_dataset_text(set, "%s", name);
    if (!copy)
        return tn_no_memory("class names", strlen(name) + 1);
    set->class_name[set->num_classes++] = copy;
    return TN_OK;
}

void tn_dataset_tell(const tn_dataset *set)
{
    if (set->found)
        set->found(set->with, (int64_t)set->num_items);
}

tn_status tn_dataset_add_item(tn_dataset *set, const char *path, int64_t row, int label)
{
    TN_TRY(tn_grow((void **)&set->item, set->num_items, &set->item_capacity, sizeof *set->item,
                   "items of a set"));
    const char *copy = tn_dataset_text(set, "%s", path);
    if (!copy)
        return tn_no_memory("items of a set", strlen(path) + 1);
    set->item[set->num_items++] = (tn_item){.path = copy, .row = row, .label = label};
    if (set->num_items % TELL_EACH == 0)
        tn_dataset_tell(set);
    return TN_OK;
}

const char *tn_dataset_below(const tn_dataset *set, const char *path)
{
    size_t length = strlen(set->root);
    while (length > 1 && set->root[length - 1] == '/')
        length--;
    if (length == 0 || strncmp(path, set->root, length) != 0 || path[length] != '/')
        return path;
    return path + length + strspn(path + length, "/");
}

/* ---- names ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const tn_named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

void tn_named_sort(tn_named *names, size_t count)
{
    qsort(names, count, sizeof *names, by_name);
}

size_t tn_named_place(const tn_named *names, size_t count, const char *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(names[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tn_named_find(const tn_named *names, size_t count, const char *name)
{
    const size_t place = tn_named_place(names, count, name);
    return place < count && strcmp(names[place].name, name) == 0 ? names[place].number : -1;
}

/* ---- classes of another set ----------------------------------------------------------------- */

/* The number that each class of `set` has in `of`. */
static tn_status match_classes(const tn_dataset *set, const tn_dataset *of, const char *path,
                               int *number)
{
    tn_named *sorted = tn_alloc(of->num_classes, sizeof *sorted);
    if (!sorted)
        return tn_no_memory("class names", of->num_classes * sizeof *sorted);
    for (size_t i = 0; i < of->num_classes; i++)
        sorted[i] = (tn_named){of->class_name[i], (int)i};
    tn_named_sort(sorted, of->num_classes);
    for (size_t i = 0; i < set->num_classes; i++) {
        /* The same place first: a list of names may say one name twice. */
        const bool same = i < of->num_classes &&
                          (set->numbered || strcmp(of->class_name[i], set->class_name[i]) == 0);
        number[i] = same            ? (int)i
                    : set->numbered ? -1
                                    : tn_named_find(sorted, of->num_classes, set->class_name[i]);
    }
    tn_free(sorted);
    for (size_t i = 0; i < set->num_classes; i++)
        if (number[i] < 0)
            return tn_fail(TN_ERR_ARGUMENT,
                           "%s: class %s is not among the %zu classes of the training set", path,
                           set->class_name[i], of->num_classes);
    return TN_OK;
}

static tn_status adopt_classes(tn_dataset *set, const tn_dataset *of, const char *path)
{
    int *number = tn_alloc(set->num_classes, sizeof *number);
    if (!number)
        return tn_no_memory("class names", set->num_classes * sizeof *number);
    tn_status status = match_classes(set, of, path, number);
    for (size_t i = 0; status == TN_OK && i < set->num_items; i++)
        set->item[i].label = number[set->item[i].label];
    tn_free(number);
    set->num_classes = 0;
    for (size_t i = 0; status == TN_OK && i < of->num_classes; i++)
        status = tn_dataset_add_class(set, of->class_name[i]);
    return status;
}

/* ---- what holds for every set --------------------------------------------------------------- */

static tn_status count_classes(tn_dataset *set)
{
    set->class_count = tn_alloc(set->num_classes, sizeof *set->class_count);
    if (!set->class_count)
        return tn_no_memory("class counts", set->num_classes * sizeof *set->class_count);
    for (size_t i = 0; i < set->num_items; i++)
        set->class_count[set->item[i].label]++;
    return TN_OK;
}

/* A class without images a notice each, up to a handful: a list may leave a million numbers out. */
static tn_status notice_empty_classes(tn_dataset *set, bool adopted)
{
    enum { NAMED = 10 };
    size_t empty = 0;
    for (size_t i = 0; i < set->num_classes; i++) {
        if (set->class_count[i] > 0 || ++empty > NAMED)
            continue;
        TN_TRY(tn_dataset_add_notice(
            set,
            adopted ? "class %s (number %zu) of the training set has no image here"
                    : "class %s (number %zu) has no image; it keeps its number",
            set->class_name[i], i));
    }
    if (empty > NAMED)
        return tn_dataset_add_notice(set, "%zu of %zu classes have no image", empty,
                                     set->num_classes);
    return TN_OK;
}

/* It would be two lines of a list of names, as a packed set has one. */
static tn_status notice_line_breaks(tn_dataset *set)
{
    for (size_t i = 0; i < set->num_classes; i++)
        if (strpbrk(set->class_name[i], "\r\n"))
            TN_TRY(tn_dataset_add_notice(set, "the name of class number %zu has a line break in it",
                                         i));
    return TN_OK;
}

/* What a list looks like whose last word is no label. */
static tn_status notice_single_images(tn_dataset *set)
{
    for (size_t i = 0; i < set->num_classes; i++)
        if (set->class_count[i] > 1)
            return TN_OK;
    if (set->num_items < 3)
        return TN_OK;
    return tn_dataset_add_notice(set, "each of the %zu images is a class of its own",
                                 set->num_items);
}

/* What was passed over is where the images may have gone. */
static tn_status no_image(const tn_dataset *set, const char *path)
{
    char passed[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < set->num_notices && used < sizeof passed; i++)
        used += (size_t)snprintf(passed + used, sizeof passed - used, "; %s", set->notice[i]);
    return tn_fail(TN_ERR_ARGUMENT, "%s: no image in its %zu class%s%s", path, set->num_classes,
                   set->num_classes == 1 ? "" : "es", passed);
}

static tn_status finish(tn_dataset *set, const tn_dataset_opts *opts)
{
    const tn_dataset *classes_of = opts->classes_of;
    if (set->num_items == 0)
        return no_image(set, opts->path);
    if (opts->exclude)
        TN_TRY(tn_exclude_read(set, opts->path, opts->exclude));
    if (!set->is_folder)
        TN_TRY(tn_list_check(set, opts->path));
    if (classes_of)
        TN_TRY(adopt_classes(set, classes_of, opts->path));
    TN_TRY(count_classes(set));
    TN_TRY(notice_line_breaks(set));
    if (set->num_classes == 1)
        TN_TRY(tn_dataset_add_notice(set, "there is only one class, %s: nothing can be learnt",
                                     set->class_name[0]));
    else if (!classes_of)
        TN_TRY(notice_single_images(set));
    return notice_empty_classes(set, classes_of != NULL);
}

static tn_status is_there(const char *folder, const char *name, bool *found)
{
    struct stat s;
    char *path = tn_format("%s/%s", folder, name);
    if (!path)
        return tn_no_memory(folder, strlen(folder));
    *found = stat(path, &s) == 0;
    tn_free(path);
    return TN_OK;
}

static tn_status read_any(tn_dataset *set, const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    set->root = tn_dataset_text(set, "%.*s", S_ISDIR(s.st_mode) ? INT_MAX : (int)folder, path);
    if (!set->root)
        return tn_no_memory(path, strlen(path) + 1);
    if (S_ISREG(s.st_mode))
        return tn_list_read(set, path);
    if (!S_ISDIR(s.st_mode))
        return tn_fail(TN_ERR_ARGUMENT, "%s: neither a folder nor a list file", path);
    set->is_folder = true;
    set->device = s.st_dev;
    set->inode = s.st_ino;
    bool images = false, labels = false;
    TN_TRY(is_there(path, TN_PACKED_IMAGES, &images));
    TN_TRY(is_there(path, TN_PACKED_LABELS, &labels));
    if (labels && !images)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: has " TN_PACKED_LABELS " but no " TN_PACKED_IMAGES
                       ": packing it was broken off; pack it again",
                       path);
    return images ? tn_packed_read(set, path) : tn_folder_read(set, path);
}

tn_status tn_dataset_open(tn_dataset **out, const tn_dataset_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(opts, "opts");
    if (!opts->path || !opts->path[0])
        return tn_fail(TN_ERR_ARGUMENT, "dataset: no path");
    tn_dataset *set = tn_alloc(1, sizeof *set);
    if (!set)
        return tn_no_memory(opts->path, sizeof *set);
    set->found = opts->found;
    set->with = opts->with;
    set->unlabelled = opts->unlabelled;
    tn_status status = read_any(set, opts->path);
    if (status == TN_OK)
        status = finish(set, opts);
    if (status != TN_OK) {
        tn_dataset_close(set);
        return status;
    }
    *out = set;
    return TN_OK;
}

/* Nothing else of a set changes: it may be const for all who read it. */
tn_dataset *tn_dataset_hold(const tn_dataset *set)
{
    tn_dataset *held = (void *)(uintptr_t)set;
    atomic_fetch_add(&held->loaders, 1);
    return held;
}

void tn_dataset_close(tn_dataset *set)
{
    if (!set || atomic_fetch_sub(&set->loaders, 1) > 0)
        return;
    tn_packed_release(set->packed);
    tn_arena_free(&set->text);
    tn_free(set->item);
    tn_free(set->class_name);
    tn_free(set->class_count);
    tn_free(set->notice);
    tn_free(set);
}

/* ---- accessors ------------------------------------------------------------------------------ */

int64_t tn_dataset_count(const tn_dataset *set)
{
    return set ? (int64_t)set->num_items : 0;
}

int64_t tn_dataset_excluded(const tn_dataset *set)
{
    return set ? (int64_t)set->excluded : 0;
}

int tn_dataset_side(const tn_dataset *set)
{
    return set && set->packed ? tn_packed_side(set->packed) : 0;
}

int tn_dataset_classes(const tn_dataset *set)
{
    return set ? (int)set->num_classes : 0;
}

const char *tn_dataset_class_name(const tn_dataset *set, int label)
{
    return label >= 0 && label < tn_dataset_classes(set) ? set->class_name[label] : NULL;
}

int64_t tn_dataset_class_count(const tn_dataset *set, int label)
{
    return label >= 0 && label < tn_dataset_classes(set) ? set->class_count[label] : 0;
}

const char *tn_dataset_item_path(const tn_dataset *set, int64_t item)
{
    return item >= 0 && item < tn_dataset_count(set) ? set->item[item].path : NULL;
}

int tn_dataset_item_label(const tn_dataset *set, int64_t item)
{
    return item >= 0 && item < tn_dataset_count(set) ? set->item[item].label : -1;
}

int tn_dataset_num_notices(const tn_dataset *set)
{
    return set ? (int)set->num_notices : 0;
}

const char *tn_dataset_notice(const tn_dataset *set, int index)
{
    return index >= 0 && index < tn_dataset_num_notices(set) ? set->notice[index] : NULL;
}
