/*
 * One image file to RGB bytes of a given size.
 *
 *   open   reads the file and its header: width x height as a person sees it, that is, upright after
 *          the file's EXIF orientation
 *   read   decodes what a box of that upright image needs and scales it, antialiased
 *
 * Formats are told by content, never by name, and read by the library that keeps them best, where the
 * build has it:
 *
 *   JPEG        libjpeg-turbo, or else stb_image     PNG   libpng, or else stb_image
 *   GIF, WebP   giflib, libwebp, or else refused     BMP   stb_image    PBM, PGM, PPM   codec_pnm.c
 *
 * Of an animation the first frame is read and no other decoded. Files of other formats are refused by
 * the format's name. Grey and palette become RGB, CMYK becomes RGB, 16 bits become 8, and alpha is
 * dropped, not composited: as PIL.Image.convert("RGB") does, so that a network sees the same pixels
 * from both. (Grey of 16 bits is the exception: Pillow cuts it off at 255, which leaves white.)
 *
 * Damage. Checksums, where a format has them, are checked (PNG; of it through stb_image the CRCs
 * alone), and whatever a decoder complains of in a picture's data makes the file bad. JPEG, GIF, WebP,
 * BMP and PNM have no checksums: bytes that are wrong and yet make sense give wrong pixels that nobody
 * can tell from meant ones.
 */
#ifndef TN_IMAGE_H
#define TN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

/*
 * What a file may ask for, checked before anything is allocated for its pixels: a few bytes must not
 * make each thread of a loader reserve gigabytes. The pixels are Pillow's own limit for decompression
 * bombs. A megapixel may come from any number of bytes, more only where each byte stands for no more
 * than the densest PNG's does: 1032 bytes of 8 black or white pixels.
 *   So a thread takes at most three bytes a pixel, a decoder's own memory (that of a progressive JPEG 6
 *   bytes a pixel, of WebP 4) and the file; of that it keeps TN_IMAGE_KEPT_BYTES from one to the next.
 */
#define TN_IMAGE_MAX_BYTES ((size_t)512 << 20)
#define TN_IMAGE_MAX_PIXELS ((int64_t)178956970)
#define TN_IMAGE_FREE_PIXELS ((int64_t)1 << 20)
#define TN_IMAGE_MAX_DENSITY ((int64_t)1032 * 8)
#define TN_IMAGE_KEPT_BYTES ((size_t)64 << 20)

/* A decoder reads one image file after another, reusing its buffers. One thread at a time. */
typedef struct tn_decoder tn_decoder;

tn_status tn_decoder_create(tn_decoder **out);
void tn_decoder_destroy(tn_decoder *d); /* NULL is fine */

/*
 * Reads the whole file and its header. Regular files only: a FIFO, a socket, a device or a folder is
 * an error at once, never a hang.
 *   TN_ERR_IO: not there, not readable, not a regular file
 *   TN_ERR_FORMAT: empty, above the limits, no image, or a broken header
 */
tn_status tn_decoder_open(tn_decoder *d, const char *path, int *width, int *height);

/* The same from memory; `name` is what errors call it. The bytes are borrowed until the next open. */
tn_status tn_decoder_open_memory(tn_decoder *d, const char *name, const uint8_t *bytes, size_t size,
                                 int *width, int *height);

/* Of the image opened last, also where that failed once its bytes were there; NULL and 0 before any. */
typedef struct tn_file_facts {
    const uint8_t *bytes; /* the file, until the next open */
    size_t size;
    int orientation; /* 1 to 8; only of one that was opened */
} tn_file_facts;
tn_file_facts tn_decoder_facts(const tn_decoder *d);

/* A rectangle of the upright image in pixels; fractions are allowed. */
typedef struct tn_box {
    double x, y, width, height;
} tn_box;

/*
 * Decodes what the box needs and scales it to width x height, mirrored left to right if asked.
 * An image that is open may be read any number of times.
 * The result is within 1 of 255 of Pillow's Image.resize(BILINEAR, box=...). Only a box of a JPEG that
 * is shrunk to half or less differs more: the DCT's own scales come first and leave edges sharper. The
 * root mean square over 4260 photos scaled to 24, 64, 128 and 224 pixels was 3.8, 1.7, 0.5 and 0.1 of
 * 255 on average, and 13 at most, of a leopard's fur at 64. Where colour is stored coarser on one axis than the DCT's scale makes
 * up for (4:1:1, 4:4:1, 3 x 1), it is coarsened on the other way too: up to 28 for sharp, full colours at 1/6 of the size.
 *   rgb: height x width x 3 bytes, rows close together
 *   TN_ERR_FORMAT: the image's data are broken or end early; rgb is then undefined
 *   TN_ERR_ARGUMENT: the box is empty or not within the image, or a size is not positive
 */
tn_status tn_decoder_read(tn_decoder *d, const tn_box *box, bool mirror, int width, int height,
                          uint8_t *rgb);

/*
 * Judges all of the open image: what reads have left out is decoded too, for its errors alone. A read
 * decodes only what its box needs, so whether it sees damage can depend on the box; this verdict does
 * not, whatever was read before. After a read it costs what the rest of the file does: of a JPEG the
 * entropy decoding below the box (bench/README.md), of other formats nothing.
 *   TN_ERR_FORMAT: the image's data are broken or end early
 */
tn_status tn_decoder_judge(tn_decoder *d);

/*
 * For an image that is read again and again, each time another box of it: before its first read, `maps` is asked for where
 * things lie in this very file (jpeg_map.h), and told, if it knows nothing and has room. Reads then decode little more than
 * their boxes, to the same pixels; the judgement is made here, if the file is good. Of other formats than JPEG, and of JPEG
 * that no map can be made of, nothing happens.
 */
typedef struct tn_jpeg_maps tn_jpeg_maps;
tn_status tn_decoder_remember(tn_decoder *d, tn_jpeg_maps *maps, int64_t item);

/*
 * What evaluation looks at: the box that gives out_width x out_height once the short side of a
 * width x height image has been scaled to `resize` and the middle cut out. `resize` is not below
 * out_width and out_height, so that the box lies within the image.
 */
tn_box tn_fit_box(int width, int height, int resize, int out_width, int out_height);

#endif
