/*
 * An arena: many small blocks that live and die together, as a plan's do. Nothing is freed alone.
 */
#ifndef TN_ARENA_H
#define TN_ARENA_H

#include <stddef.h>

/* Begins zeroed: tn_arena a = {0}. */
typedef struct tn_arena {
    struct tn_arena_chunk *chunk;
} tn_arena;

/* Zeroed memory for any type; NULL when there is none. */
void *tn_arena_alloc(tn_arena *a, size_t count, size_t size);
void tn_arena_free(tn_arena *a);

#endif
