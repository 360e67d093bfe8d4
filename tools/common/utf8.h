/*
 * Names of files are bytes; JSON and HTML are UTF-8.
 */
#ifndef TOOLS_UTF8_H
#define TOOLS_UTF8_H

/* How many bytes the character takes that text begins with; 0 if they are no UTF-8 (RFC 3629). */
int utf8_length(const char *text);

#endif
