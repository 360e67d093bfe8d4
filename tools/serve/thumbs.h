/* Small pictures of image files, by a program that may be killed by one. */
#ifndef SERVE_THUMBS_H
#define SERVE_THUMBS_H

#include "web/http.h"

enum { THUMBS_MEMORY = 2 /* GiB that it may address */ };

/* A JPEG of at most `side` pixels on the longer side; 422 with the reason if it cannot be read. The path went through the jail. */
void thumbs_give(const request *r, answer *a, const char *path, int side);

#endif
