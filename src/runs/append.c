#define _POSIX_C_SOURCE 200809L

#include "runs/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PENDING = 4 << 20 };

tn_status tn_append_open(tn_append *a, int dir, const char *name, const char *path, bool only_new)
{
    *a = (tn_append){.fd = -1};
    a->path = tn_copy_text(path);
    if (!a->path)
        return tn_no_memory(name, strlen(path));
    const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (only_new ? O_EXCL : 0);
    a->fd = openat(dir, name, flags, 0666);
    if (a->fd >= 0)
        return TN_OK;
    const int error = errno;
    const tn_status status =
        error == EEXIST ? TN_END
                        : tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", path, strerror(error));
    tn_append_close(a);
    return status;
}

void tn_append_close(tn_append *a)
{
    if (a->fd >= 0)
        close(a->fd);
    tn_free(a->pending);
    tn_free(a->path);
    *a = (tn_append){.fd = -1};
}

/* All or nothing. */
static bool append(tn_append *a, const char *data, size_t bytes)
{
    struct stat before;
    const bool known = fstat(a->fd, &before) == 0;
    ssize_t done;
    do
        done = write(a->fd, data, bytes);
    while (done < 0 && errno == EINTR);
    a->failing = done != (ssize_t)bytes;
    if (!a->failing)
        return true;
    snprintf(a->why, sizeof a->why, "%s: %s", a->path, done < 0 ? strerror(errno) : "no room");
    if (done > 0 && known && ftruncate(a->fd, before.st_size) != 0)
        snprintf(a->why, sizeof a->why, "%s: what was written in part cannot be taken back: %s",
                 a->path, strerror(errno));
    return false;
}

void tn_append_later(tn_append *a, const void *data, size_t bytes)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = TN_OK;
    while (status == TN_OK && a->capacity - a->bytes < bytes && a->capacity < MOST_PENDING)
        status = tn_grow((void **)&a->pending, a->capacity, &a->capacity, 1, "lines that wait");
    tn_error_put_back(&kept);
    if (a->capacity - a->bytes < bytes) {
        a->lost++;
        return;
    }
    memcpy(a->pending + a->bytes, data, bytes);
    a->bytes += bytes;
}

static bool put_pending(tn_append *a)
{
    if (a->bytes && !append(a, a->pending, a->bytes))
        return false;
    a->bytes = 0;
    return true;
}

void tn_append_put(tn_append *a, const void *data, size_t bytes)
{
    if (!put_pending(a) || !append(a, data, bytes))
        tn_append_later(a, data, bytes);
}

/* What may not be on the disk may not be told of either. */
static bool sync_or_take_back(tn_append *a, off_t before)
{
    if (fdatasync(a->fd) == 0)
        return true;
    snprintf(a->why, sizeof a->why, "%s: cannot be flushed to the disk: %s", a->path,
             strerror(errno));
    a->failing = true;
    if (ftruncate(a->fd, before) != 0)
        snprintf(a->why, sizeof a->why,
                 "%s: a line that is not on the disk cannot be taken back: %s", a->path,
                 strerror(errno));
    return false;
}

tn_status tn_append_must(tn_append *a, const void *data, size_t bytes)
{
    struct stat before;
    if (put_pending(a) && fstat(a->fd, &before) == 0 && append(a, data, bytes) &&
        sync_or_take_back(a, before.st_size))
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%zu bytes cannot be appended: %s", bytes,
                   a->failing ? a->why : strerror(errno));
}

void tn_append_flush(tn_append *a)
{
    (void)put_pending(a);
}

void tn_append_sync(tn_append *a)
{
    tn_append_flush(a);
    (void)fdatasync(a->fd); /* a failure shows in what is written next */
}
