#define _DEFAULT_SOURCE /* flock, fdopendir, O_NOFOLLOW */

#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/args.h"
#include "run.h"

enum { DEEPEST = 64 };

/* ---- which ------------------------------------------------------------------------------------- */

/* "a/b/" is a/b: with the slash a link would be followed. */
static void set_path(removal *r, const char *path)
{
    snprintf(r->path, sizeof r->path, "%s", path);
    for (size_t n = strlen(r->path); n > 1 && r->path[n - 1] == '/'; n--)
        r->path[n - 1] = '\0';
    char *slash = strrchr(r->path, '/');
    r->name = slash ? slash + 1 : r->path;
    if (!slash)
        snprintf(r->parent, sizeof r->parent, ".");
    else
        snprintf(r->parent, sizeof r->parent, "%.*s", slash == r->path ? 1 : (int)(slash - r->path),
                 r->path);
    if (strcmp(r->name, ".") == 0 || strcmp(r->name, "..") == 0)
        args_fail("%s: the folder's own name is wanted", run_text(path));
}

/* 0 or the reason. Who looks whether a run lives holds its lock for a moment, too. */
static int lock_soon(int lock)
{
    const struct timespec nap = {.tv_nsec = 5 * 1000 * 1000};
    int error = EWOULDBLOCK;
    for (int i = 0; i < 20 && error == EWOULDBLOCK; i++) {
        error = flock(lock, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (error == EWOULDBLOCK)
            nanosleep(&nap, NULL);
    }
    return error;
}

static void take_lock(removal *r, const tn_run_info *info)
{
    r->lock = openat(r->folder, "lock", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (r->lock < 0)
        args_fail("%s/lock: %s", run_text(r->path), strerror(errno));
    const int error = lock_soon(r->lock);
    if (error == 0)
        return;
    if (error != EWOULDBLOCK)
        args_fail("%s/lock: %s", run_text(r->path), strerror(error));
    args_fail("%s is alive (%s, process %lld%s%s): stop it first", run_text(r->path),
              tn_runs_state_name(info->state), (long long)info->pid, info->host ? " on " : "",
              info->host ? run_text(info->host) : "");
}

/* WORKSPACE/trash, of a run in WORKSPACE/runs. */
static void set_trash(removal *r)
{
    const char *slash = strrchr(r->parent, '/');
    const char *last = slash ? slash + 1 : r->parent;
    if (strcmp(last, "runs") != 0)
        args_fail(
            "%s lies in no folder called runs, so there is no trash beside it: --delete deletes it",
            run_text(r->path));
    const int length = snprintf(r->trash, RUN_PATH, "%.*s%strash",
                                slash ? (int)(slash - r->parent) : 0, r->parent, slash ? "/" : "");
    if (length < 0 || length >= RUN_PATH)
        args_fail("%s: its path is too long", run_text(r->path));
}

void removal_begin(removal *r, const char *path, bool to_trash)
{
    tn_run_info *info = NULL;
    struct stat s;
    *r = (removal){.folder = -1, .lock = -1};
    set_path(r, path);
    if (lstat(r->path, &s) == 0 && S_ISLNK(s.st_mode))
        args_fail("%s is a link to a run, not one", run_text(r->path));
    if (tn_run_read(&info, r->path) != TN_OK)
        args_fail("%s", run_text(tn_error()));
    r->folder = open(r->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r->folder < 0)
        args_fail("%s: %s", run_text(r->path), strerror(errno));
    take_lock(r, info);
    if (info->elsewhere)
        args_fail("%s is %s: only that machine can tell whether it lives", run_text(r->path),
                  run_state_text(info));
    tn_run_info_close(info);
    if (to_trash)
        set_trash(r);
}

void removal_end(removal *r)
{
    if (r->lock >= 0)
        close(r->lock);
    if (r->folder >= 0)
        close(r->folder);
    r->lock = r->folder = -1;
}

/* ---- aside ------------------------------------------------------------------------------------- */

void removal_move(removal *r)
{
    char trash[RUN_PATH];
    struct stat s;
    memcpy(trash, r->trash, sizeof trash);
    if (mkdir(trash, 0777) != 0 && errno != EEXIST)
        run_fail("%s: %s", run_text(trash), strerror(errno));
    for (int i = 1;; i++) {
        char number[16] = "";
        if (i > 1)
            snprintf(number, sizeof number, ".%d", i);
        const int length = snprintf(r->trash, sizeof r->trash, "%s/%s%s", trash, r->name, number);
        if (length < 0 || length >= RUN_PATH)
            run_fail("%s: its path is too long", run_text(r->path));
        if (lstat(r->trash, &s) == 0)
            continue;
        if (errno != ENOENT || rename(r->path, r->trash) != 0)
            run_fail("%s cannot be moved to %s: %s", run_text(r->path), run_text(r->trash),
                     strerror(errno));
        return;
    }
}

/* ---- for good ---------------------------------------------------------------------------------- */

static void failed(const removal *r, const char *name)
{
    run_fail("%s: %s in it cannot be removed: %s", run_text(r->path), run_text(name),
             strerror(errno));
}

static void empty(const removal *r, int folder, dev_t device, int depth);

static void remove_one(const removal *r, int folder, dev_t device, const char *name, int depth)
{
    struct stat s;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
        failed(r, name);
    if (!S_ISDIR(s.st_mode)) {
        if (unlinkat(folder, name, 0) != 0)
            failed(r, name);
        return;
    }
    if (s.st_dev != device)
        run_fail("%s: %s in it is of another file system, which stays", run_text(r->path),
                 run_text(name));
    if (depth == DEEPEST)
        run_fail("%s: more than %d folders in each other", run_text(r->path), DEEPEST);
    const int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        failed(r, name);
    empty(r, inner, device, depth + 1);
    if (unlinkat(folder, name, AT_REMOVEDIR) != 0)
        failed(r, name);
}

/* Takes the descriptor. Of the run itself what makes it one stays for the end. */
static void empty(const removal *r, int folder, dev_t device, int depth)
{
    const struct dirent *e;
    DIR *d = fdopendir(folder);
    if (!d)
        failed(r, ".");
    while ((errno = 0, e = readdir(d))) {
        const char *name = e->d_name;
        const bool is_run =
            depth == 0 && (strcmp(name, "lock") == 0 || strcmp(name, "config.json") == 0 ||
                           strcmp(name, "state.json") == 0);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_run)
            remove_one(r, dirfd(d), device, name, depth);
    }
    if (errno != 0)
        failed(r, ".");
    closedir(d);
}

void removal_delete(removal *r)
{
    static const char *const last[] = {"state.json", "config.json", "lock"};
    struct stat s;
    const int copy = fcntl(r->folder, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 || fstat(copy, &s) != 0)
        failed(r, ".");
    empty(r, copy, s.st_dev, 0);
    for (int i = 0; i < 3; i++)
        if (unlinkat(r->folder, last[i], 0) != 0 && errno != ENOENT)
            failed(r, last[i]);
    if (rmdir(r->path) != 0)
        failed(r, ".");
}
