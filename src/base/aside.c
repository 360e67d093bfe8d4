#define _DEFAULT_SOURCE /* flock; POSIX 2008 */

#include "base/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/base.h"

/* NAME.tenon-<pid>-<n>.tmp; of a long NAME only so many bytes, so that it stays a name everywhere. */
enum { PREFIX_BYTES = 100, MAX_TRIES = 100, MAX_LINKS = 40 };

static tn_status fail_io(const char *path, const char *what)
{
    return tn_fail(TN_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* Bytes of `path` up to and with its last slash. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* ---- what stands at the path ------------------------------------------------------------------ */

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
                            : "no regular file";
}

/* Replaces *path, a link, by what it names. */
static tn_status follow(char **path, const char *given)
{
    char to[PATH_MAX];
    const ssize_t length = readlink(*path, to, sizeof to - 1);
    if (length < 0)
        return fail_io(given, "the link cannot be read");
    to[length] = '\0';
    const int folder = to[0] == '/' ? 0 : (int)folder_bytes(*path);
    char *next = tn_format("%.*s%s", folder, *path, to);
    if (!next)
        return tn_no_memory(given, (size_t)length);
    tn_free(*path);
    *path = next;
    return TN_OK;
}

/* Where the file is or will be, all links followed, and what is there now: *there is false if nothing is. */
static tn_status find_target(char **target, struct stat *now, bool *there, const char *given)
{
    *target = tn_copy_text(given);
    if (!*target)
        return tn_no_memory("path", strlen(given));
    for (int links = 0;; links++) {
        *there = lstat(*target, now) == 0;
        if (!*there && errno != ENOENT)
            return fail_io(given, "cannot be written");
        if (!*there || !S_ISLNK(now->st_mode))
            break;
        if (links == MAX_LINKS)
            return tn_fail(TN_ERR_IO, "%s: is a link, behind which are more than %d others", given,
                           MAX_LINKS);
        TN_TRY(follow(target, given));
    }
    if (*there && !S_ISREG(now->st_mode))
        return tn_fail(TN_ERR_IO, "%s: is %s, which is not replaced by a file", given,
                       kind_of(now->st_mode));
    if (*there && access(*target, W_OK) != 0)
        return fail_io(given, "may not be written");
    return TN_OK;
}

static tn_status name_folder(tn_aside *a)
{
    const size_t bytes = folder_bytes(a->target);
    a->folder = bytes ? tn_format("%.*s", (int)bytes, a->target) : tn_copy_text(".");
    return a->folder ? TN_OK : tn_no_memory("path", bytes);
}

/* ---- the file aside --------------------------------------------------------------------------- */

/* Who may read the old file may read the new one, and nobody else. Where the group cannot be kept, another
 * group gets no more than everybody. A file system without owners or modes keeps neither: that is no error,
 * for a file that replaces another is made for its owner alone. */
static void take_over(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 07777;
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode = (mode & 07707) | (mode & 0007) << 3;
    (void)!fchmod(fd, mode);
}

/* Its lock ends with the process, however that ends. Some file systems have no locks; nothing is removed there.
 * False: another process took the file for one left over before it was locked. */
static bool lock(int fd)
{
    struct stat s;
    (void)flock(fd, LOCK_EX | LOCK_NB);
    return fstat(fd, &s) != 0 || s.st_nlink > 0;
}

/* The next free name beside the target. */
static tn_status make_file(tn_aside *a, bool replaces)
{
    const int folder = (int)folder_bytes(a->target);
    for (int n = 0; n < MAX_TRIES; n++) {
        tn_free(a->path);
        a->path = tn_format("%.*s%.*s.tenon-%ld-%d.tmp", folder, a->target, (int)PREFIX_BYTES,
                            a->target + folder, (long)getpid(), n);
        if (!a->path)
            return tn_no_memory("path", strlen(a->target));
        a->fd = open(a->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? 0600 : 0666);
        if (a->fd >= 0 && lock(a->fd))
            return TN_OK;
        if (a->fd >= 0)
            close(a->fd); /* nothing was written */
        else if (errno != EEXIST && errno != EINTR)
            break;
        a->fd = -1;
    }
    const tn_status status = fail_io(a->given, "no file can be made in its folder");
    tn_free(a->path); /* not ours to remove */
    a->path = NULL;
    return status;
}

/* Is it called as what is written aside for this target? */
static bool is_aside(const char *name, const char *target)
{
    static const char begin[] = ".tenon-";
    const size_t own = strlen(target), prefix = own < PREFIX_BYTES ? own : PREFIX_BYTES;
    if (strncmp(name, target, prefix) != 0 || strncmp(name + prefix, begin, sizeof begin - 1) != 0)
        return false;
    const char *p = name + prefix + sizeof begin - 1;
    const size_t pid = strspn(p, "0123456789");
    if (pid == 0 || p[pid] != '-')
        return false;
    p += pid + 1;
    const size_t number = strspn(p, "0123456789");
    return number > 0 && strcmp(p + number, ".tmp") == 0;
}

/* Removes what killed processes have left of the same target. A folder that cannot be listed keeps it. */
static void clean(const tn_aside *a)
{
    const char *name = a->target + folder_bytes(a->target);
    DIR *d = opendir(a->folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (!is_aside(e->d_name, name))
            continue;
        const int fd = openat(dirfd(d), e->d_name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    if (d)
        closedir(d);
}

tn_status tn_aside_open(tn_aside *a, const char *path)
{
    *a = (tn_aside){.fd = -1};
    if (!path || !path[0])
        return tn_fail(TN_ERR_ARGUMENT, "no path is told of the file to be written");
    struct stat old;
    bool there = false;
    a->given = tn_copy_text(path);
    tn_status status =
        a->given ? find_target(&a->target, &old, &there, path) : tn_no_memory("path", strlen(path));
    if (status == TN_OK)
        status = name_folder(a);
    if (status == TN_OK)
        status = make_file(a, there);
    if (status != TN_OK) {
        tn_aside_discard(a);
        return status;
    }
    if (there)
        take_over(a->fd, &old);
    clean(a);
    return TN_OK;
}

/* ---- writing ---------------------------------------------------------------------------------- */

tn_status tn_aside_write_at(tn_aside *a, const void *data, size_t bytes, size_t at)
{
    const size_t most = (size_t)1 << 30; /* Linux writes at most 2 GiB in one call */
    for (const char *p = data; bytes > 0;) {
        const ssize_t done = pwrite(a->fd, p, bytes < most ? bytes : most, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return tn_fail(TN_ERR_IO, "%s: cannot write %zu bytes from byte %zu on: %s", a->given,
                           bytes, at, done ? strerror(errno) : "none was taken");
        p += done;
        at += (size_t)done;
        bytes -= (size_t)done;
    }
    a->bytes = at > a->bytes ? at : a->bytes;
    return TN_OK;
}

tn_status tn_aside_write(tn_aside *a, const void *data, size_t bytes)
{
    return tn_aside_write_at(a, data, bytes, a->bytes);
}

static int flush(int fd)
{
    int failed;
    do
        failed = fsync(fd);
    while (failed && errno == EINTR);
    return failed;
}

tn_status tn_aside_flush(tn_aside *a)
{
    if (flush(a->fd) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: its %zu bytes cannot be flushed to the disk: %s", a->given,
                   a->bytes, strerror(errno));
}

/* Some folders may be written but not listed (EACCES), some file systems cannot flush one (EINVAL): only a
 * power cut would tell the difference. */
tn_status tn_aside_flush_folder(const tn_aside *a)
{
    const int fd = open(a->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tn_status status = TN_OK;
    if (fd >= 0 ? flush(fd) != 0 && errno != EINVAL : errno != EACCES && errno != EPERM)
        status = fail_io(a->given, "its folder cannot be flushed to the disk");
    if (fd >= 0)
        close(fd);
    return status;
}

/* Closed, and so no longer locked, only once it has its name. */
tn_status tn_aside_place(tn_aside *a)
{
    TN_TRY(tn_aside_flush(a));
    if (rename(a->path, a->target) != 0)
        return fail_io(a->given, "the file written aside cannot be put in place");
    tn_free(a->path);
    a->path = NULL;
    close(a->fd); /* all of it is on the disk: nothing can be lost */
    return tn_aside_flush_folder(a);
}

void tn_aside_discard(tn_aside *a)
{
    if (a->path)
        unlink(a->path);
    if (a->path && a->fd >= 0)
        close(a->fd);
    tn_free(a->path);
    tn_free(a->folder);
    tn_free(a->target);
    tn_free(a->given);
    *a = (tn_aside){.fd = -1};
}

tn_status tn_aside_probe(const char *path, size_t bytes)
{
    tn_aside a;
    struct statvfs disk;
    TN_TRY(tn_aside_open(&a, path));
    tn_status status = TN_OK;
    /* A file system that tells of no blocks does not know. */
    if (fstatvfs(a.fd, &disk) == 0 && disk.f_blocks > 0 &&
        (double)disk.f_bavail * (double)disk.f_frsize < (double)bytes)
        status = tn_fail(TN_ERR_IO, "%s: wants %zu bytes, and %.0f are free on its file system",
                         path, bytes, (double)disk.f_bavail * (double)disk.f_frsize);
    tn_aside_discard(&a);
    return status;
}
