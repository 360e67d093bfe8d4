/*
 * A text file, line by line.
 */
#ifndef TN_LINES_H
#define TN_LINES_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

/* Begins zeroed; tn_lines_free() in any case. */
typedef struct tn_lines {
    char *text; /* the whole file; lines are cut out of it in place */
    char *next, *end;
    int64_t number; /* of the last line given out, from 1 */
} tn_lines;

/* Regular files only. TN_ERR_IO, TN_ERR_MEMORY. */
tn_status tn_lines_read(tn_lines *l, const char *path);
tn_status tn_lines_copy(tn_lines *l, const char *path, const char *bytes, size_t size);

/* The next line, without its end and writable. TN_END after the last; TN_ERR_FORMAT if there is a
 * byte of 0 in it, which no text has. */
tn_status tn_lines_next(tn_lines *l, const char *path, char **line);
void tn_lines_free(tn_lines *l);

#endif
