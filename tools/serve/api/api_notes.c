/* Texts that lie with a run: the user's own words on it, and what its trainer said. */
#define _GNU_SOURCE /* O_NOFOLLOW */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/workspace.h"
#include "../server.h"
#include "../web/reply.h"

enum { NOTES = 64 << 10 };

/* All of a text, for free(); "" of none. NULL: the answer says why it is not shown, so that nobody writes a part of it over it. */
static char *read_notes(const char *path, answer *a)
{
    struct stat st = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const bool none = fd < 0 && errno == ENOENT;
    char *text = calloc(1, NOTES + 1);
    const ssize_t got = fd >= 0 && text && fstat(fd, &st) == 0 ? read(fd, text, NOTES) : none - 1;
    const char *why = !text                         ? "there is no memory left"
                      : got < 0                     ? strerror(errno)
                      : st.st_size > NOTES          ? "it has more than 65536 bytes"
                      : strlen(text) != (size_t)got ? "it is no text"
                                                    : NULL;
    if (fd >= 0)
        close(fd);
    if (!why)
        return text;
    reply_error(a, 422, NULL, "notes.txt is not shown: %s", why);
    free(text);
    return NULL;
}

/* GET /runs/ID/notes */
static void get_notes(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH], path[RUN_PATH + 16];
    (void)r;
    if (!api_folder(s, id[0], folder, a))
        return;
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    char *text = read_notes(path, a);
    reply p;
    if (!text)
        return;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "text", text);
        json_end(&p.j, '}');
    }
    free(text);
    reply_end(&p, a, 200);
}

static bool write_notes(const char *folder, const char *text, size_t size)
{
    char path[RUN_PATH + 16], aside[RUN_PATH + 16];
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    snprintf(aside, sizeof aside, "%s/notes.txt.tmp", folder);
    const int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return false;
    const bool written = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    return close(fd) == 0 && written && rename(aside, path) == 0;
}

/* PUT /runs/ID/notes, a text as it is */
static void put_notes(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH];
    reply p;
    if (!api_folder(s, id[0], folder, a))
        return;
    if (r->size > NOTES || strlen(r->body) != r->size) {
        reply_error(a, 422, NULL, "notes are a text of at most %d bytes", NOTES);
        return;
    }
    if (!write_notes(folder, r->body, r->size)) {
        reply_error(a, 500, NULL, "%s/notes.txt cannot be written: %s", id[0], strerror(errno));
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "bytes", (int64_t)r->size);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* ---- what it said ------------------------------------------------------------------------------------- */

/* The last bytes of a file, from the begin of a line; "" of one that is not there, and why it cannot be read of any other. */
static size_t read_last(const char *path, char *to, size_t most)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat s;
    ssize_t got = fd < 0 && errno == ENOENT ? 0 : -1;
    if (fd >= 0 && fstat(fd, &s) == 0)
        got = pread(fd, to, most, s.st_size > (off_t)most ? s.st_size - (off_t)most : 0);
    if (got < 0)
        got = snprintf(to, most, "%s: %s\n", strrchr(path, '/') + 1, strerror(errno));
    if (fd >= 0)
        close(fd);
    to[got] = '\0';
    const char *line = got == (ssize_t)most ? strchr(to, '\n') : NULL;
    if (line)
        memmove(to, line + 1, strlen(line));
    return strlen(to);
}

/* GET /runs/ID/output: the end of what the trainer said when it was begun here, and then resumed. */
static void get_output(server *s, const request *r, const char *const id[], answer *a)
{
    enum { OUTPUT = 32 << 10 };
    char folder[RUN_PATH], path[RUN_PATH + 16];
    (void)r;
    if (!api_folder(s, id[0], folder, a))
        return;
    char *text = malloc(2 * OUTPUT + 1);
    reply p;
    if (text) {
        snprintf(path, sizeof path, "%s.output", folder);
        const size_t first = read_last(path, text, OUTPUT);
        snprintf(path, sizeof path, "%s/output.log", folder);
        (void)read_last(path, text + first, OUTPUT);
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "text", text);
        json_end(&p.j, '}');
    }
    free(text);
    reply_end(&p, a, 200);
}

const api api_notes = {{
    {"GET", "/runs/*/output", get_output},
    {"GET", "/runs/*/notes", get_notes},
    {"PUT", "/runs/*/notes", put_notes},
}};
