#include "data/filler.h"

#include <string.h>

#include "data/packed.h"

tn_status tn_filler_create(tn_filler *f, const tn_recipe *recipe)
{
    *f = (tn_filler){0};
    if (!recipe->set->packed)
        return tn_decoder_create(&f->decoder);
    const size_t side = (size_t)tn_packed_side(recipe->set->packed), bytes = side * side * 3;
    f->image = tn_alloc_aligned(bytes);
    return f->image ? TN_OK : tn_no_memory("an image of a packed set", bytes);
}

void tn_filler_destroy(tn_filler *f)
{
    tn_decoder_destroy(f->decoder);
    tn_free(f->image);
    tn_resampler_free(&f->resampler);
}

/* Turns a row of pixels around. Four bytes at once, the fourth of which the next pixel puts right:
 * three times as fast as byte by byte. The first and the last pixel must not reach outside. */
static void reverse_row(uint8_t *to, const uint8_t *from, size_t width)
{
    const size_t last = 3 * (width - 1);
    memcpy(to, from + last, 3);
    for (size_t i = 3; i < last; i += 3)
        memcpy(to + i, from + last - i, 4);
    memcpy(to + last, from, 3);
}

/* A view that needs no scaling, as crops of packed sets usually do. */
static bool is_copy(const tn_view *v, int height, int width)
{
    const tn_box *b = &v->box;
    return b->width == (double)width && b->height == (double)height && b->x == (double)(int)b->x &&
           b->y == (double)(int)b->y;
}

static void copy(const tn_filler *f, const tn_view *v, int side, int height, int width,
                 uint8_t *rgb)
{
    const size_t bytes = (size_t)width * 3;
    for (int y = 0; y < height; y++) {
        const uint8_t *from =
            f->image + ((size_t)(v->box.y + y) * (size_t)side + (size_t)v->box.x) * 3;
        if (v->mirror)
            reverse_row(rgb + (size_t)y * bytes, from, (size_t)width);
        else
            memcpy(rgb + (size_t)y * bytes, from, bytes);
    }
}

static tn_status fill_packed(tn_filler *f, const tn_recipe *recipe, int64_t image, const tn_view *v,
                             uint8_t *rgb)
{
    const int height = recipe->augment.height, width = recipe->augment.width;
    const int side = tn_packed_side(recipe->set->packed);
    const bool copied = is_copy(v, height, width);
    int top = (int)v->box.y, bottom = top + height;
    if (!copied)
        tn_resample_range(v->box.y, v->box.height, height, side, &top, &bottom);
    TN_TRY(tn_packed_image(recipe->set->packed, image, top, bottom, f->image));
    if (!copied)
        return tn_resample(&f->resampler,
                           &(tn_pixels){.rgb = f->image,
                                        .stride = (size_t)side * 3,
                                        .width = side,
                                        .height = side,
                                        .box = v->box},
                           v->mirror, false, width, height, rgb);
    copy(f, v, side, height, width, rgb);
    return TN_OK;
}

tn_status tn_filler_fill(tn_filler *f, const tn_recipe *recipe, int64_t item, bool whole,
                         int64_t epoch, int64_t place, uint8_t *rgb)
{
    const tn_augment *a = &recipe->augment;
    const tn_item *from = &recipe->set->item[item];
    tn_packed *packed = recipe->set->packed;
    int width = packed ? tn_packed_side(packed) : 0, height = width;
    if (!packed)
        TN_TRY(tn_decoder_open(f->decoder, from->path, &width, &height));
    if (recipe->maps)
        TN_TRY(tn_decoder_remember(f->decoder, recipe->maps, item));
    const tn_view v = tn_augment_choose(a, recipe->seed, epoch, place, width, height);
    if (packed)
        TN_TRY(fill_packed(f, recipe, from->row, &v, rgb));
    else
        TN_TRY(tn_decoder_read(f->decoder, &v.box, v.mirror, a->width, a->height, rgb));
    if (!packed && whole)
        TN_TRY(tn_decoder_judge(f->decoder));
    tn_view_colour(&v, rgb, (size_t)a->width * (size_t)a->height);
    return TN_OK;
}
