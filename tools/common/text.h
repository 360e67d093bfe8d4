/*
 * Files of text, and names of classes in them.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All of a file, ended by 0; free() it. Ends the program with status 2 if it cannot be read, or has a byte of 0 in it, which
 * no text has. */
char *text_read(const char *path, size_t *size);

/* Is it the same class? A line break in a folder's name is a blank in a model, which keeps a name a line. */
bool text_is_class(const char *in_model, const char *in_set);

#endif
