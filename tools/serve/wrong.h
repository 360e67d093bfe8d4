/*
 * What is wrong with a form: an error a field. The answer is 422 {"error": the first, "errors": [{text, field, line, column}, ...]}.
 */
#ifndef SERVE_WRONG_H
#define SERVE_WRONG_H

#include "web/http.h"

enum { WRONGS = 16, WRONG_TEXT = 400, WRONG_FIELD = 40 };

typedef struct wrong {
    struct {
        char text[WRONG_TEXT], field[WRONG_FIELD];
        long line, column; /* of a text; 0: not told */
    } of[WRONGS];
    int count;
} wrong;

/* One more, the first WRONGS of all; field may be NULL: it is about none. */
void wrong_add(wrong *w, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What a tool says that refuses: "tenon-train: --rate: ..." is of the field rate, "tenon-plan: FILE:3:5: ..." of line 3 of the text
 * that is in the file, and does not name the file, which nobody has seen. */
void wrong_add_said(wrong *w, const char *said, const char *file);
void wrong_tell(const wrong *w, answer *a);

#endif
