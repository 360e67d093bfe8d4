/*
 * A line of JSON, written from left to right into memory that is used again, so that a line costs no allocation once the
 * longest was written. Texts may be any bytes (base/escape.h). Where memory is lacking nothing more is added, and the
 * end says so.
 */
#ifndef TN_RUNS_JSON_H
#define TN_RUNS_JSON_H

#include <stdint.h>

#include "base/base.h"

typedef struct tn_json {
    char *text; /* ends in NUL */
    size_t length, capacity;
    bool failed;
} tn_json;

void tn_json_clear(tn_json *j); /* begins anew, in the same memory */
void tn_json_free(tn_json *j);

/* An object or an array: '{' or '['; a name only within an object, else NULL. So it is of all that follow. */
void tn_json_open(tn_json *j, const char *name, char bracket);
void tn_json_close(tn_json *j, char bracket);

void tn_json_text(tn_json *j, const char *name, const char *text); /* NULL: null */
void tn_json_count(tn_json *j, const char *name, int64_t number);
void tn_json_real(tn_json *j, const char *name, double number); /* %.17g; not finite: null */
void tn_json_f32(tn_json *j, const char *name, float number);   /* %.9g, likewise */
void tn_json_bool(tn_json *j, const char *name, bool is);
void tn_json_raw(tn_json *j, const char *name, const char *text); /* JSON already */

/* Bytes of any text, as they are: the memory for something else than JSON. */
void tn_json_add(tn_json *j, const char *text);

/* Nothing but '\n' more; TN_ERR_MEMORY if something could not be added. */
tn_status tn_json_end(tn_json *j);

#endif
