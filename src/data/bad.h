/*
 * Which files of a set are bad. A file is judged once, on the whole of it, when it is read first;
 * once named it is bad for good, so that no epoch trains on it, whatever its crop.
 *
 * Threads that fill rows ask, and say which files passed; only the one who takes batches names a file.
 */
#ifndef TN_BAD_H
#define TN_BAD_H

#include <stdatomic.h>

#include "data/dataset.h"

typedef struct tn_bad_file {
    int64_t item;
    char *reason; /* without the path */
} tn_bad_file;

typedef struct tn_bad_files {
    const tn_dataset *set;
    atomic_uchar *verdict; /* an item */
    tn_bad_file *file;     /* in the order in which they were named */
    size_t count, capacity;
} tn_bad_files;

tn_status tn_bad_create(tn_bad_files *b, const tn_dataset *set);
void tn_bad_destroy(tn_bad_files *b); /* a zeroed one is fine */

/* For any thread. */
bool tn_bad_is_judged(const tn_bad_files *b, int64_t item);
bool tn_bad_is_named(const tn_bad_files *b, int64_t item);
void tn_bad_pass(tn_bad_files *b, int64_t item); /* the whole file is good */

/* For the one who takes. Names a file, unless it was; `problem` is what the decoder said of it. */
tn_status tn_bad_name(tn_bad_files *b, int64_t item, const char *problem);
/* TN_OK, or `status` with how many there are of how many allowed: so many per cent, but at least one. */
tn_status tn_bad_check(const tn_bad_files *b, double percent, tn_status status);

#endif
