#include "data/jpeg_guide.h"

#ifdef TN_HAVE_JPEG

/* jpeglib.h wants stdio.h before it. */
/* clang-format off */
#include <stdio.h>
#include <jpeglib.h>
/* clang-format on */

#include "base/base.h"

void tn_jpeg_guide_free(tn_jpeg_guide *g)
{
    tn_free(g->own.map);
    tn_free(g->file);
    g->own = (tn_jpeg_own_map){0};
    g->file = NULL;
    g->room = 0;
}

static tn_status make_map(tn_jpeg_guide *g, const tn_encoded *from, const tn_digest *digest,
                          tn_jpeg_maps *maps, int64_t item)
{
    const size_t bytes = tn_jpeg_map_bytes(&g->scan);
    if (!tn_jpeg_maps_has_room(maps, bytes))
        return TN_OK;
    TN_TRY(tn_jpeg_own_map_room(&g->own, bytes));
    g->knows = tn_jpeg_map_make(g->own.map, &g->scan, from->bytes, from->size);
    g->own.map->file = *digest;
    return tn_jpeg_maps_keep(maps, item, g->own.map);
}

tn_status tn_jpeg_guide_open(tn_jpeg_guide *g, const struct jpeg_decompress_struct *jpeg,
                             const tn_encoded *from, size_t frame, tn_jpeg_maps *maps, int64_t item)
{
    g->knows = false;
    g->frame = frame;
    if (frame == 0 || !tn_jpeg_scan_read(&g->scan, jpeg, from->bytes))
        return TN_OK;
    const tn_digest digest = tn_digest_of(from->bytes, from->size);
    bool found;
    TN_TRY(tn_jpeg_maps_find(maps, item, &digest, &g->own, &found));
    if (!found)
        return make_map(g, from, &digest, maps, item);
    g->knows = g->own.map->rows > 0;
    return TN_OK;
}

tn_status tn_jpeg_guide_cut(tn_jpeg_guide *g, const tn_encoded *from, tn_jpeg_cut cut,
                            tn_encoded *out)
{
    const size_t bytes = tn_jpeg_cut_bytes(g->own.map, &g->scan, cut);
    if (bytes > g->room) {
        tn_free(g->file);
        g->room = 0;
        g->file = tn_alloc_aligned(bytes);
        if (!g->file)
            return tn_no_memory(from->name, bytes);
        g->room = bytes;
    }
    const size_t size =
        tn_jpeg_cut_out(g->own.map, &g->scan, from->bytes, from->size, g->frame, cut, g->file);
    *out = (tn_encoded){from->name, g->file, size};
    return TN_OK;
}

#endif
