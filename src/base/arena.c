#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/base.h"

enum { CHUNK_BYTES = 16 << 10 };

struct tn_arena_chunk {
    struct tn_arena_chunk *next;
    size_t used, bytes;
    alignas(max_align_t) unsigned char data[];
};

void *tn_arena_alloc(tn_arena *a, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - sizeof(struct tn_arena_chunk) - CHUNK_BYTES) / size)
        return NULL;
    const size_t unit = alignof(max_align_t);
    const size_t bytes = (count * size + unit - 1) / unit * unit;
    struct tn_arena_chunk *c = a->chunk;
    if (!c || c->bytes - c->used < bytes) {
        const size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        c = tn_alloc(1, sizeof *c + room);
        if (!c)
            return NULL;
        c->bytes = room;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = c->data + c->used;
    c->used += bytes;
    return p;
}

void tn_arena_free(tn_arena *a)
{
    while (a->chunk) {
        struct tn_arena_chunk *next = a->chunk->next;
        tn_free(a->chunk);
        a->chunk = next;
    }
}
