/*
 * Reading a log, and reading on. What was read stays; a line without its newline is left for the next time. The lines
 * that a resume took back are dropped when all new ones are in.
 */
#define _POSIX_C_SOURCE 200809L /* openat, fstatat */

#include "runs/series.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

/* ---- the file ---------------------------------------------------------------------------------- */

static void close_file(tn_series *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* Does the path name the file that is open? */
static bool same_file(const tn_series *s, int folder)
{
    struct stat open_one, named;
    return fstat(s->fd, &open_one) == 0 &&
           fstatat(folder, "log.jsonl", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* Opens it if it is not; one that is no longer what was read begins anew. */
static tn_status open_log(tn_series *s)
{
    int folder;
    TN_TRY(tn_runs_open_folder(&folder, AT_FDCWD, s->folder, s->folder));
    tn_status status = TN_OK;
    if (s->fd >= 0 && !same_file(s, folder)) {
        close_file(s);
        tn_series_empty(s);
    }
    if (s->fd < 0)
        status = tn_runs_open_file(&s->fd, folder, s->folder, "log.jsonl");
    close(folder);
    return status;
}

/* Was what lies behind us written over, or cut off? */
static tn_status check_before(tn_series *s, int64_t size)
{
    char now[TN_BEFORE_BYTES];
    size_t got = 0;
    if (size >= s->offset)
        TN_TRY(tn_runs_read_part(s->fd, now, s->before_bytes, s->offset - (int64_t)s->before_bytes,
                                 &got, s->folder));
    if (got < s->before_bytes || memcmp(now, s->before, got) != 0)
        tn_series_empty(s);
    return TN_OK;
}

/* ---- lines ------------------------------------------------------------------------------------- */

/* All whole lines of these bytes, which begin at s->offset; *used: how many bytes they are. */
static tn_status take_lines(tn_series *s, const char *text, size_t size, size_t *used)
{
    const char *begin = text, *end;
    while ((end = memchr(begin, '\n', size - (size_t)(begin - text)))) {
        if (!s->too_long)
            TN_TRY(tn_series_take(s, begin, (size_t)(end - begin), s->offset + (begin - text)));
        s->too_long = false;
        begin = end + 1;
    }
    *used = (size_t)(begin - text);
    return TN_OK;
}

static void passed(tn_series *s, const char *text, size_t used)
{
    const size_t keep = used < TN_BEFORE_BYTES ? used : TN_BEFORE_BYTES;
    memcpy(s->before, text + used - keep, keep);
    s->before_bytes = keep;
    s->offset += (int64_t)used;
}

/* Takes what lies from s->offset up to `size`, as much as the buffer holds at a time. *whole: the buffer held a whole
 * line, or the end. */
static tn_status take_through(tn_series *s, int64_t size, char *text, size_t room, bool *whole)
{
    while (s->offset < size) {
        const size_t left = (size_t)(size - s->offset);
        size_t got, used;
        TN_TRY(
            tn_runs_read_part(s->fd, text, left < room ? left : room, s->offset, &got, s->folder));
        TN_TRY(take_lines(s, text, got, &used));
        if (used == 0 && got == room && room == TN_RUN_LINE_MOST) {
            s->torn += !s->too_long;
            s->too_long = true;
            used = got;
        }
        if (used == 0) {
            *whole = got < room;
            return TN_OK;
        }
        passed(s, text, used);
    }
    *whole = true;
    return TN_OK;
}

/* A buffer no larger than what there is, until a line is longer than that. */
static tn_status read_on(tn_series *s, int64_t size)
{
    bool whole = false;
    for (size_t room = CHUNK; !whole; room = TN_RUN_LINE_MOST) {
        const size_t left = (size_t)(size - s->offset) + 1;
        const size_t bytes = left < room ? left : room;
        char *text = tn_alloc(bytes, 1);
        if (!text)
            return tn_no_memory("part of a log", bytes);
        const tn_status status = take_through(s, size, text, bytes, &whole);
        tn_free(text);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static tn_status update(tn_series *s, bool *changed)
{
    struct stat now;
    const int64_t before = s->offset;
    const tn_status status = open_log(s);
    if (status != TN_OK)
        return status == TN_END ? TN_OK : status;
    if (fstat(s->fd, &now) != 0)
        return tn_fail(TN_ERR_IO, "%s/log.jsonl: %s", s->folder, strerror(errno));
    TN_TRY(check_before(s, now.st_size));
    const int64_t begin = s->offset;
    TN_TRY(read_on(s, now.st_size));
    if (s->resumed)
        tn_series_drop(s);
    *changed = begin < before || s->offset != begin;
    return TN_OK;
}

tn_status tn_series_update(tn_series *s, bool *changed)
{
    TN_NEED(s, "series");
    bool more = false;
    const tn_status status = update(s, &more);
    if (status != TN_OK)
        tn_series_empty(s);
    else if (changed)
        *changed = more;
    return status;
}

tn_status tn_run_series(tn_series **out, const char *folder)
{
    TN_NEED(out, "out");
    TN_NEED(folder, "folder");
    tn_series *s = tn_alloc(1, sizeof *s);
    if (s)
        *s = (tn_series){.fd = -1, .folder = tn_copy_text(folder)};
    const tn_status status =
        s && s->folder ? tn_series_update(s, NULL) : tn_no_memory("series", sizeof *s);
    if (status != TN_OK)
        tn_series_close(s);
    else
        *out = s;
    return status;
}

void tn_series_close(tn_series *s)
{
    if (!s)
        return;
    close_file(s);
    tn_series_empty(s);
    tn_free(s->folder);
    tn_free(s);
}

/* ---- events ------------------------------------------------------------------------------------ */

int64_t tn_series_num_events(const tn_series *s)
{
    return s ? (int64_t)s->num_lines : 0;
}

int64_t tn_series_torn(const tn_series *s)
{
    return s ? s->torn : 0;
}

bool tn_series_event(const tn_series *s, int64_t index, tn_event *out)
{
    if (!out || index < 0 || index >= tn_series_num_events(s))
        return false;
    const tn_line *line = &s->line[index];
    *out = (tn_event){.kind = line->kind, .step = line->step, .time = line->time};
    return true;
}

static tn_status read_line(const tn_series *s, const tn_line *line, char *text, tn_fields **out)
{
    size_t got;
    TN_TRY(tn_runs_read_part(s->fd, text, line->bytes, line->offset, &got, s->folder));
    cJSON *object = got == line->bytes ? tn_json_object(text, got) : NULL;
    const tn_status status =
        object ? tn_fields_of(out, object, "log.jsonl")
               : tn_fail(TN_ERR_IO, "%s/log.jsonl: what was read at byte %lld is another line now",
                         s->folder, (long long)line->offset);
    cJSON_Delete(object);
    return status;
}

tn_status tn_series_fields(tn_series *s, int64_t index, tn_fields **out)
{
    TN_NEED(s, "series");
    TN_NEED(out, "out");
    if (index < 0 || index >= tn_series_num_events(s))
        return tn_fail(TN_ERR_ARGUMENT, "%s: there is no event %lld of %zu", s->folder,
                       (long long)index, s->num_lines);
    char *text = tn_alloc(s->line[index].bytes + 1, 1);
    if (!text)
        return tn_no_memory("line of a log", s->line[index].bytes);
    const tn_status status = read_line(s, &s->line[index], text, out);
    tn_free(text);
    return status;
}
