/*
 * Small JPEG files of pictures: the longer side scaled to at most so many pixels, the other in proportion (rounded, at
 * least 1). Nothing is cut away and nothing enlarged.
 */
#include <math.h>

#include "data/dataset.h"
#include "data/image.h"
#include "data/jpeg_write.h"
#include "data/packed.h"
#include "data/resample.h"

enum { SIDE = 256, MAX_SIDE = 16384, QUALITY = 85 };

/* Where the pixels come from: a decoder with an image that is open, or all of a square picture. */
typedef struct origin {
    tn_decoder *decoder;
    const uint8_t *rgb;
    int width, height;
} origin;

static tn_status complete(const char *name, const tn_jpeg_opts *opts, tn_jpeg_opts *o)
{
    if (opts)
        *o = *opts;
    o->side = o->side ? o->side : SIDE;
    o->quality = o->quality ? o->quality : QUALITY;
    if (o->side < 1 || o->side > MAX_SIDE)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a JPEG of side %d, which is not from 1 to %d", name,
                       o->side, MAX_SIDE);
    if (o->quality < 1 || o->quality > 100)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a JPEG of quality %d, which is not from 1 to 100",
                       name, o->quality);
    return TN_OK;
}

static int scaled(int pixels, int longer, int side)
{
    const int out =
        longer <= side ? pixels : (int)floor((double)pixels * side / (double)longer + 0.5);
    return out < 1 ? 1 : out;
}

static tn_status scale(const origin *from, int width, int height, uint8_t *rgb)
{
    const tn_box all = {0, 0, from->width, from->height};
    if (from->decoder) {
        TN_TRY(tn_decoder_read(from->decoder, &all, false, width, height, rgb));
        return tn_decoder_judge(from->decoder);
    }
    tn_resampler resampler = {0};
    const tn_pixels pixels = {.rgb = from->rgb,
                              .stride = 3 * (size_t)from->width,
                              .width = from->width,
                              .height = from->height,
                              .box = all};
    const tn_status status = tn_resample(&resampler, &pixels, false, false, width, height, rgb);
    tn_resampler_free(&resampler);
    return status;
}

static tn_status shrink(const char *name, const origin *from, const tn_jpeg_opts *o, tn_jpeg *out)
{
    const int longer = from->width > from->height ? from->width : from->height;
    const int width = scaled(from->width, longer, o->side);
    const int height = scaled(from->height, longer, o->side);
    const size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *rgb = tn_alloc_aligned(bytes);
    if (!rgb)
        return tn_no_memory(name, bytes);
    tn_status status = scale(from, width, height, rgb);
    if (status == TN_OK)
        status = tn_jpeg_write(name, rgb, width, height, o->quality, out);
    tn_free(rgb);
    return status;
}

static tn_status of_file(const char *path, const tn_jpeg_opts *o, tn_jpeg *out)
{
    origin from = {0};
    TN_TRY(tn_decoder_create(&from.decoder));
    tn_status status = tn_decoder_open(from.decoder, path, &from.width, &from.height);
    if (status == TN_OK)
        status = shrink(path, &from, o, out);
    tn_decoder_destroy(from.decoder);
    return status;
}

static tn_status of_packed(const tn_packed *packed, const tn_item *item, const tn_jpeg_opts *o,
                           tn_jpeg *out)
{
    const int side = tn_packed_side(packed);
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    uint8_t *rgb = tn_alloc_aligned(bytes);
    if (!rgb)
        return tn_no_memory(item->path, bytes);
    tn_status status = tn_packed_image(packed, item->row, 0, side, rgb);
    if (status == TN_OK)
        status = shrink(item->path, &(origin){.rgb = rgb, .width = side, .height = side}, o, out);
    tn_free(rgb);
    return status;
}

tn_status tn_image_jpeg(const char *path, const tn_jpeg_opts *opts, tn_jpeg *out)
{
    TN_NEED(path, "path");
    TN_NEED(out, "out");
    tn_jpeg_opts o = {0};
    *out = (tn_jpeg){0};
    TN_TRY(complete(path, opts, &o));
    return of_file(path, &o, out);
}

tn_status tn_dataset_jpeg(const tn_dataset *set, int64_t item, const tn_jpeg_opts *opts,
                          tn_jpeg *out)
{
    TN_NEED(set, "set");
    TN_NEED(out, "out");
    tn_jpeg_opts o = {0};
    *out = (tn_jpeg){0};
    if (item < 0 || item >= tn_dataset_count(set))
        return tn_fail(TN_ERR_ARGUMENT, "jpeg: item %lld is not one of the set's %lld",
                       (long long)item, (long long)tn_dataset_count(set));
    const tn_item *i = &set->item[item];
    TN_TRY(complete(i->path, opts, &o));
    return set->packed ? of_packed(set->packed, i, &o, out) : of_file(i->path, &o, out);
}

void tn_jpeg_free(tn_jpeg *jpeg)
{
    if (!jpeg)
        return;
    tn_free(jpeg->bytes);
    *jpeg = (tn_jpeg){0};
}
