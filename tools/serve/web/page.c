/* The files of the page: in the program, or, while they are edited, in a folder. */
#define _GNU_SOURCE /* O_NOFOLLOW */

#include "page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../server.h"
#include "reply.h"

enum { MOST = 1 << 20 };

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return NULL;
}

static const page_file *find(const char *name)
{
    for (const page_file *f = page_files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool read_file(const char *folder, const char *name, answer *a)
{
    char path[4096];
    struct stat s;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    a->text = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? malloc(MOST) : NULL;
    const ssize_t got = a->text ? read(fd, a->text, MOST) : -1;
    close(fd);
    a->size = got > 0 ? (size_t)got : 0;
    return got >= 0;
}

void page_answers(const server *s, const request *r, answer *a)
{
    const char *name = strcmp(r->path, "/") == 0 ? "index.html" : r->path + (*r->path == '/');
    const page_file *f = find(name);
    const char *known = http_header(r, "If-None-Match");
    if (!f) {
        reply_error(a, 404, NULL, "there is no %.200s", r->path);
        return;
    }
    *a = (answer){.status = 200, .type = type_of(name)};
    if (s->page && read_file(s->page, name, a))
        return;
    a->tag = f->tag;
    if (known && strstr(known, f->tag)) {
        a->status = 304;
        return;
    }
    a->kept = f->begin;
    a->size = (size_t)(f->end - f->begin);
}
