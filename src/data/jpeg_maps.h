/*
 * Maps of a set's JPEG files (jpeg_map.h), by item, as many as a limit of memory allows. What was kept first stays; a map
 * of a file that has changed makes room for that of the new one. Threads may use it at once.
 */
#ifndef TN_JPEG_MAPS_H
#define TN_JPEG_MAPS_H

#include "data/image.h"
#include "data/jpeg_map.h"

/* *out is NULL if not even the table of the items fits into `limit` bytes. */
tn_status tn_jpeg_maps_create(tn_jpeg_maps **out, int64_t items, size_t limit);
void tn_jpeg_maps_destroy(tn_jpeg_maps *maps); /* NULL is fine */

/* A map of a thread's own. Begins zeroed; `map` is to be freed. */
typedef struct tn_jpeg_own_map {
    tn_jpeg_map *map;
    size_t room;
} tn_jpeg_own_map;
tn_status tn_jpeg_own_map_room(tn_jpeg_own_map *own, size_t bytes);

/* Copies the item's map, if there is one of this very file; one of another is dropped. */
tn_status tn_jpeg_maps_find(tn_jpeg_maps *maps, int64_t item, const tn_digest *file,
                            tn_jpeg_own_map *own, bool *found);

/* Whether a map of so many bytes would be kept. */
bool tn_jpeg_maps_has_room(tn_jpeg_maps *maps, size_t bytes);

/* Keeps a copy, if there is room and none of the item yet. */
tn_status tn_jpeg_maps_keep(tn_jpeg_maps *maps, int64_t item, const tn_jpeg_map *map);

/* Bytes in use, at most the limit, and how many maps. */
size_t tn_jpeg_maps_used(tn_jpeg_maps *maps, int64_t *count);

#endif
