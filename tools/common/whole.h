/*
 * A file that appears whole or not at all: what is written goes to memory, and to the disk at the end, aside in the same
 * folder, and then by its name. A program that fails half-way leaves nothing.
 */
#ifndef TOOLS_WHOLE_H
#define TOOLS_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct whole {
    FILE *to; /* write here */
    const char *path;
    bool force;
    char *text;
    size_t size;
} whole;

/* Ends the program with status 2, before any work is done, if there is such a file and `force` is not set, if what is there is
 * no regular file (a device, a FIFO), whatever `force` is, or if there is no folder to write it to. */
void whole_probe(const char *path, bool force);

/* That, and begins. The path is borrowed. */
void whole_begin(whole *w, const char *path, bool force);

/* Ends the program with status 1 if it cannot be written; then there is what was there before. */
void whole_end(whole *w);

#endif
