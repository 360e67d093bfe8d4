/*
 * What a decoder of image files offers to image.c. Coordinates here are those of the pixels as the
 * file stores them, before they are turned upright.
 */
#ifndef TN_CODEC_H
#define TN_CODEC_H

#include "data/image.h"

/* An image file in memory. */
typedef struct tn_encoded {
    const char *name; /* what errors begin with */
    const uint8_t *bytes;
    size_t size;
} tn_encoded;

/* What the header says. Begins as 0 x 0, upright. */
typedef struct tn_stored {
    int width, height;
    int orientation; /* 1 to 8, as EXIF has it */
} tn_stored;

/* Decoded pixels, owned by whoever gave them until its next call. */
typedef struct tn_pixels {
    const uint8_t *rgb;
    size_t stride; /* bytes from one row to the next */
    int width, height;
    tn_box box; /* what was asked for, in these pixels' coordinates */
} tn_pixels;

/* Of files that can be decoded in part; a decoder has one of its own. */
typedef struct tn_codec_parts {
    tn_status (*create)(void **self);
    void (*destroy)(void *self);
    /* Source and its bytes stay valid until close, which gives back what the image took. */
    tn_status (*open)(void *self, const tn_encoded *from, tn_stored *out);
    void (*close)(void *self);
    /* At least `box` and the margin that a triangle filter to width x height wants, at full size or
     * at a smaller one that is not below width x height. */
    tn_status (*read)(void *self, const tn_box *box, int width, int height, tn_pixels *out);
    /* Decodes what no read has decoded yet, for its errors only. What it says of a file does not
     * depend on the boxes that were read before. Pixels given out by read are lost. */
    tn_status (*judge)(void *self);
    /* Before any read: tn_decoder_remember(). */
    tn_status (*remember)(void *self, tn_jpeg_maps *maps, int64_t item);
} tn_codec_parts;

/* A kind of file. All of an image at once, unless it has `parts`. */
typedef struct tn_codec {
    bool (*knows)(const uint8_t *bytes, size_t size);
    const tn_codec_parts *parts;
    /* The header alone: takes no memory by its word. */
    tn_status (*open)(const tn_encoded *from, tn_stored *out);
    /* rgb: height x width x 3, as open has said, rows close together. */
    tn_status (*decode)(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb);
} tn_codec;

#ifdef TN_HAVE_JPEG
extern const tn_codec tn_codec_jpeg;
#endif
#ifdef TN_HAVE_PNG
extern const tn_codec tn_codec_png;
#endif
#ifdef TN_HAVE_GIF
extern const tn_codec tn_codec_gif;
#endif
#ifdef TN_HAVE_WEBP
extern const tn_codec tn_codec_webp;
#endif
extern const tn_codec tn_codec_pnm;
extern const tn_codec tn_codec_stb;   /* BMP; PNG and JPEG where the build lacks their libraries */
extern const tn_codec tn_codec_other; /* knows everything, names it and refuses: asked last */

#endif
