/*
 * Convolution of each channel with one filter of its own, on images in blocks of L channels as vectors have lanes:
 *
 *     x: N x C/L x H x W x L      w: C/L x R x S x L      y: N x C/L x P x Q x L
 *
 * compiled once for each set of instructions. A row of y is made in tiles of some pixels side by side, whose sums stay in
 * registers while the window's rows pass by. What lies in the padding above and below is left out, beside the image it is a
 * pixel of zeros. The last tile of a row begins so that it ends with the row: pixels that two tiles have are made twice.
 *
 * A function of one value behind it is done with some rows while they are in L1; a sum, a relu and a clip in registers.
 *
 * Backward (backward.c) a thread has a block of channels of some images, and goes plane by plane: dw of it, then dx, so that dy is
 * read from memory once. Who has which images depends on the sizes alone, and parts of dw are added up in their order: the same
 * bits come out for any number of threads.
 */
#ifndef TN_CPU_DEPTHWISE_H
#define TN_CPU_DEPTHWISE_H

#include <stdbool.h>

#include "backends/cpu/blocks/plain.h"
#include "backends/cpu/elementwise/unary.h"

typedef struct tn_depthwise_code tn_depthwise_code;
typedef struct tn_depthwise_back tn_depthwise_back;

/* Pairs are vertical, horizontal. */
typedef struct tn_depthwise {
    const tn_depthwise_code *code;
    char name[40];
    int64_t channels, blocks, planes; /* planes: images x blocks of channels */
    int64_t in[2], out[2], kernel[2], stride[2], pad[2], dilation[2];
    const tn_depthwise_back *back;
    int64_t parts; /* into which the images are cut, backward */
    size_t dw, db, dz,
        each;     /* in scratch: of the first part dw and db, of the first thread dz; its bytes */
    int tile;     /* pixels, 7 or 8 */
    bool fetches; /* ahead: x and y do not stay in the caches */
    bool holds;   /* y is held between low and high */
    float low, high;
    tn_unary_loop *last; /* what is done then, with these; NULL: nothing */
    float k[3];
    bool plain; /* the device has no layouts in blocks: */
    tn_plain in_blocks;
} tn_depthwise;

struct tn_depthwise_code {
    const char *name;
    int lanes; /* L */
    /* Rows begin to end - 1 of a plane of y, to y; from the plane of x, the block's filters and bias, with `more` added,
     * which is laid out as they are. bias, more: or NULL. */
    void (*forward)(const tn_depthwise *s, const float *x, const float *w, const float *bias,
                    const float *more, int64_t begin, int64_t end, float *y);
};

/* Of one plane; what is added to begins as something. */
struct tn_depthwise_back {
    /* Rows begin to end - 1 of dx, to dx; from the plane of dy and the block's filters. */
    void (*data)(const tn_depthwise *s, const float *dy, const float *w, int64_t begin, int64_t end,
                 float *dx);
    /* Adds to dw and db of the block what the planes of x and dy give. */
    void (*weights)(const tn_depthwise *s, const float *x, const float *dy, float *dw);
    void (*bias)(const tn_depthwise *s, const float *dy, float *db);
};

extern const tn_depthwise_code tn_depthwise_avx512, tn_depthwise_avx2, tn_depthwise_portable;
extern const tn_depthwise_back tn_depthwise_back_avx512, tn_depthwise_back_avx2,
    tn_depthwise_back_portable;

/* Where backward has what in scratch; returns how many bytes that is. */
size_t tn_depthwise_prepare_back(tn_depthwise *s, int threads);
tn_status tn_depthwise_backward(const tn_call *c);

#endif
