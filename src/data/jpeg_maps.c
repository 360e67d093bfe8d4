#include "data/jpeg_maps.h"

#include <pthread.h>
#include <string.h>

#include "base/base.h"

struct tn_jpeg_maps {
    pthread_mutex_t lock;
    size_t limit, used;
    int64_t items, count;
    tn_jpeg_map *of[]; /* each item; NULL: none */
};

tn_status tn_jpeg_maps_create(tn_jpeg_maps **out, int64_t items, size_t limit)
{
    tn_jpeg_maps *m = NULL;
    const size_t room = limit < sizeof *m ? 0 : (limit - sizeof *m) / sizeof m->of[0];
    *out = NULL;
    if ((size_t)items > room)
        return TN_OK;
    const size_t bytes = sizeof *m + (size_t)items * sizeof m->of[0];
    m = tn_alloc(1, bytes);
    if (!m)
        return tn_no_memory("maps of JPEG files", bytes);
    const int error = pthread_mutex_init(&m->lock, NULL);
    if (error != 0) {
        tn_free(m);
        return tn_fail(TN_ERR_MEMORY, "maps of JPEG files: no lock: %s", strerror(error));
    }
    m->limit = limit;
    m->used = bytes;
    m->items = items;
    *out = m;
    return TN_OK;
}

void tn_jpeg_maps_destroy(tn_jpeg_maps *m)
{
    if (!m)
        return;
    for (int64_t i = 0; i < m->items; i++)
        tn_free(m->of[i]);
    pthread_mutex_destroy(&m->lock);
    tn_free(m);
}

tn_status tn_jpeg_own_map_room(tn_jpeg_own_map *own, size_t bytes)
{
    if (bytes <= own->room)
        return TN_OK;
    tn_free(own->map);
    own->room = 0;
    own->map = tn_alloc(1, bytes);
    if (!own->map)
        return tn_no_memory("a map of a JPEG file", bytes);
    own->room = bytes;
    return TN_OK;
}

static void drop(tn_jpeg_maps *m, int64_t item)
{
    m->used -= m->of[item]->bytes;
    m->count--;
    tn_free(m->of[item]);
    m->of[item] = NULL;
}

tn_status tn_jpeg_maps_find(tn_jpeg_maps *m, int64_t item, const tn_digest *file,
                            tn_jpeg_own_map *own, bool *found)
{
    tn_status status = TN_OK;
    *found = false;
    pthread_mutex_lock(&m->lock);
    const tn_jpeg_map *map = m->of[item];
    if (map && strcmp(map->file.text, file->text) != 0) {
        drop(m, item);
        map = NULL;
    }
    if (map)
        status = tn_jpeg_own_map_room(own, map->bytes);
    if (map && status == TN_OK) {
        memcpy(own->map, map, map->bytes);
        *found = true;
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}

bool tn_jpeg_maps_has_room(tn_jpeg_maps *m, size_t bytes)
{
    pthread_mutex_lock(&m->lock);
    const bool has = bytes <= m->limit - m->used;
    pthread_mutex_unlock(&m->lock);
    return has;
}

tn_status tn_jpeg_maps_keep(tn_jpeg_maps *m, int64_t item, const tn_jpeg_map *map)
{
    tn_jpeg_map *copy = tn_alloc(1, map->bytes);
    if (!copy)
        return tn_no_memory("a map of a JPEG file", map->bytes);
    memcpy(copy, map, map->bytes);
    pthread_mutex_lock(&m->lock);
    const bool kept = !m->of[item] && map->bytes <= m->limit - m->used;
    if (kept) {
        m->of[item] = copy;
        m->used += map->bytes;
        m->count++;
    }
    pthread_mutex_unlock(&m->lock);
    if (!kept)
        tn_free(copy);
    return TN_OK;
}

size_t tn_jpeg_maps_used(tn_jpeg_maps *m, int64_t *count)
{
    pthread_mutex_lock(&m->lock);
    const size_t used = m->used;
    *count = m->count;
    pthread_mutex_unlock(&m->lock);
    return used;
}
