/*
 * Convolution as its formula has it, of any window, stride, dilation and padding, over images in blocks of L channels as vectors
 * have lanes; of groups too, if their channels and filters are whole blocks:
 *
 *     x: N x C/L x H x W x L      w: K/L x C/L x R x S x L (c) x L (k)      y: N x K/L x P x Q x L
 *
 * Each pass is the middle of vector/product.h, over some pixels of a row and two blocks of channels of its result, with one step
 * a tap and channel:
 *
 *     forward            y[p] = b + sum over taps t of W[t] x[p stride + t]
 *     backward, data     the same, of dy with W' for x: pixels of dx with the same remainder by the stride have the same taps
 *     backward, weights  dW[t] = sum over p of dy[p] x[p stride + t]'
 *
 * Work is cut into chunks of pixels that stay in L2 while blocks of W pass by: some rows of one image, or some small images. Where
 * there is padding a chunk's x (backward, data: dy) is first copied into a band with zeros around. Of 1 x 1 windows with stride 1 all
 * pixels of an image are one row, which is cut as others are.
 *
 * Backward weights: where W is small images are cut into parts, each with a dW of its own; where it is large each piece of work is a
 * range of filters over all images.
 *
 * y and dx are of the same bits for any number of threads, dw and db for the same number.
 */
#ifndef TN_CPU_DIRECT_H
#define TN_CPU_DIRECT_H

#include <stdbool.h>

#include "backends/cpu/blocks/plain.h"

enum { TN_DIRECT_WIDE = 2 /* blocks of results at a time */ };

/* One tap of a window: where its pixel is, from the pixel under the first, and its L x L weights. Floats. */
typedef struct tn_direct_tap {
    int64_t x, w;
} tn_direct_tap;

/* Pixels of a row in one or two blocks of channels, which lie `step` apart, blocks `block`. */
typedef struct tn_direct_row {
    int64_t pixels, channels; /* channels: that are summed over */
    int blocks;
    const float *x;
    int64_t x_step, x_block;
    const tn_direct_tap *tap;
    int64_t taps;
    const float *w;
    int64_t w_next, w_block; /* to the next block that is summed over, and of results */
    float *y;
    int64_t y_step, y_block;
    const float *bias, *more; /* more: added, laid out as results are; or NULL */
    bool holds;               /* results are held between */
    float low, high;
} tn_direct_row;

/* dw += of one tap, all channels of x and one or two blocks of filters, over rows of pixels. */
typedef struct tn_direct_sums {
    int64_t rows, pixels, blocks_of_x;
    int blocks;
    const float *x;
    int64_t x_step, x_row, x_block;
    const float *dy; /* rows follow each other */
    int64_t dy_block;
    float *dw;
    int64_t dw_next, dw_block; /* of x, and of dy */
} tn_direct_sums;

typedef struct tn_direct_code {
    const char *name;
    int lanes, rows; /* L; pixels at a time */
    void (*multiply)(const tn_direct_row *r);
    void (*add_sums)(const tn_direct_sums *s);
    /* db of one block += the sum of its pixels. */
    void (*add_bias)(const float *dy, int64_t pixels, float *db);
    /* L (c) x L (k) to L (k) x L (c). */
    void (*turn)(const float *from, float *to);
} tn_direct_code;

extern const tn_direct_code tn_direct_avx512, tn_direct_avx2, tn_direct_portable;

/* What is read: x, of which y is made, or dy, of which dx is. Pixels are {down, across}. */
typedef struct tn_direct_side {
    int64_t blocks;        /* of channels, of all groups */
    int64_t size[2], line; /* of an image; floats from one row to the next, */
    int64_t step[2];   /* and pixels from that under one result's first tap to that of the next */
    int64_t before[2]; /* that of the first result lies so far outside, */
    int64_t wide[2];   /* and so many pixels are its window's */
    bool padded; /* some windows reach beside the image: a chunk's pixels are copied into a band */
} tn_direct_side;

/* What is made, and how it is cut into chunks: so many images, or of one image so many rows. */
typedef struct tn_direct_cut {
    int64_t size[2]; /* rows, and pixels in each */
    int64_t last;    /* in the last one, which may be shorter */
    int64_t images, rows, per_image, chunks, ranges;
} tn_direct_cut;

typedef struct tn_direct {
    const tn_direct_code *code;
    char name[32];
    bool relu, holds;
    float low, high;
    int64_t images, groups;
    int64_t channels, filters;             /* of a group, */
    int64_t channel_blocks, filter_blocks; /* and blocks of those */
    int64_t in[2], out[2], kernel[2], stride[2], pad[2], dilation[2];
    int64_t taps;
    bool flat; /* 1 x 1, stride 1: rows are no matter */
    tn_direct_side x, dy;
    tn_direct_cut y, dx;
    int64_t parts, ranges; /* of images, and of pairs of blocks of filters, for dw */
    /* In scratch, bytes: */
    size_t bias, turned, dz, dw, db;
    size_t threads, each; /* the first thread's part; its bytes; */
    size_t tap, band;     /* in that */
    bool plain;           /* the device has no layouts in blocks: */
    tn_plain in_blocks;
} tn_direct;

/* Does this kernel do the node, with what is behind it? */
bool tn_direct_takes(const tn_node *n);
/* Fills *s but for code, relu and what holds, and what the binding says of scratch. */
void tn_direct_prepare(tn_direct *s, const tn_node *n, tn_binding *b, int threads);
tn_status tn_direct_forward(const tn_call *c);
tn_status tn_direct_backward(const tn_call *c);

/* ---- between the files of this folder ---- */

/* Images begin to end - 1, and of each rows first to first + rows - 1 of what is made. */
typedef struct tn_direct_chunk {
    int64_t begin, end, first, rows;
} tn_direct_chunk;
tn_direct_chunk tn_direct_chunk_at(const tn_direct_cut *cut, int64_t images, int64_t number);

/* Where the pixel under a chunk's first tap is; floats to the next block, result's row and image. */
typedef struct tn_direct_view {
    const float *data;
    int64_t block, row, image;
} tn_direct_view;
tn_direct_view tn_direct_view_of(const tn_direct *s, const tn_direct_side *side,
                                 const tn_direct_cut *cut, const float *from,
                                 const tn_direct_chunk *k, float *band);

/* Blocks of results in pairs that lie in one group, which has so many. */
typedef struct tn_direct_pair {
    int64_t group, block; /* block: of all groups' */
    int count;
} tn_direct_pair;
int64_t tn_direct_pairs(const tn_direct *s, int64_t blocks);
tn_direct_pair tn_direct_pair_at(int64_t blocks, int64_t number);

/* Where in a thread's taps or band, or in what all have. */
void *tn_direct_room(const tn_direct *s, const tn_call *c, int thread, size_t at);
float *tn_direct_scratch(const tn_call *c, size_t at);
/* The window's taps over x. */
void tn_direct_taps(const tn_direct *s, tn_direct_tap *tap);

#endif
