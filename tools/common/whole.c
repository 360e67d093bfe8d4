#define _XOPEN_SOURCE 700 /* open_memstream, mkstemp, fsync, link */

#include "whole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"

/* The path's folder, with its last slash. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash + 1 - path) : 0;
}

void whole_probe(const char *path, bool force)
{
    struct stat about;
    const bool there = lstat(path, &about) == 0;
    const int length = folder_length(path);
    char folder[4096]; /* in no memory of its own: the program may end here */
    snprintf(folder, sizeof folder, "%.*s", length ? length : 2, length ? path : "./");
    if (there && S_ISDIR(about.st_mode))
        args_fail("%s is a folder; a file's name is wanted", path);
    /* A name that is given to a device, a FIFO or a socket would be taken from it. */
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        args_fail("%s is no regular file; nothing is written in its place", path);
    if (there && !force)
        args_fail("%s is there already (--force writes it anew)", path);
    if (access(folder, W_OK | X_OK) != 0)
        args_fail("%s cannot be written: %s: %s", path, folder, strerror(errno));
}

void whole_begin(whole *w, const char *path, bool force)
{
    whole_probe(path, force);
    *w = (whole){.path = path, .force = force};
    w->to = open_memstream(&w->text, &w->size);
    if (!w->to)
        run_fail("%s: no memory to write it", path);
}

static bool write_all(int file, const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t put = write(file, text + done, size - done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return fsync(file) == 0;
}

/* The name, which nobody else may have taken meanwhile. */
static bool place(const whole *w, const char *aside)
{
    if (w->force)
        return rename(aside, w->path) == 0;
    if (link(aside, w->path) != 0) {
        if (errno == EEXIST)
            return false;
        return rename(aside, w->path) == 0; /* a file system without links */
    }
    unlink(aside);
    return true;
}

void whole_end(whole *w)
{
    if (fclose(w->to) != 0)
        run_fail("%s: no memory to write it", w->path);
    const size_t length = strlen(w->path) + sizeof ".XXXXXX";
    char *aside = malloc(length);
    if (!aside)
        run_fail("%s: no memory to write it", w->path);
    snprintf(aside, length, "%s.XXXXXX", w->path);
    const int file = mkstemp(aside);
    if (file < 0)
        run_fail("%s cannot be written: %s", w->path, strerror(errno));
    const mode_t mask = umask(0);
    umask(mask);
    bool ok = write_all(file, w->text, w->size) && fchmod(file, 0666 & ~mask) == 0;
    int error = errno;
    if (close(file) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && !place(w, aside)) {
        ok = false;
        error = errno;
    }
    if (!ok) {
        unlink(aside);
        run_fail("%s cannot be written: %s", w->path, strerror(error));
    }
    free(aside);
    free(w->text);
    *w = (whole){0};
}
