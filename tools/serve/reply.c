#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char type[] = "application/json";

void reply_begin(reply *r)
{
    *r = (reply){0};
    r->j.to = open_memstream(&r->text, &r->size);
    r->j.flat = true;
}

/* What there is to say where there is no memory. */
static void no_memory(answer *a)
{
    static const char text[] = "{\"error\":{\"text\":\"the server has no memory left\"}}";
    *a = (answer){.status = 503, .type = type, .kept = text, .size = sizeof text - 1};
}

void reply_end(reply *r, answer *a, unsigned status)
{
    if (!r->j.to) {
        no_memory(a);
    } else if (fclose(r->j.to) != 0) {
        free(r->text);
        no_memory(a);
    } else {
        reply_text(a, status, r->text, r->size);
    }
}

void reply_text(answer *a, unsigned status, char *text, size_t size)
{
    *a = (answer){.status = status, .type = type, .text = text, .size = size};
}

void reply_error(answer *a, unsigned status, const char *field, const char *format, ...)
{
    char text[1024];
    reply r;
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    reply_begin(&r);
    if (r.j.to) {
        json_object(&r.j, NULL);
        json_object(&r.j, "error");
        json_text(&r.j, "text", text);
        json_text(&r.j, "field", field);
        json_end(&r.j, '}');
        json_end(&r.j, '}');
    }
    reply_end(&r, a, status);
}
