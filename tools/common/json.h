/*
 * Writing JSON (RFC 8259), one value after the other; commas, quotes and line breaks are its affair. `name`
 * is NULL inside of an array. Bytes of a name of a file that are no UTF-8 become the characters U+F780 to U+F7FF,
 * U+F700 + byte, as in all files of the library; those characters themselves so, byte by byte.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *to;
    int depth;
    bool begun; /* a value stands before this one */
    bool flat;  /* all in one line */
} json;

void json_object(json *j, const char *name);
void json_array(json *j, const char *name);
void json_end(json *j, char bracket); /* '}' or ']' */

void json_text(json *j, const char *name, const char *text); /* NULL: null */
void json_real(json *j, const char *name, double number);    /* not finite: null */
void json_exact(json *j, const char *name, double number);   /* so that it reads back bit for bit */
void json_number_text(json *j, const char *name, const char *number); /* as it is: JSON already */
void json_count(json *j, const char *name, int64_t number);
void json_bool(json *j, const char *name, bool is);
void json_null(json *j, const char *name);

#endif
