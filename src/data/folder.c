/*
 * A folder of class folders, each searched to any depth. Everything is visited in the order of
 * strcmp on names, so that items and class numbers do not depend on the file system.
 *
 * Links are followed, as far as tn_path_within() lets them. A folder that is its own ancestor, by device and inode, ends a loop of links;
 * what is no regular file (a FIFO would hang whoever opens it) is passed over, and so are hidden names,
 * folders of a system's own, and files not named like images. All that is told.
 */
/* d_type saves a stat() a file and is no POSIX. */
#define _DEFAULT_SOURCE

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/names.h"

typedef struct ancestor {
    dev_t device;
    ino_t inode;
    const struct ancestor *above;
} ancestor;

typedef struct entry {
    const char *name;
    unsigned char type; /* d_type */
} entry;

typedef struct listing {
    entry *entry;
    size_t count, capacity;
    tn_arena text;
} listing;

/* Things of one kind that were passed over: one notice for all. */
typedef struct passed {
    size_t count;
    const char *example;
} passed;

typedef struct walk {
    tn_dataset *set;
    passed not_images, hidden, of_systems;
    size_t odd; /* links to nothing, loops, what is no file: a notice each, up to a handful */
} walk;

enum { NAMED = 10 };

static tn_status pass_over(walk *w, passed *p, const char *path)
{
    if (p->count++)
        return TN_OK;
    p->example = tn_dataset_text(w->set, "%s", path);
    return p->example ? TN_OK : tn_no_memory(path, strlen(path) + 1);
}

static tn_status pass_over_odd(walk *w, const char *path, const char *why)
{
    return ++w->odd > NAMED ? TN_OK
                            : tn_dataset_add_notice(w->set, "passed over %s: %s", path, why);
}

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static tn_status add_entry(listing *l, const char *path, const struct dirent *e)
{
    TN_TRY(tn_grow((void **)&l->entry, l->count, &l->capacity, sizeof *l->entry, path));
    const size_t bytes = strlen(e->d_name) + 1;
    char *name = tn_arena_alloc(&l->text, bytes, 1);
    if (!name)
        return tn_no_memory(path, bytes);
    memcpy(name, e->d_name, bytes);
    l->entry[l->count++] = (entry){name, e->d_type};
    return TN_OK;
}

static void listing_free(listing *l)
{
    tn_free(l->entry);
    tn_arena_free(&l->text);
}

/* The names in a folder, sorted. */
static tn_status listing_read(listing *l, const tn_dataset *set, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return tn_fail(TN_ERR_IO, "%s: cannot open the folder: %s", path, strerror(errno));
    tn_status status = TN_OK;
    while (status == TN_OK) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e) {
            if (errno)
                status =
                    tn_fail(TN_ERR_IO, "%s: cannot read the folder: %s", path, strerror(errno));
            break;
        }
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = add_entry(l, path, e);
        if (l->count % TELL_EACH == 0)
            tn_dataset_tell(set);
    }
    closedir(dir);
    if (status == TN_OK && l->count)
        qsort(l->entry, l->count, sizeof *l->entry, by_name);
    return status;
}

typedef enum kind { KIND_FILE, KIND_FOLDER, KIND_PASSED_OVER } kind;

/* A hidden name is worth a word where images may be behind it: not .DS_Store in each folder. */
static tn_status pass_over_hidden(walk *w, const char *path, const entry *e)
{
    return e->type == DT_DIR || tn_name_is_image(e->name) ? pass_over(w, &w->hidden, path) : TN_OK;
}

/* What a path is. `here` is filled in for a folder; whatever is neither file nor folder is told. */
static tn_status classify(walk *w, const char *path, const entry *e, const ancestor *above,
                          kind *what, ancestor *here)
{
    *what = KIND_PASSED_OVER;
    if (e->name[0] == '.')
        return pass_over_hidden(w, path, e);
    *what = KIND_FILE;
    if (e->type == DT_REG)
        return TN_OK;
    *what = KIND_PASSED_OVER;
    struct stat s;
    if (stat(path, &s) != 0)
        return pass_over_odd(w, path, strerror(errno));
    if (e->type != DT_DIR)
        TN_TRY(tn_path_within(path));
    if (S_ISREG(s.st_mode)) {
        *what = KIND_FILE;
        return TN_OK;
    }
    if (!S_ISDIR(s.st_mode))
        return pass_over_odd(w, path,
                             S_ISFIFO(s.st_mode)   ? "it is a FIFO, not a file"
                             : S_ISSOCK(s.st_mode) ? "it is a socket, not a file"
                                                   : "it is a device, not a file");
    if (tn_name_is_of_system(e->name))
        return pass_over(w, &w->of_systems, path);
    for (const ancestor *a = above; a; a = a->above)
        if (a->device == s.st_dev && a->inode == s.st_ino)
            return pass_over_odd(w, path, "a loop of links");
    *here = (ancestor){s.st_dev, s.st_ino, above};
    *what = KIND_FOLDER;
    return TN_OK;
}

