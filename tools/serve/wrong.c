#include "wrong.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/reply.h"

void wrong_add(wrong *w, const char *field, const char *format, ...)
{
    va_list list;
    if (w->count == WRONGS)
        return;
    va_start(list, format);
    vsnprintf(w->of[w->count].text, WRONG_TEXT, format, list);
    va_end(list);
    snprintf(w->of[w->count].field, WRONG_FIELD, "%s", field ? field : "");
    w->of[w->count].line = w->of[w->count].column = 0;
    w->count++;
}

/* ":3:5: why" behind the name of a file; returns where the sentence goes on. */
static const char *read_place(const char *at, long *line, long *column)
{
    char *end;
    *line = *column = 0;
    if (*at != ':' || at[1] < '1' || at[1] > '9')
        return at;
    *line = strtol(at + 1, &end, 10);
    if (*end != ':')
        return at;
    at = end;
    const long number = at[1] >= '1' && at[1] <= '9' ? strtol(at + 1, &end, 10) : 0;
    if (number > 0 && *end == ':') {
        *column = number;
        at = end;
    }
    return at;
}

void wrong_add_said(wrong *w, const char *said, const char *file)
{
    const char *text = strstr(said, ": ");
    char field[WRONG_FIELD] = "";
    long line = 0, column = 0;
    text = text ? text + 2 : *said ? said : "it did not say why";
    const size_t all = strcspn(text, "\n");
    const char *named = file && *file ? strstr(text, file) : NULL;
    if (strncmp(text, "--", 2) == 0) {
        const size_t length = strcspn(text + 2, " :=");
        snprintf(field, sizeof field, "%.*s", (int)(length < WRONG_FIELD ? length : WRONG_FIELD),
                 text + 2);
    } else if (named && named < text + all) {
        const char *place = strstr(named, "(line ");
        snprintf(field, sizeof field, "text");
        const char *rest = read_place(named + strlen(file), &line, &column);
        if (line == 0 && place && place < text + all)
            line = strtol(place + 6, NULL, 10);
        rest += strspn(rest, ": ");
        const size_t before = (size_t)(named - text);
        wrong_add(w, field, "%.*s%.*s", (int)before, text, (int)(text + all - rest), rest);
        w->of[w->count - 1].line = line;
        w->of[w->count - 1].column = column;
        return;
    }
    wrong_add(w, *field ? field : NULL, "%.*s", (int)all, text);
}

static void tell_one(json *j, const char *name, const wrong *w, int i)
{
    json_object(j, name);
    json_text(j, "text", w->of[i].text);
    json_text(j, "field", w->of[i].field[0] ? w->of[i].field : NULL);
    if (w->of[i].line > 0)
        json_count(j, "line", w->of[i].line);
    if (w->of[i].column > 0)
        json_count(j, "column", w->of[i].column);
    json_end(j, '}');
}

void wrong_tell(const wrong *w, answer *a)
{
    reply p;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        tell_one(&p.j, "error", w, 0);
        json_array(&p.j, "errors");
        for (int i = 0; i < w->count; i++)
            tell_one(&p.j, NULL, w, i);
        json_end(&p.j, ']');
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 422);
}
