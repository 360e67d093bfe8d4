/*
 * What the markers of a JPEG file say that neither decoder asks for.
 */
#ifndef TN_JPEG_MARKERS_H
#define TN_JPEG_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tn_jpeg_markers {
    int orientation; /* 1 to 8; 1 (upright) where nothing is said */
    bool complete;   /* an end-of-image marker follows the first scan */
    const uint8_t
        *table; /* the first segment of quantization tables; NULL: none before the first scan */
    size_t table_size;
    size_t
        frame; /* where height and width stand, two bytes each; 0: nowhere before the first scan */
} tn_jpeg_markers;

bool tn_jpeg_is(const uint8_t *bytes, size_t size);

/* Bytes of any kind are fine: what is not there or makes no sense counts as absent. */
tn_jpeg_markers tn_jpeg_markers_read(const uint8_t *bytes, size_t size);

/* Whether all tables of codes, anywhere in the file, are as large as such tables can be at most: stb_image
 * writes outside of its own if they are not. */
bool tn_jpeg_tables_fit(const uint8_t *bytes, size_t size);

/*
 * Whether what follows the last of a picture's data is none of them: the end of the file, a marker,
 * or a trailer. What stands before an end of image or a restart, though, are data that no pixel took.
 */
bool tn_jpeg_is_trailer(const uint8_t *bytes, size_t size);

#endif
