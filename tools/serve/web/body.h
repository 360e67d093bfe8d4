/* The body of a request as it comes in pieces: to memory, or to a file. */
#ifndef SERVE_BODY_H
#define SERVE_BODY_H

#include "http.h"

typedef struct body {
    char *bytes; /* ended by 0; NULL: none yet, or they go to a file */
    size_t size, capacity;
    http_place place;
    int error; /* of writing there */
} body;

/* False: it is more than it may be, or there is no memory. */
bool body_keep(body *b, const char *data, size_t size);
void body_over(body *b); /* no more of it comes */
void body_free(body *b);

answer body_too_large(void);   /* 413 */
answer body_not_written(void); /* 507 */

#endif
