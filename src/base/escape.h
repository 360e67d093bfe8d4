/*
 * Bytes as UTF-8 and back, none lost: the names of files and folders may be any bytes, JSON holds UTF-8 only. A byte
 * that is no part of a character is written as one of the 128 characters from U+F780 on, U+F700 + byte, which Unicode
 * leaves to private use; the bytes of such a character itself are written so too.
 */
#ifndef TN_ESCAPE_H
#define TN_ESCAPE_H

/* The text as UTF-8, for tn_free(); NULL: no memory. */
char *tn_text_escape(const char *text);

/* Undoes it in place. */
void tn_text_unescape(char *text);

#endif
