/*
 * A file that takes the place of another, whole or not at all: written aside in the same folder, flushed to
 * the disk, renamed, and the folder flushed. Whoever opens the path finds the old file or the new one, even
 * after a power cut. Every failure is TN_ERR_IO (or TN_ERR_MEMORY) with the path, the reason and the bytes.
 *
 * A link at the path stays: the file that it names is replaced, in its own folder, or made. Only regular
 * files are replaced, and only those that may be written; the new one has the mode of the old one, and its
 * owner and group as far as this process may give them. What a killed process left aside is removed by the
 * next one that writes the same path. Threads may write different files, or the same one: the last wins.
 */
#ifndef TN_ASIDE_H
#define TN_ASIDE_H

#include <stddef.h>

#include <tenon/status.h>

typedef struct tn_aside {
    char *given;  /* the path as it was told */
    char *target; /* links followed */
    char *folder; /* that it lies in */
    char *path;   /* NAME.tenon-PID-N.tmp beside the target; NULL: there is none (any more) */
    int fd;       /* of that; locked (flock) */
    size_t bytes; /* written so far, at the end */
} tn_aside;

/* Begins. On failure nothing is left; otherwise tn_aside_discard() ends it, also after placing it. */
tn_status tn_aside_open(tn_aside *a, const char *path);

/* Appends, or overwrites what is there already from byte `at` on. */
tn_status tn_aside_write(tn_aside *a, const void *data, size_t bytes);
tn_status tn_aside_write_at(tn_aside *a, const void *data, size_t bytes, size_t at);

/* Flushes to the disk: for several files that are put in place only once all of them are there. */
tn_status tn_aside_flush(tn_aside *a);

/* Flushes it, puts it in place, then flushes the folder, where that can be opened. */
tn_status tn_aside_place(tn_aside *a);

/* Removes what was not placed. {0} is fine. */
void tn_aside_discard(tn_aside *a);

/* Could a file of so many bytes be written there, as far as can be known before? Leaves nothing behind. */
tn_status tn_aside_probe(const char *path, size_t bytes);

/* Names that were made or removed in its folder: onto the disk with them. */
tn_status tn_aside_flush_folder(const tn_aside *a);

#endif
