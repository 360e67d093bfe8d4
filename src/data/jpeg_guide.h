/*
 * What a decoder has to find its way in the JPEG file that is open: the map of it, and room for the small file that a
 * rectangle is decoded from.
 */
#ifndef TN_JPEG_GUIDE_H
#define TN_JPEG_GUIDE_H

#include "data/codec.h"
#include "data/jpeg_maps.h"

/* Begins zeroed. */
typedef struct tn_jpeg_guide {
    bool knows; /* a map of the open file, all of which is good */
    tn_jpeg_scan scan;
    tn_jpeg_own_map own;
    size_t frame;
    uint8_t *file;
    size_t room;
} tn_jpeg_guide;

void tn_jpeg_guide_free(tn_jpeg_guide *g);

/* Of a file whose header libjpeg has just read: its map out of `maps`, or one made now and kept there. None is made where
 * there is no room to keep it. `frame`: tn_jpeg_markers. */
tn_status tn_jpeg_guide_open(tn_jpeg_guide *g, const struct jpeg_decompress_struct *jpeg,
                             const tn_encoded *from, size_t frame, tn_jpeg_maps *maps,
                             int64_t item);

/* A file of the rounded cut, valid until the next one. */
tn_status tn_jpeg_guide_cut(tn_jpeg_guide *g, const tn_encoded *from, tn_jpeg_cut cut,
                            tn_encoded *out);

#endif
