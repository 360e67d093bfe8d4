/*
 * One image file to RGB bytes of a given size.
 *
 *   open   reads the file and its header: width x height as a person sees it, that is, upright after
 *          the file's EXIF orientation
 *   read   decodes what a box of that upright image needs and scales it, antialiased
 *
 * Formats are told by content, never by name: JPEG by libjpeg-turbo where the build has it,
 * everything else (PNG, BMP, GIF's first frame, TGA, PSD, PNM, HDR) by stb_image. Grey and palette
 * become RGB, CMYK becomes RGB, 16 bits become 8, and alpha is dropped, not composited: as
 * PIL.Image.convert("RGB") does, so that a network sees the same pixels from both.
 */
#ifndef TN_IMAGE_H
#define TN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

/* What a header may ask for, checked before anything is allocated: a few hundred bytes must not make
 * a loader reserve gigabytes. The pixels are Pillow's own limit for decompression bombs. */
#define TN_IMAGE_MAX_BYTES ((size_t)512 << 20)
#define TN_IMAGE_MAX_PIXELS ((int64_t)178956970)

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

/* A rectangle of the upright image in pixels; fractions are allowed. */
typedef struct tn_box {
    double x, y, width, height;
} tn_box;

/*
 * Decodes what the box needs and scales it to width x height, mirrored left to right if asked.
 * An image that is open may be read any number of times.
 * The result is within 1 of 255 of Pillow's Image.resize(BILINEAR, box=...). Only a box of a JPEG that
 * is shrunk to half or less differs more: the DCT's own scales come first and leave edges sharper, by
 * up to 6 of 255, root mean square, on photos.
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
 * What evaluation looks at: the box that gives out_width x out_height once the short side of a
 * width x height image has been scaled to `resize` and the middle cut out. `resize` is not below
 * out_width and out_height, so that the box lies within the image.
 */
tn_box tn_fit_box(int width, int height, int resize, int out_width, int out_height);

#endif
