/*
 * Pictures that are sent: WORKSPACE/uploads/NAME, a folder whose files each come by a request of their own. A file is there when all of
 * it is; one that is cut off leaves nothing.
 */
#ifndef SERVE_UPLOADS_H
#define SERVE_UPLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "web/http.h"

enum { UPLOAD_PARTS = 12, UPLOAD_PATH = 1024 };

typedef struct uploads {
    const char *workspace;
    int64_t most, quota;  /* bytes of one, and of all */
    _Atomic int64_t used; /* a file counts for whole blocks, so that empty ones are not free */
    int64_t coming;       /* of those that are on their way, as much as each may become */
} uploads;

/* How much of the quota a file of so many bytes takes. */
int64_t uploads_room(int64_t bytes);

/* Counts what there is. */
void uploads_open(uploads *u, const char *workspace, int64_t most, int64_t quota);

/* Room for a file of so many bytes (NULL: it does not say, and counts for the most that one may have) beside what is there, `others` that
 * count too, and what is on its way: none is to find no room in the end. Until it is here, or will not come. False: the answer is why. */
bool uploads_reserve(uploads *u, int64_t others, const char *length, http_place *p, answer *a);

#endif
