#include "data/jpeg_choose.h"

#include "data/resample.h"

/*
 * Sides of what is decoded are sides of an image to libjpeg, so that upsampled chroma differs in the outermost columns
 * (libjpeg.txt, "Partial image decompression") and rows: some more are decoded. NARROWEST: of a component that is left with
 * one column none is upsampled smoothly.
 */
enum { MARGIN = 2, ROWS = 1, NARROWEST = 16 };

tn_jpeg_choice tn_jpeg_choose(int across, int down, const tn_box *box, int width, int height)
{
    int d = 8;
    while (d > 1 && (box->width < (double)d * width || box->height < (double)d * height))
        d /= 2;
    const int full_width = (across + d - 1) / d, full_height = (down + d - 1) / d;
    const tn_box scaled = {box->x / d, box->y / d, box->width / d, box->height / d};
    int left, right, top, bottom;
    tn_resample_range(scaled.x, scaled.width, width, full_width, &left, &right);
    tn_resample_range(scaled.y, scaled.height, height, full_height, &top, &bottom);
    left = left > MARGIN ? left - MARGIN : 0;
    right = right < full_width - MARGIN ? right + MARGIN : full_width;
    if (right - left < NARROWEST) {
        left = left < full_width - NARROWEST ? left : full_width - NARROWEST;
        left = left > 0 ? left : 0;
        right = full_width - left < NARROWEST ? full_width : left + NARROWEST;
    }
    return (tn_jpeg_choice){.denominator = d,
                            .left = left,
                            .columns = right - left,
                            .top = top,
                            .rows = bottom - top,
                            .box = scaled};
}

tn_jpeg_cut tn_jpeg_choice_cut(const tn_jpeg_choice *c, bool smooth)
{
    const int d = c->denominator, more = smooth ? ROWS : 0;
    const int top = c->top > more ? c->top - more : 0;
    return (tn_jpeg_cut){c->left * d, top * d, (c->left + c->columns) * d,
                         (c->top + c->rows + more) * d};
}

void tn_jpeg_choice_move(tn_jpeg_choice *c, const tn_jpeg_cut *cut)
{
    const int left = cut->left / c->denominator, top = cut->top / c->denominator;
    c->left -= left;
    c->top -= top;
    c->box.x -= left;
    c->box.y -= top;
}