static tn_status visit_file(walk *w, const char *path, const char *name, int label)
{
    return tn_name_is_image(name) ? tn_dataset_add_item(w->set, path, 0, label)
                                  : pass_over(w, &w->not_images, path);
}

static tn_status visit_class(walk *w, const char *path, const ancestor *folder, int label);

static tn_status visit(walk *w, const char *folder, const entry *e, const ancestor *above,
                       int label)
{
    char *path = tn_format("%s/%s", folder, e->name);
    if (!path)
        return tn_no_memory(folder, strlen(folder));
    kind what;
    ancestor here;
    tn_status status = classify(w, path, e, above, &what, &here);
    if (status == TN_OK && what == KIND_FILE)
        status = visit_file(w, path, e->name, label);
    if (status == TN_OK && what == KIND_FOLDER)
        status = visit_class(w, path, &here, label);
    tn_free(path);
    return status;
}

static tn_status visit_class(walk *w, const char *path, const ancestor *folder, int label)
{
    listing l = {0};
    tn_status status = listing_read(&l, w->set, path);
    for (size_t i = 0; status == TN_OK && i < l.count; i++)
        status = visit(w, path, &l.entry[i], folder, label);
    listing_free(&l);
    return status;
}

/* One entry of the root: a class folder, or a file that should not be there. */
static tn_status visit_root(walk *w, const char *root, const entry *e, const ancestor *above)
{
    char *path = tn_format("%s/%s", root, e->name);
    if (!path)
        return tn_no_memory(root, strlen(root));
    kind what;
    ancestor here;
    tn_status status = classify(w, path, e, above, &what, &here);
    if (status == TN_OK && what == KIND_FILE)
        status = tn_name_is_image(e->name)
                     ? tn_fail(TN_ERR_ARGUMENT,
                               "%s: expected one subfolder a class, each holding its images; found "
                               "an image, %s, directly in it",
                               root, e->name)
                     : visit_file(w, path, e->name, 0);
    if (status == TN_OK && what == KIND_FOLDER)
        status = tn_dataset_add_class(w->set, e->name);
    if (status == TN_OK && what == KIND_FOLDER)
        status = visit_class(w, path, &here, (int)w->set->num_classes - 1);
    tn_free(path);
    return status;
}

static tn_status tell(const walk *w, const passed *p, const char *one, const char *several)
{
    if (p->count == 0)
        return TN_OK;
    if (p->count == 1)
        return tn_dataset_add_notice(w->set, "passed over %s, %s", p->example, one);
    return tn_dataset_add_notice(w->set, "passed over %zu %s, such as %s", p->count, several,
                                 p->example);
}

static tn_status tell_all(const walk *w)
{
    if (w->odd > NAMED)
        TN_TRY(tn_dataset_add_notice(w->set, "passed over %zu names in all that lead to no file",
                                     w->odd));
    TN_TRY(tell(w, &w->not_images, "a file whose name does not end like an image's",
                "files whose names do not end like an image's"));
    TN_TRY(tell(w, &w->hidden, "which is hidden", "hidden files and folders"));
    return tell(w, &w->of_systems, "a folder that a system keeps for itself",
                "folders that systems keep for themselves");
}

/* Parts of a set in place of classes would be learnt to be told apart. */
static tn_status refuse_parts(const tn_dataset *set, const char *root)
{
    const char *train = NULL, *test = NULL;
    size_t parts = 0;
    for (size_t i = 0; i < set->num_classes; i++) {
        const char *name = set->class_name[i];
        train = tn_name_is_train(name) ? name : train;
        test = tn_name_is_test(name) ? name : test;
        parts += tn_name_is_train(name) || tn_name_is_test(name);
    }
    if (parts < set->num_classes && !(train && test))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: expected one subfolder a class; found %s%s%s, which %s a set: open %s/%s",
                   root, train ? train : "", train && test ? " and " : "", test ? test : "",
                   train && test ? "are parts of" : "is a part of", root, train ? train : test);
}

static tn_status conclude(const walk *w, const char *root, size_t entries)
{
    TN_TRY(tell_all(w));
    if (w->set->num_classes == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: expected one subfolder a class, each holding its images; found no "
                       "folder among its %zu entries%s%s",
                       root, entries, w->set->num_notices ? "; " : "",
                       w->set->num_notices ? w->set->notice[w->set->num_notices - 1] : "");
    return refuse_parts(w->set, root);
}

tn_status tn_folder_read(tn_dataset *set, const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    const ancestor root = {.device = s.st_dev, .inode = s.st_ino};
    walk w = {.set = set};
    listing l = {0};
    if (set->unlabelled) {
        TN_TRY(tn_dataset_add_class(set, "pictures"));
        TN_TRY(visit_class(&w, path, &root, 0));
        return tell_all(&w);
    }
    tn_status status = listing_read(&l, set, path);
    for (size_t i = 0; status == TN_OK && i < l.count; i++)
        status = visit_root(&w, path, &l.entry[i], &root);
    if (status == TN_OK)
        status = conclude(&w, path, l.count);
    listing_free(&l);
    return status;
}
