#define _GNU_SOURCE /* open_memstream, O_NOFOLLOW */

#include "reply.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot, ".png") == 0    ? "image/png"
           : dot && strcmp(dot, ".json") == 0 ? type
                                              : "application/octet-stream";
}

void reply_file(answer *a, const char *path, const char *name)
{
    struct stat s;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd > 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) {
        *a = (answer){.status = 200, .type = type_of(name), .file = fd, .size = (size_t)s.st_size};
        return;
    }
    if (fd >= 0)
        close(fd);
    reply_error(a, 404, NULL, "there is no file %.100s", name);
}
