#define _POSIX_C_SOURCE 200809L

#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BODY = 4096 };

/* What cannot be written is told when all has come: until then there is nobody who hears. */
static bool keep_in_file(body *b, const char *data, size_t size)
{
    if (size > b->place.most - b->size)
        return false;
    b->size += size;
    while (size > 0 && !b->error) {
        const ssize_t done = write(b->place.file, data, size);
        if (done < 0 && errno != EINTR)
            b->error = errno;
        data += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

bool body_keep(body *b, const char *data, size_t size)
{
    if (b->place.file)
        return keep_in_file(b, data, size);
    if (size > b->place.most - b->size)
        return false;
    if (b->size + size + 1 > b->capacity) {
        const size_t capacity = 2 * (b->size + size) + FIRST_BODY;
        char *bytes = realloc(b->bytes, capacity);
        if (!bytes)
            return false;
        b->bytes = bytes;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, data, size);
    b->size += size;
    b->bytes[b->size] = '\0';
    return true;
}

void body_over(body *b)
{
    if (b->place.over)
        b->place.over(b->place.with, b->place.reserved);
    b->place.over = NULL;
}

void body_free(body *b)
{
    if (b->place.file)
        close(b->place.file);
    body_over(b);
    free(b->bytes);
}

answer body_too_large(void)
{
    static const char text[] = "{\"error\":{\"text\":\"that is too large\",\"field\":null}}";
    return (answer){
        .status = 413, .type = "application/json", .kept = text, .size = sizeof text - 1};
}

answer body_not_written(void)
{
    static const char text[] =
        "{\"error\":{\"text\":\"it cannot be written: the disk may be full\",\"field\":null}}";
    return (answer){
        .status = 507, .type = "application/json", .kept = text, .size = sizeof text - 1};
}
