/*
 * The one scan of a baseline JPEG file, as its headers describe it: what is needed to walk over its data without decoding
 * them, and to write such data.
 */
#ifndef TN_JPEG_SCAN_H
#define TN_JPEG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jpeg_decompress_struct;

enum {
    TN_JPEG_LOOK = 10,       /* bits that are looked up at once */
    TN_JPEG_BLOCKS = 10,     /* of an MCU, at most */
    TN_JPEG_COMPONENTS = 4,  /* of a scan, at most */
    TN_JPEG_CATEGORIES = 15, /* of differences of DC that may be written */
    TN_JPEG_MAX_DC =
        8191 /* beyond what 8 bits a sample can mean; a difference then is of a category that there is */
};

/*
 * A table of codes, read by a step: what the next bits are, (bits to pass over) | (what they say) << 8, or 0 if they are no
 * code. Of DC the bits are the code's and what it says the category; of AC the bits of the number behind the code are
 * among them, and what they say is by how many coefficients to go on: 64 at the end of a block.
 */
typedef struct tn_jpeg_codes {
    uint16_t look[1 << TN_JPEG_LOOK]; /* by the next bits; 0: longer */
    uint16_t step[256];               /* by the place of a code among all */
    int32_t end[17];                  /* of each length: one more than its last code, */
    int32_t place[17];                /* and what to add to a code for its place */
} tn_jpeg_codes;

/* How differences of DC are written: a code a category. */
typedef struct tn_jpeg_writing {
    uint16_t code[TN_JPEG_CATEGORIES];
    uint8_t length[TN_JPEG_CATEGORIES];
    uint8_t bits[17],
        symbol[256]; /* the table with those codes that it lacked, as libjpeg keeps tables */
} tn_jpeg_writing;

typedef struct tn_jpeg_scan {
    size_t begin;                      /* of the data in the file */
    int width, height;                 /* of the image */
    int mcu_width, mcu_height;         /* pixels */
    int columns, rows;                 /* MCUs */
    int components, blocks;            /* of the scan, of an MCU */
    int restart_rows;                  /* rows of MCUs between two restarts; 0: none */
    uint8_t component[TN_JPEG_BLOCKS]; /* of each block, in the scan's order */
    uint8_t dc_of[TN_JPEG_COMPONENTS], ac_of[TN_JPEG_COMPONENTS]; /* of each component, the table */
    tn_jpeg_codes dc[4], ac[4];
    tn_jpeg_writing writing[4];
} tn_jpeg_scan;

/* Of a file whose header libjpeg has just read, from memory at `bytes`. Whether it is of the kind: baseline of 8 bits, all
 * components in one scan, restarts between rows of MCUs alone, tables that can be written with. */
bool tn_jpeg_scan_read(tn_jpeg_scan *scan, const struct jpeg_decompress_struct *jpeg,
                       const uint8_t *bytes);

/* Gives libjpeg, which has read the same header, the tables that are written with, and no restarts. */
void tn_jpeg_scan_give(const tn_jpeg_scan *scan, struct jpeg_decompress_struct *jpeg);

#endif
