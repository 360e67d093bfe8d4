/*
 * Bytes as UTF-8 and back, none lost: the names of files and folders may be any bytes, JSON holds UTF-8 only. A byte
 * that is no part of a character is written as one of the 128 characters from U+F780 on, U+F700 + byte, which Unicode
 * leaves to private use; the bytes of such a character itself are written so too.
 */
#ifndef TN_ESCAPE_H
#define TN_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* The text as UTF-8, for tn_free(); NULL: no memory. */
char *tn_text_escape(const char *text);

/* Is it UTF-8 already? Bytes from the start that are, if not. */
bool tn_text_is_utf8(const char *text, size_t *good);

/* Undoes it in place. */
void tn_text_unescape(char *text);

#endif
