/* O_DIRECTORY, O_NOFOLLOW, openat, pread */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runs/read.h"

tn_status tn_runs_open_folder(int *out, int at, const char *name, const char *path)
{
    const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    *out = fd;
    return TN_OK;
}

/* O_NONBLOCK: opening a FIFO would wait for a writer. */
tn_status tn_runs_open_file(int *out, int folder, const char *path, const char *name)
{
    struct stat s;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return TN_END;
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s/%s: %s", path, name,
                       errno == ELOOP ? "is a link, and none are followed in a run"
                                      : strerror(errno));
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) {
        *out = fd;
        return TN_OK;
    }
    close(fd);
    return tn_fail(TN_ERR_FORMAT, "%s/%s: is not a regular file", path, name);
}

tn_status tn_runs_read_part(int fd, void *to, size_t bytes, int64_t offset, size_t *got,
                            const char *path)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n =
            pread(fd, (char *)to + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return TN_OK;
}

static tn_status read_all(char **out, size_t *size, int fd, const char *path, size_t most)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    if ((size_t)s.st_size > most)
        return tn_fail(TN_ERR_FORMAT, "%s: has %lld bytes, more than the %zu that such a file may",
                       path, (long long)s.st_size, most);
    char *text = tn_alloc((size_t)s.st_size + 1, 1);
    if (!text)
        return tn_no_memory(path, (size_t)s.st_size);
    const tn_status status = tn_runs_read_part(fd, text, (size_t)s.st_size, 0, size, path);
    if (status == TN_OK)
        *out = text;
    else
        tn_free(text);
    return status;
}

tn_status tn_runs_read_whole(char **out, size_t *size, int folder, const char *path,
                             const char *name, size_t most)
{
    int fd;
    TN_TRY(tn_runs_open_file(&fd, folder, path, name));
    char *whole = tn_format("%s/%s", path, name);
    const tn_status status = whole ? read_all(out, size, fd, whole, most)
                                   : tn_no_memory("path", strlen(path) + strlen(name));
    tn_free(whole);
    close(fd);
    return status;
}
