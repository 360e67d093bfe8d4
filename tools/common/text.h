/*
 * Files of text.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stddef.h>

/* All of a file, ended by 0; free() it. Ends the program with status 2 if it cannot be read, or has a byte of 0 in it, which
 * no text has. */
char *text_read(const char *path, size_t *size);

#endif
