/*
 * What the markers of a JPEG file say that neither decoder asks for.
 */
#ifndef TN_JPEG_MARKERS_H
#define TN_JPEG_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tn_jpeg_markers {
    int orientation; /* EXIF's, 1 to 8; 1 (upright) where there is none or it is not valid */
    bool complete;   /* an end-of-image marker follows the first scan: the file was not cut off */
} tn_jpeg_markers;

bool tn_jpeg_is(const uint8_t *bytes, size_t size);

/* Bytes of any kind are fine: what is not there or makes no sense counts as absent. */
tn_jpeg_markers tn_jpeg_markers_read(const uint8_t *bytes, size_t size);

#endif
