#define _GNU_SOURCE /* O_TMPFILE, nftw */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../jail.h"
#include "../server.h"
#include "../uploads.h"
#include "../web/reply.h"

enum { BLOCK = 4096, ROOM = 4096 + 32 };

/* ---- how much there is ------------------------------------------------------------------------------ */

static int64_t counted;

int64_t uploads_room(int64_t bytes)
{
    return (bytes / BLOCK + 1) * BLOCK;
}

static int count(const char *path, const struct stat *s, int kind, struct FTW *where)
{
    (void)path, (void)where;
    counted += kind == FTW_F ? uploads_room(s->st_size) : 0;
    return 0;
}

static bool folder_of(const uploads *u, char path[ROOM])
{
    return snprintf(path, ROOM, "%s/uploads", u->workspace) < ROOM;
}

void uploads_open(uploads *u, const char *workspace, int64_t most, int64_t quota)
{
    char path[ROOM];
    u->workspace = workspace;
    u->most = most;
    u->quota = quota;
    counted = 0;
    if (folder_of(u, path))
        (void)nftw(path, count, 16, FTW_PHYS);
    u->used = counted;
}

/* One that was on its way is here, or will not come. */
static void came(void *with, unsigned long long reserved)
{
    uploads *u = with;
    u->coming -= (int64_t)reserved;
}

bool uploads_reserve(uploads *u, int64_t others, const char *length, http_place *p, answer *a)
{
    const int64_t size = length ? strtoll(length, NULL, 10) : u->most, room = uploads_room(size);
    if (size > u->most) {
        reply_error(a, 413, NULL, "a file has at most %lld bytes here: --max-upload",
                    (long long)u->most);
        return false;
    }
    if (room > u->quota - u->used - others - u->coming) {
        reply_error(a, 507, NULL,
                    "%lld of %lld bytes for uploads are used, and %lld are on their way: --quota",
                    (long long)(u->used + others), (long long)u->quota, (long long)u->coming);
        return false;
    }
    u->coming += room;
    p->most = (unsigned long long)size;
    p->over = came;
    p->with = u;
    p->reserved = (unsigned long long)room;
    return true;
}

/* ---- where one goes ---------------------------------------------------------------------------------- */

/* "cat/0001.jpg": no part is empty, hidden, or leads upwards. */
static bool is_good(const char *path)
{
    int parts = 0;
    for (const char *at = path;; at++) {
        const size_t length = strcspn(at, "/");
        if (length == 0 || length > 255 || *at == '.' || ++parts > UPLOAD_PARTS)
            return false;
        at += length;
        if (*at == '\0')
            return (size_t)(at - path) <= UPLOAD_PATH;
    }
}

/* The folder that a file goes to, which is made, and its name in it. -1, and errno. */
static int open_folder(const uploads *u, const char *name, const char *path, const char **last)
{
    char top[ROOM], part[256];
    if (!folder_of(u, top)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    (void)mkdir(top, 0777);
    int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const char *next = name;
    *last = path;
    while (fd >= 0 && next) {
        const size_t length = strcspn(next, "/");
        memcpy(part, next, length);
        part[length] = '\0';
        const int made = mkdirat(fd, part, 0777);
        const int inner =
            made == 0 || errno == EEXIST ? jail_open_at(fd, part, O_RDONLY | O_DIRECTORY) : -1;
        const int error = errno;
        close(fd);
        errno = error;
        fd = inner;
        const char *slash = strchr(*last, '/');
        next = slash ? *last : NULL;
        *last = slash ? slash + 1 : *last;
    }
    return fd;
}

/* PUT /uploads/NAME?path: its bytes go to a file without a name. */
static bool takes(server *s, const request *r, const char *const id[], http_place *p, answer *a)
{
    char folder[ROOM];
    const char *path = http_query(r, "path");
    uploads *u = &s->uploads;
    (void)id;
    if (!path || !is_good(path)) {
        reply_error(a, 422, "path",
                    "path is where the file goes in the folder, class/name: at most %d names, none "
                    "empty or with a dot before it",
                    UPLOAD_PARTS);
        return false;
    }
    if (!uploads_reserve(u, 0, http_header(r, "Content-Length"), p, a))
        return false;
    if (folder_of(u, folder))
        (void)mkdir(folder, 0777);
    p->file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (p->file >= 0)
        return true;
    p->file = 0;
    reply_error(a, 500, NULL, "%.200s cannot be written to: %s", folder, strerror(errno));
    return false;
}

/* The file gets its name, in place of one that is there. What was there counts no more. */
static bool place(uploads *u, int file, int folder, const char *name)
{
    static unsigned number;
    struct stat s;
    char from[64], aside[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", file);
    snprintf(aside, sizeof aside, ".upload-%ld-%u", (long)getpid(), number++);
    const bool is_there = fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && !S_ISREG(s.st_mode)) {
        errno = EEXIST;
        return false;
    }
    if (!is_there && linkat(AT_FDCWD, from, folder, name, AT_SYMLINK_FOLLOW) == 0)
        return true;
    if (linkat(AT_FDCWD, from, folder, aside, AT_SYMLINK_FOLLOW) != 0)
        return false;
    if (renameat(folder, aside, folder, name) != 0) {
        (void)unlinkat(folder, aside, 0);
        return false;
    }
    u->used -= is_there ? uploads_room(s.st_size) : 0;
    return true;
}

static void upload(server *s, const request *r, const char *const id[], answer *a)
{
    uploads *u = &s->uploads;
    const char *path = http_query(r, "path"), *name;
    const int64_t size = uploads_room((int64_t)r->size);
    reply p;
    const int folder = r->file ? open_folder(u, id[0], path, &name) : -1;
    const bool done = folder >= 0 && place(u, r->file, folder, name);
    const int error = errno;
    if (folder >= 0)
        close(folder);
    if (!done) {
        reply_error(a, error == ENOSPC ? 507 : 422, "path", "%.200s: %s", path, strerror(error));
        return;
    }
    u->used += size;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", id[0]);
        json_text(&p.j, "path", path);
        json_count(&p.j, "bytes", (int64_t)r->size);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 201);
}

const api api_uploads = {.route = {{"PUT", "/uploads/*", upload, takes}}};
