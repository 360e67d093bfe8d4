/*
 * One row of a batch: from an item of a set to pixels.
 */
#ifndef TN_FILLER_H
#define TN_FILLER_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/resample.h"

/* What every thread shares. */
typedef struct tn_recipe {
    const tn_dataset *set;
    tn_dataset *held; /* the same, to be closed */
    tn_augment augment;
    uint64_t seed;
    tn_jpeg_maps *maps; /* NULL: none are kept */
} tn_recipe;

/* What a thread has of its own. Begins zeroed. */
typedef struct tn_filler {
    tn_decoder *decoder; /* of files; or */
    uint8_t *image;      /* of a packed set, as far as it was needed */
    tn_resampler resampler;
} tn_filler;

tn_status tn_filler_create(tn_filler *f, const tn_recipe *recipe);
void tn_filler_destroy(tn_filler *f);

/* The image of an item as it looks at this place of this epoch: height x width x 3 bytes. `whole`: an
 * error too if damage lies in a part of the file that this crop does not show. On an error the bytes are
 * undefined. */
tn_status tn_filler_fill(tn_filler *f, const tn_recipe *recipe, int64_t item, bool whole,
                         int64_t epoch, int64_t place, uint8_t *rgb);

#endif
