/*
 * A file that only grows, by pieces that are in it whole or not at all: a write that was taken in part is taken back. What
 * there is no room for waits in memory, and comes first when there is some.
 */
#ifndef TN_RUNS_APPEND_H
#define TN_RUNS_APPEND_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

typedef struct tn_append {
    int fd;
    char *path, *pending;
    size_t bytes, capacity; /* of what waits */
    int64_t lost;           /* pieces that were too many to wait */
    bool failing;           /* the last write did */
    char why[256];
} tn_append;

/* `dir` is an open folder, `path` what errors call the file; `only_new`: it may not be there yet, else TN_END. */
tn_status tn_append_open(tn_append *a, int dir, const char *name, const char *path, bool only_new);
void tn_append_close(tn_append *a); /* what waits is lost */

void tn_append_put(tn_append *a, const void *data, size_t bytes);
/* Only with the next that is put or flushed. */
void tn_append_later(tn_append *a, const void *data, size_t bytes);
/* Onto the disk, or nothing of it, and TN_ERR_IO. */
tn_status tn_append_must(tn_append *a, const void *data, size_t bytes);

void tn_append_flush(tn_append *a); /* what waits, as far as there is room */
void tn_append_sync(tn_append *a);  /* and onto the disk */

#endif
