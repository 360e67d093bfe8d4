#include "thumbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stand.h"
#include "web/reply.h"

enum { SECONDS = 20 };

/* "ok WIDTH HEIGHT BYTES\n" and so many bytes, or "error WHY\n". */
static size_t head_of(const char *bytes, size_t size, size_t *picture)
{
    const char *end = memchr(bytes, '\n', size);
    *picture = 0;
    if (end && sscanf(bytes, "ok %*d %*d %zu\n", picture) == 1 && *picture > STAND_BYTES)
        return STAND_BYTES + 1;
    return end ? (size_t)(end - bytes) + 1 : 0;
}

static size_t whole(const char *bytes, size_t size)
{
    size_t picture;
    const size_t head = head_of(bytes, size, &picture);
    return head == 0 || (head + picture > size && head <= STAND_BYTES) ? 0 : head + picture;
}

static void tell(void *with, const child_said *said, answer *a)
{
    size_t picture;
    (void)with;
    if (said->status != 0) {
        reply_error(a, 500, NULL, "tenon-data: %s", said->error);
        return;
    }
    const size_t head = head_of(said->out, said->size, &picture);
    char *bytes = picture ? malloc(picture) : NULL;
    if (!bytes) {
        reply_error(a, 422, NULL, "%.*s", (int)head - 1, said->out);
        return;
    }
    memcpy(bytes, said->out + head, picture);
    reply_text(a, 200, bytes, picture);
    a->type = "image/jpeg";
}

void thumbs_give(const request *r, answer *a, const char *path, int side)
{
    char number[16];
    snprintf(number, sizeof number, "%d", side);
    const char *const words[] = {"tenon-data", "thumbs", "-", "--side", number, NULL};
    const stand_way way = {
        .words = words, .memory = (size_t)THUMBS_MEMORY << 30, .seconds = SECONDS, .whole = whole};
    stand_ask(r, a, &way, path, strlen(path) + 1, tell, NULL);
}
