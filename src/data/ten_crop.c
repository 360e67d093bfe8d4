/*
 * ten_crop: one of the crops of Krizhevsky and others 2012, section 4.1, in torchvision's order. The second five are crops of the
 * mirrored picture: its upper left is the upper right, mirrored. Halves are rounded to even, as torchvision's centre is and
 * tn_fit_box().
 */
#include <math.h>
#include <string.h>

#include <tenon/data.h>

#include "base/base.h"

static tn_status check(const tn_ten_crop_opts *o)
{
    if (o->which < 0 || o->which >= TN_TEN_CROPS)
        return tn_fail(TN_ERR_ARGUMENT, "ten crop: which %d is not from 0 to 9", o->which);
    if (o->channels < 1)
        return tn_fail(TN_ERR_ARGUMENT, "ten crop: channels %d is not above 0", o->channels);
    if (o->height < 1 || o->width < 1 || o->height > o->from_height || o->width > o->from_width)
        return tn_fail(TN_ERR_ARGUMENT, "ten crop: %d x %d pixels cannot be cut out of %d x %d",
                       o->height, o->width, o->from_height, o->from_width);
    return TN_OK;
}

/* The left edge of the crop in the picture as it is, and the upper one. */
static void place(const tn_ten_crop_opts *o, int *x, int *y)
{
    enum { CENTRE = 4, MIRRORED = 5 };
    const int across = o->from_width - o->width, down = o->from_height - o->height;
    const int corner = o->which % MIRRORED;
    *x = corner == CENTRE ? (int)rint(across / 2.0) : corner % 2 * across;
    *y = corner == CENTRE ? (int)rint(down / 2.0) : corner / 2 * down;
    if (o->which >= MIRRORED)
        *x = across - *x;
}

static void mirror_row(const uint8_t *from, int width, int channels, uint8_t *to)
{
    for (int i = 0; i < width; i++)
        for (int c = 0; c < channels; c++)
            to[i * channels + c] = from[(width - 1 - i) * channels + c];
}

tn_status tn_image_ten_crop(const uint8_t *pixels, const tn_ten_crop_opts *opts, uint8_t *crop)
{
    TN_NEED(pixels, "pixels");
    TN_NEED(opts, "opts");
    TN_NEED(crop, "crop");
    tn_ten_crop_opts o = *opts;
    TN_COMPLETE(o.channels, 3);
    TN_TRY(check(&o));
    int x, y;
    place(&o, &x, &y);
    const size_t c = (size_t)o.channels, bytes = (size_t)o.width * c;
    for (int row = 0; row < o.height; row++) {
        const uint8_t *from = pixels + ((size_t)(y + row) * (size_t)o.from_width + (size_t)x) * c;
        if (o.which < TN_TEN_CROPS / 2)
            memcpy(crop + (size_t)row * bytes, from, bytes);
        else
            mirror_row(from, o.width, o.channels, crop + (size_t)row * bytes);
    }
    return TN_OK;
}
