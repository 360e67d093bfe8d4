/*
 * Reading JSON (RFC 8259): what was written by json.h, or by others. cJSON does it, which only json_read.c sees.
 */
#ifndef TOOLS_JSON_READ_H
#define TOOLS_JSON_READ_H

#include <stdbool.h>

typedef struct cJSON json_value;

/* NULL if it is none, or anything stands behind it. Let go of it by json_free(). */
json_value *json_parse(const char *text);
void json_free(json_value *value); /* NULL is fine */

/* A member of an object, or of objects in it: "net.digest". NULL: it is not there. */
const json_value *json_member(const json_value *value, const char *path);

/* The members of an object or the elements of an array, one after the other. NULL past the last. */
const json_value *json_first(const json_value *value);
const json_value *json_next(const json_value *value);
const char *json_name(const json_value *value); /* of a member */

/* What it is; NULL and false if it is something else, or not there. */
const char *json_string(const json_value *value);
bool json_number(const json_value *value, double *number);
bool json_truth(const json_value *value, bool *is);
bool json_is_null(const json_value *value);

#endif
