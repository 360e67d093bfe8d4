/*
 * Names of files are bytes; JSON and HTML are UTF-8.
 */
#ifndef TOOLS_UTF8_H
#define TOOLS_UTF8_H

#include <stdio.h>

/* How many bytes the character takes that text begins with; 0 if they are no UTF-8 (RFC 3629). */
int utf8_length(const char *text);

/* A name for a terminal, in one line: what would move the cursor or is no character is told by its number, as \033. */
void utf8_print(FILE *to, const char *text);

#endif
