/*
 * Image files made in memory, for tests of decoders and loaders.
 */
#ifndef TN_LAB_IMAGE_H
#define TN_LAB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lab_bytes {
    uint8_t *data;
    size_t size;
} lab_bytes;

/* Smooth shapes and a little grain in all three channels, no symmetry: width x height x 3. */
uint8_t *lab_photo(int width, int height);

typedef struct lab_jpeg_opts {
    int width, height;
    int quality;                          /* default 90 */
    int across, down;                     /* luma samples a chroma sample; default 1 */
    int chroma_across[2], chroma_down[2]; /* of Cb and Cr; default 1 */
    bool grey, cmyk;                      /* cmyk: Adobe's, 255 - ink, of the photo without black */
    bool plain_cmyk;                      /* the same, neither YCCK nor with Adobe's marker */
    bool progressive;
    bool separate;      /* baseline, each component in a scan of its own */
    int restart;        /* rows of blocks a restart interval; 0: none */
    int restart_blocks; /* the same in MCUs */
    bool optimise;      /* tables of codes of the file's own */
    int orientation;    /* EXIF; 0: no EXIF at all */
    bool big_endian;    /* of EXIF */
} lab_jpeg_opts;

/* The photo as JPEG. `data` is NULL if this build's encoder cannot do it: without libjpeg only plain
 * baseline files are made. */
lab_bytes lab_jpeg(const lab_jpeg_opts *opts);
/* Of pixels given, in place of the photo. */
lab_bytes lab_jpeg_of(const lab_jpeg_opts *opts, const uint8_t *rgb);

/* PNG of the photo with 1 to 4 channels (alpha: a ramp), and BMP of its three. */
lab_bytes lab_png(int width, int height, int channels);
lab_bytes lab_bmp(int width, int height);

/* All of a file. */
lab_bytes lab_read(const char *path);

/* All allocated with malloc(); fail_msg() stops the test when something does not work. */

#endif
