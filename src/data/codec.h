/*
 * What a decoder of image files offers to image.c. Coordinates here are those of the pixels as the
 * file stores them, before they are turned upright.
 */
#ifndef TN_CODEC_H
#define TN_CODEC_H

#include "data/image.h"

/* Decoded pixels, owned by the codec until its next call. */
typedef struct tn_pixels {
    const uint8_t *rgb;
    size_t stride; /* bytes from one row to the next */
    int width, height;
    tn_box box; /* what was asked for, in these pixels' coordinates */
} tn_pixels;

/* What the header says. Begins as 0 x 0, upright. */
typedef struct tn_stored {
    int width, height;
    int orientation; /* 1 to 8, as EXIF has it */
} tn_stored;

typedef struct tn_codec {
    bool (*knows)(const uint8_t *bytes, size_t size);
    tn_status (*create)(void **self);
    void (*destroy)(void *self);
    /* Reads the header only. Bytes and name stay valid until the next open. */
    tn_status (*open)(void *self, const char *name, const uint8_t *bytes, size_t size,
                      tn_stored *out);
    /* At least `box` and the margin that a triangle filter to width x height wants, at full size or
     * at a smaller one that is not below width x height. */
    tn_status (*read)(void *self, const tn_box *box, int width, int height, tn_pixels *out);
    /* Decodes what no read has decoded yet, for its errors only. What it says of a file does not
     * depend on the boxes that were read before. Pixels given out by read are lost. */
    tn_status (*judge)(void *self);
} tn_codec;

#ifdef TN_HAVE_JPEG
extern const tn_codec tn_codec_jpeg;
#endif
extern const tn_codec tn_codec_stb; /* knows everything: must be asked last */

#endif
