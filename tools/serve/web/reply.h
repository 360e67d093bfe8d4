/* Answers in JSON. */
#ifndef SERVE_REPLY_H
#define SERVE_REPLY_H

#include "../../common/json.h"
#include "http.h"

/* {"error": {"text": ..., "field": ...}} */
void reply_error(answer *a, unsigned status, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes to memory, which reply_end() makes the answer. */
typedef struct reply {
    json j;
    char *text;
    size_t size;
} reply;
void reply_begin(reply *r);
void reply_end(reply *r, answer *a, unsigned status);

/* A text that is JSON already, for free(); it is the answer's. */
void reply_text(answer *a, unsigned status, char *text, size_t size);

/* A file as it is; 404 if there is none that can be read. name: what it is called there. */
void reply_file(answer *a, const char *path, const char *name);

#endif
