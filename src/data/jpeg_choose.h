/*
 * Which part of a JPEG file is decoded for a box, and at which of the DCT's scales.
 */
#ifndef TN_JPEG_CHOOSE_H
#define TN_JPEG_CHOOSE_H

#include "data/image.h"
#include "data/jpeg_map.h"

/* In pixels of the image scaled to 1 / denominator. */
typedef struct tn_jpeg_choice {
    int denominator;
    int left, columns, top, rows; /* to be decoded */
    tn_box box;                   /* what was asked for */
} tn_jpeg_choice;

/* Of an image of across x down pixels, for a box that becomes width x height. */
tn_jpeg_choice tn_jpeg_choose(int across, int down, const tn_box *box, int width, int height);

/* In pixels of the file: what the choice needs, and where chroma is upsampled across rows (`smooth`) more of these. May reach
 * beyond the image to the right and below. */
tn_jpeg_cut tn_jpeg_choice_cut(const tn_jpeg_choice *choice, bool smooth);

/* The same choice in the file of a cut. */
void tn_jpeg_choice_move(tn_jpeg_choice *choice, const tn_jpeg_cut *cut);

#endif
