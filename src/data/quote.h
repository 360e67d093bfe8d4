/*
 * Names in text files, one or two a line: as they are, or, where blanks at the ends, a tab, a line break or what a list means
 * something else by would be lost, in double quotes with C's escapes. So do git and `ls --quoting-style=c`:
 *     "two\nlines.jpg"    \a \b \f \n \r \t \v \\ \" and \ooo, three octal digits, a byte each
 * Bytes from 128 on stay as they are, whatever they spell.
 */
#ifndef TN_QUOTE_H
#define TN_QUOTE_H

#include <stdbool.h>

/* The name that begins at text, which is a '"', is put there, ended by 0. Returns what stands behind the closing quote, or
 * NULL if there is none, an escape that there is not, or a byte of 0. */
char *tn_unquote(char *text);

/* A new text: the name, in quotes if it needs them or is to have them. NULL: no memory. */
char *tn_quote(const char *name, bool always);

#endif
