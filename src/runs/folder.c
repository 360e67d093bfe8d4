/*
 * The folder of a run: made, locked, read.
 *
 * The lock is that of flock: it belongs to the open file, and ends with the last process that has it open. So whoever
 * starts a trainer may take it first and hand the open file on, and no moment lies between.
 */
#define _DEFAULT_SOURCE /* flock */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runs/runs.h"

char *tn_run_path(const tn_run_folder *f, const char *name)
{
    return tn_format("%s/%s", f->path, name);
}

static tn_status make_folder(int at, const char *path, const char *name)
{
    if (mkdirat(at, name, 0777) == 0 || errno == EEXIST)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: the run's folder cannot be made: %s", path, strerror(errno));
}

static tn_status open_folder(tn_run_folder *f)
{
    static const char *const parts[] = {"checkpoints", "control", "events"};
    TN_TRY(make_folder(AT_FDCWD, f->path, f->path));
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0)
        return tn_fail(TN_ERR_IO, "%s: the run's folder cannot be opened: %s", f->path,
                       strerror(errno));
    for (size_t i = 0; i < TN_COUNT(parts); i++)
        TN_TRY(make_folder(f->dir, f->path, parts[i]));
    return TN_OK;
}

/* Held by the open file that was given: that of this folder, and no other. */
static tn_status adopt(tn_run_folder *f, int fd)
{
    struct stat given, own;
    if (fstat(fd, &given) != 0 || fstatat(f->dir, "lock", &own, 0) != 0 ||
        given.st_dev != own.st_dev || given.st_ino != own.st_ino)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the open file %d is not the run's lock", f->path, fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the lock given as the open file %d is another's: %s",
                       f->path, fd, strerror(errno));
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    f->lock = fd;
    return TN_OK;
}

/* Who looks whether the run is alive holds the lock for some microseconds: tried for a fifth of a second. 0, or an errno. */
static int lock_soon(int fd)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    for (int tries = 40;; tries--) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || tries == 0)
            return errno;
        nanosleep(&nap, NULL);
    }
}

static tn_status take_lock(tn_run_folder *f)
{
    f->lock = openat(f->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->lock < 0)
        return tn_fail(TN_ERR_IO, "%s/lock: cannot be opened: %s", f->path, strerror(errno));
    const int error = lock_soon(f->lock);
    if (error == 0)
        return TN_OK;
    if (error == EWOULDBLOCK)
        return tn_fail(TN_ERR_ARGUMENT, "%s: this run is alive: another process holds its lock",
                       f->path);
    const bool none = error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP;
    return tn_fail(TN_ERR_IO, "%s/lock: cannot be locked: %s%s", f->path, strerror(error),
                   none ? "; a run wants a file system with locks, such as a disk of the machine"
                        : "");
}

tn_status tn_run_folder_open(tn_run_folder *f, const char *path, int lock_fd)
{
    *f = (tn_run_folder){.dir = -1, .lock = -1};
    f->path = tn_copy_text(path);
    tn_status status = f->path ? open_folder(f) : tn_no_memory("run", strlen(path));
    if (status == TN_OK)
        status = lock_fd > 0 ? adopt(f, lock_fd) : take_lock(f);
    if (status != TN_OK)
        tn_run_folder_close(f);
    return status;
}

tn_status tn_run_folder_look(tn_run_folder *f, const char *path)
{
    *f = (tn_run_folder){.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock = -1};
    if (f->dir < 0)
        return tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    f->path = tn_copy_text(path);
    if (f->path)
        return TN_OK;
    tn_run_folder_close(f);
    return tn_no_memory("run", strlen(path));
}

void tn_run_folder_close(tn_run_folder *f)
{
    if (f->lock >= 0)
        close(f->lock);
    if (f->dir >= 0)
        close(f->dir);
    tn_free(f->path);
    *f = (tn_run_folder){.dir = -1, .lock = -1};
}

const char *tn_run_folder_holds(const tn_run_folder *f)
{
    static const char *const names[] = {"config.json", "log.jsonl"};
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (faccessat(f->dir, names[i], F_OK, 0) == 0)
            return names[i];
    return NULL;
}
