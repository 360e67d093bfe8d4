#define _POSIX_C_SOURCE 200809L

#include "data/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

/* Ends the text with a 0 and steps over the mark that editors of Windows put before UTF-8. */
static void begin(tn_lines *l, size_t size)
{
    l->text[size] = 0;
    l->end = l->text + size;
    l->next = l->text + (size >= 3 && memcmp(l->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
}

static tn_status read_from(tn_lines *l, int file, const char *path)
{
    struct stat s;
    if (fstat(file, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return tn_fail(TN_ERR_IO, "%s: not a regular file", path);
    const size_t size = (size_t)s.st_size;
    l->text = tn_alloc(size + 1, 1);
    if (!l->text)
        return tn_no_memory(path, size + 1);
    size_t used = 0;
    while (used < size) {
        const ssize_t got = read(file, l->text + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tn_fail(TN_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            break;
        used += (size_t)got;
    }
    begin(l, used);
    return TN_OK;
}

tn_status tn_lines_read(tn_lines *l, const char *path)
{
    /* O_NONBLOCK: a FIFO is refused below, not waited for here. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    const tn_status status = read_from(l, file, path);
    close(file);
    return status;
}

tn_status tn_lines_copy(tn_lines *l, const char *path, const char *bytes, size_t size)
{
    l->text = tn_alloc(size + 1, 1);
    if (!l->text)
        return tn_no_memory(path, size + 1);
    if (size)
        memcpy(l->text, bytes, size);
    begin(l, size);
    return TN_OK;
}

tn_status tn_lines_next(tn_lines *l, const char *path, char **line)
{
    if (l->next >= l->end)
        return TN_END;
    l->number++;
    *line = l->next;
    char *stop = memchr(l->next, '\n', (size_t)(l->end - l->next));
    if (!stop)
        stop = l->end;
    l->next = stop + 1;
    *stop = 0;
    if (strlen(*line) != (size_t)(stop - *line))
        return tn_fail(TN_ERR_FORMAT,
                       "%s:%lld: a byte of 0: this is not a text file, or one in UTF-16", path,
                       (long long)l->number);
    if (stop > *line && stop[-1] == '\r')
        stop[-1] = 0;
    return TN_OK;
}

void tn_lines_free(tn_lines *l)
{
    tn_free(l->text);
    *l = (tn_lines){0};
}
