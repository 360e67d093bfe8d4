/*
 * The digest of a set: of each class its name and of each item its label, its path and its size, a line each. Paths count
 * from the last folder that all items lie in, so that a set may be moved.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "data/dataset.h"

/* How many bytes at the beginning of all paths are folders that they have in common. */
static size_t common_folder(const tn_dataset *set)
{
    const char *first = set->item[0].path;
    size_t common = strlen(first);
    for (size_t i = 0; i < set->num_items; i++) {
        const char *path = set->item[i].path;
        size_t same = 0;
        while (same < common && path[same] == first[same])
            same++;
        common = same;
    }
    while (common > 0 && first[common - 1] != '/')
        common--;
    return common;
}

/* Of a packed set the items are rows, not files. */
static long long size_of(const tn_dataset *set, const char *path)
{
    struct stat s;
    return set->packed || stat(path, &s) != 0 ? -1 : (long long)s.st_size;
}

tn_status tn_dataset_digest(const tn_dataset *set, char digest[33])
{
    TN_NEED(set, "set");
    TN_NEED(digest, "digest");
    tn_digesting *d = tn_digest_begin();
    if (!d)
        return tn_no_memory("the digest of a set", 1);
    for (size_t i = 0; i < set->num_classes; i++)
        tn_digest_add(d, set->class_name[i], strlen(set->class_name[i]) + 1);
    const size_t folder = set->num_items ? common_folder(set) : 0;
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        char facts[48];
        const int bytes =
            snprintf(facts, sizeof facts, "%d %lld ", item->label, size_of(set, item->path));
        tn_digest_add(d, facts, (size_t)bytes);
        tn_digest_add(d, item->path + folder, strlen(item->path + folder) + 1);
    }
    memcpy(digest, tn_digest_end(d).text, 33);
    return TN_OK;
}
