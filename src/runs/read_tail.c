/* The last line of a log, without reading the rest. */
#define _POSIX_C_SOURCE 200809L /* fstat of what openat gave */

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runs/read.h"

enum { FIRST_TRY = 1 << 12 };

/* One line; false: it is none that tells of a step. */
static tn_status take(tn_log_tail *out, const char *line, size_t size, const char *path,
                      bool *taken)
{
    cJSON *object = tn_json_object(line, size);
    const cJSON *kind = object ? cJSON_GetObjectItemCaseSensitive(object, "e") : NULL;
    const cJSON *time = object ? cJSON_GetObjectItemCaseSensitive(object, "t") : NULL;
    const int64_t step =
        object ? tn_json_whole(cJSON_GetObjectItemCaseSensitive(object, "step")) : -1;
    tn_status status = TN_OK;
    if (cJSON_IsString(kind) && step >= 0) {
        *taken = true;
        out->step = step;
        out->time = cJSON_IsNumber(time) ? time->valuedouble : (double)NAN;
        if (strcmp(kind->valuestring, "end") == 0)
            status = tn_fields_of(&out->end, object, path);
    }
    cJSON_Delete(object);
    return status;
}

/* The last whole line of these bytes that can be read. `first`: they begin with the file. */
static tn_status take_last(tn_log_tail *out, const char *bytes, size_t size, bool first,
                           const char *path, bool *taken)
{
    while (size > 0 && bytes[size - 1] != '\n')
        size--;
    while (size > 0 && !*taken) {
        size_t begin = --size; /* without its newline */
        while (begin > 0 && bytes[begin - 1] != '\n')
            begin--;
        if (begin == 0 && !first)
            return TN_OK;
        TN_TRY(take(out, bytes + begin, size - begin, path, taken));
        size = begin;
    }
    return TN_OK;
}

static tn_status read_tail(tn_log_tail *out, int fd, const char *path)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s/log.jsonl: %s", path, strerror(errno));
    const size_t whole = (size_t)s.st_size;
    bool taken = false;
    for (size_t bytes = FIRST_TRY; !taken; bytes *= 16) {
        const size_t size = bytes < whole ? bytes : whole;
        size_t got;
        char *text = tn_alloc(size + 1, 1);
        if (!text)
            return tn_no_memory("end of a log", size);
        tn_status status = tn_runs_read_part(fd, text, size, (int64_t)(whole - size), &got, path);
        if (status == TN_OK)
            status = take_last(out, text, got, size == whole, path, &taken);
        tn_free(text);
        if (status != TN_OK || size == whole || bytes >= TN_RUN_LINE_MOST)
            return status;
    }
    return TN_OK;
}

tn_status tn_log_tail_read(tn_log_tail *out, int folder, const char *path)
{
    int fd;
    *out = (tn_log_tail){.step = -1, .time = (double)NAN};
    tn_status status = tn_runs_open_file(&fd, folder, path, "log.jsonl");
    if (status == TN_END)
        return TN_OK;
    if (status != TN_OK)
        return status;
    status = read_tail(out, fd, path);
    close(fd);
    return status;
}
