/*
 * Which items of a source are bad: files of a set. One is judged once, on the whole of it, when it is read first;
 * once named it is bad for good, so that no epoch trains on it, whatever its crop.
 *
 * Threads that fill rows ask, and say which items passed; only the one who takes batches names one.
 */
#ifndef TN_BAD_H
#define TN_BAD_H

#include <stdatomic.h>

#include "data/origin.h"

typedef struct tn_bad_item {
    char *name;
    char *reason; /* without the name */
} tn_bad_item;

typedef struct tn_bad_items {
    const tn_origin *origin;
    atomic_uchar *verdict; /* an item */
    tn_bad_item *item;     /* in the order in which they were named */
    size_t count, capacity;
} tn_bad_items;

tn_status tn_bad_create(tn_bad_items *b, const tn_origin *origin);
void tn_bad_destroy(tn_bad_items *b); /* a zeroed one is fine */

/* For any thread. */
bool tn_bad_is_judged(const tn_bad_items *b, int64_t item);
bool tn_bad_is_named(const tn_bad_items *b, int64_t item);
void tn_bad_pass(tn_bad_items *b, int64_t item); /* the whole of it is good */

/* For the one who takes. Names an item, unless it was; `problem` is what filling a row with it said. */
tn_status tn_bad_name(tn_bad_items *b, int64_t item, const char *problem);
/* TN_OK, or `status` with how many there are of how many allowed: so many per cent, but at least one. */
tn_status tn_bad_check(const tn_bad_items *b, double percent, tn_status status);

/* What was said of a file, without its name, where it begins with that. */
const char *tn_bad_reason(const char *text, const char *name);

#endif
