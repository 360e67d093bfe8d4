/*
 * A whole file as memory that can be read. Pages come when they are looked at. Who cuts the file short meanwhile ends the
 * process by SIGBUS: for files that are read once and soon, not for those that stay open.
 */
#ifndef TN_MAPPED_H
#define TN_MAPPED_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

typedef struct tn_mapped {
    const uint8_t *at; /* of an empty file some address */
    size_t size;
} tn_mapped;

/* @return TN_ERR_IO naming the path: it cannot be read, or is no regular file */
tn_status tn_map(tn_mapped *out, const char *path);
/* Of a file that is open; the path is for errors. */
tn_status tn_map_fd(tn_mapped *out, int fd, const char *path);
void tn_unmap(tn_mapped *m);

/* For files that stay open: bytes from `offset` on. TN_ERR_FORMAT if there are not as many. */
tn_status tn_read_at(int fd, const char *path, void *to, size_t bytes, size_t offset);

#endif
