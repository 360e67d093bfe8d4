/*
 * Pictures that are sent: WORKSPACE/uploads/NAME, a folder whose files each come by a request of their own. A file is there when all of
 * it is; one that is cut off leaves nothing.
 */
#ifndef SERVE_UPLOADS_H
#define SERVE_UPLOADS_H

#include <stdint.h>

enum { UPLOAD_PARTS = 12, UPLOAD_PATH = 1024 };

typedef struct uploads {
    const char *workspace;
    int64_t most, quota; /* bytes of one, and of all */
    int64_t used;        /* a file counts for whole blocks, so that empty ones are not free */
} uploads;

/* Counts what there is. */
void uploads_open(uploads *u, const char *workspace, int64_t most, int64_t quota);

#endif
