/*
 * What part of an image a network sees, and in what colours.
 */
#ifndef TN_AUGMENT_H
#define TN_AUGMENT_H

#include <tenon/data.h>

#include "data/image.h"

/* The loader's options, complete and checked. */
typedef struct tn_augment {
    tn_crop crop;
    int height, width, resize;
    double area[2], aspect[2];
    bool flip;
    double brightness, contrast, saturation, lighting, mixup;
} tn_augment;

/* A change of colour and its factor; 1 changes nothing. */
typedef enum tn_colour { TN_BRIGHTNESS, TN_CONTRAST, TN_SATURATION } tn_colour;
typedef struct tn_jitter {
    tn_colour colour;
    double factor;
} tn_jitter;

/* Everything that is chosen for one image. */
typedef struct tn_view {
    tn_box box; /* of the image, to be scaled to height x width */
    bool mirror;
    tn_jitter jitter[3]; /* in this order */
    int num_jitters;
    bool lit;
    float light[3]; /* added to red, green and blue */
} tn_view;

/* `side`: of a packed set's images, else 0. TN_ERR_ARGUMENT naming the option. */
tn_status tn_augment_complete(tn_augment *a, const tn_loader_opts *opts, int side);

/* For an image of width x height at a place in an epoch. */
tn_view tn_augment_choose(const tn_augment *a, uint64_t seed, int64_t epoch, int64_t place,
                          int width, int height);

/* Changes colours in place. rgb: pixels x 3. */
void tn_view_colour(const tn_view *v, uint8_t *rgb, size_t pixels);
void tn_jitter_apply(tn_jitter jitter, uint8_t *rgb, size_t pixels);

#endif
