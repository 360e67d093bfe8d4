/*
 * log.jsonl: a line an event, appended by one write(2), so that a reader never finds two lines in one another. What is
 * written in part is taken back; lines that there was no room for wait in memory and come first when there is some.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runs/runs.h"

enum { MOST_PENDING = 4 << 20 };

tn_status tn_run_lines_open(tn_run_lines *l, const tn_run_folder *f)
{
    *l = (tn_run_lines){.fd = -1};
    l->path = tn_run_path(f, "log.jsonl");
    if (!l->path)
        return tn_no_memory("log", strlen(f->path));
    l->fd = openat(f->dir, "log.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd >= 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", l->path, strerror(errno));
}

void tn_run_lines_close(tn_run_lines *l)
{
    if (l->fd >= 0)
        close(l->fd);
    tn_json_free(&l->line);
    tn_free(l->pending);
    tn_free(l->path);
    *l = (tn_run_lines){.fd = -1};
}

/* All or nothing. */
static bool append(tn_run_lines *l, const char *text, size_t bytes)
{
    struct stat before;
    const bool known = fstat(l->fd, &before) == 0;
    ssize_t done;
    do
        done = write(l->fd, text, bytes);
    while (done < 0 && errno == EINTR);
    if (done == (ssize_t)bytes) {
        l->failing = false;
        return true;
    }
    snprintf(l->why, sizeof l->why, "log.jsonl: %s", done < 0 ? strerror(errno) : "no room");
    l->failing = true;
    if (done > 0 && known && ftruncate(l->fd, before.st_size) != 0)
        snprintf(l->why, sizeof l->why, "log.jsonl: a part of a line cannot be taken back: %s",
                 strerror(errno));
    return false;
}

static void keep(tn_run_lines *l, const char *text, size_t bytes)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    while (l->pending_capacity - l->pending_bytes < bytes && l->pending_capacity < MOST_PENDING)
        if (tn_grow((void **)&l->pending, l->pending_capacity, &l->pending_capacity, 1, "log") !=
            TN_OK)
            break;
    tn_error_put_back(&kept);
    if (l->pending_capacity - l->pending_bytes < bytes) {
        l->lost++;
        return;
    }
    memcpy(l->pending + l->pending_bytes, text, bytes);
    l->pending_bytes += bytes;
}

static bool put_pending(tn_run_lines *l)
{
    if (l->pending_bytes && !append(l, l->pending, l->pending_bytes))
        return false;
    l->pending_bytes = 0;
    return true;
}

void tn_run_lines_put(tn_run_lines *l)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status status = tn_json_end(&l->line);
    tn_error_put_back(&kept);
    if (status != TN_OK)
        l->lost++;
    else if (!put_pending(l) || !append(l, l->line.text, l->line.length))
        keep(l, l->line.text, l->line.length);
}

void tn_run_lines_flush(tn_run_lines *l)
{
    (void)put_pending(l);
    (void)fdatasync(
        l->fd); /* a failure shows in what is written next, or in the checkpoint's own */
}

tn_status tn_run_lines_must(tn_run_lines *l)
{
    TN_TRY(tn_json_end(&l->line));
    if (put_pending(l) && append(l, l->line.text, l->line.length) && fdatasync(l->fd) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: a line cannot be written: %s", l->path,
                   l->failing ? l->why : strerror(errno));
}
