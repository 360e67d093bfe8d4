/*
 * What a set is made of, and what its three sources (folder.c, list.c, packed.c) build it with.
 */
#ifndef TN_DATASET_H
#define TN_DATASET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tenon/data.h>

#include "base/arena.h"
#include "base/base.h"

typedef struct tn_packed tn_packed;

typedef struct tn_item {
    const char *path;
    int64_t row; /* of a packed set's images */
    int label;
} tn_item;

enum { TELL_EACH = 1024 /* names between two calls of tn_dataset_tell() */ };

struct tn_dataset {
    atomic_int loaders; /* that use it: the last of them, or the program, closes it in the end */
    tn_arena text;      /* every path, name and notice */
    tn_item *item;
    size_t num_items, item_capacity;
    const char **class_name;
    int64_t *class_count;
    size_t num_classes, class_capacity;
    const char **notice;
    size_t num_notices, notice_capacity;
    const char
        *root; /* what paths lie in: the folder, or the list's with its last slash ("": this one) */
    size_t excluded; /* images that a list left out */
    bool is_folder;  /* and this is it: a packed set's too */
    dev_t device;
    ino_t inode;
    void (*found)(void *with, int64_t images); /* as of tn_dataset_opts, while it is read */
    void *with;
    bool unlabelled; /* as of tn_dataset_opts */
    bool numbered;   /* labels came as numbers: a class is known by its number, not its name */
    tn_packed
        *packed; /* the images themselves, shared with the sets split from this one; or NULL */
};

/* For a loader: the set stays until it is closed once more. */
tn_dataset *tn_dataset_hold(const tn_dataset *set);

/* A set's source fills an empty set with classes and items; all texts are copied into the set. */
tn_status tn_folder_read(tn_dataset *set, const char *path);
tn_status tn_list_read(tn_dataset *set, const char *path);
tn_status tn_packed_read(tn_dataset *set, const char *path);

/* A list's bytes once they are in memory; `path` names them in errors and is what the paths in the
 * list are relative to. */
tn_status tn_list_parse(tn_dataset *set, const char *path, const char *bytes, size_t size);
/* One file with two labels is an error; with the same one twice it is only seen more often. */
tn_status tn_list_check(const tn_dataset *set, const char *path);

/* Leaves out what an exclude list names; the second is of one that is in memory (exclude.c). */
tn_status tn_exclude_read(tn_dataset *set, const char *set_path, const char *path);
tn_status tn_exclude_parse(tn_dataset *set, const char *set_path, const char *path,
                           const char *bytes, size_t size);

/* Where a path lies within what paths of the set lie in; the path itself if it does not. */
const char *tn_dataset_below(const tn_dataset *set, const char *path);

tn_status tn_dataset_add_class(tn_dataset *set, const char *name);
tn_status tn_dataset_add_item(tn_dataset *set, const char *path, int64_t row, int label);
void tn_dataset_tell(
    const tn_dataset *set); /* how many there are so far, to whoever wants to know */
tn_status tn_dataset_add_notice(tn_dataset *set, const char *format, ...) TN_PRINTF(2, 3);
/* Text that lives as long as the set; NULL when there is no memory. */
const char *tn_dataset_text(tn_dataset *set, const char *format, ...) TN_PRINTF(2, 3);

/* A name and the place it had before names were sorted. */
typedef struct tn_named {
    const char *name;
    int number;
} tn_named;
void tn_named_sort(tn_named *names, size_t count); /* by name, equal names by number */
/* Of sorted ones, the place of the first that is not before the name. */
size_t tn_named_place(const tn_named *names, size_t count, const char *name);
/* The number of a name among sorted ones (the lowest of equals), -1 if it is not there. */
int tn_named_find(const tn_named *names, size_t count, const char *name);

#endif
