#include "pixels.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

/* x' = a x + c y, y' = b x + d y, as 16.16 fixed point. */
bool turn_of(const int32_t *m, turn *to)
{
    const int32_t a = m[0], b = m[1], c = m[3], d = m[4];
    *to = (turn){.transpose = a == 0 && d == 0};
    to->flip_x = to->transpose ? c < 0 : a < 0;
    to->flip_y = to->transpose ? b < 0 : d < 0;
    return to->transpose ? b != 0 && c != 0 : b == 0 && c == 0 && a != 0 && d != 0;
}

static bool make_room(pixels *p, size_t bytes)
{
    uint8_t **const all[] = {&p->planes, &p->rgb, &p->upright};
    if (bytes <= p->room)
        return true;
    p->room = bytes;
    for (int i = 0; i < 3; i++) {
        free(*all[i]);
        *all[i] = malloc(bytes);
        p->room = *all[i] ? p->room : 0;
    }
    return p->room > 0;
}

/* One that fits this frame; as frames of a stream are alike, it is made once. */
static tn_status make_scaler(pixels *p, const AVFrame *f)
{
    if (p->scaler && p->width == f->width && p->height == f->height && p->format == f->format &&
        p->space == (int)f->colorspace && p->range == (int)f->color_range)
        return TN_OK;
    sws_freeContext(p->scaler);
    p->scaler = sws_getContext(f->width, f->height, f->format, f->width, f->height, AV_PIX_FMT_GBRP,
                               SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT |
                                   SWS_FULL_CHR_H_INP | SWS_BITEXACT,
                               NULL, NULL, NULL);
    if (!p->scaler)
        return tn_fail(TN_ERR_UNSUPPORTED, "pixels of %d x %d in %s cannot become RGB", f->width,
                       f->height, av_get_pix_fmt_name(f->format));
    p->width = f->width;
    p->height = f->height;
    p->format = f->format;
    p->space = (int)f->colorspace;
    p->range = (int)f->color_range;
    /* What it says of itself wins; the names of some formats say the range, too. */
    int *inverse, *table, full, to_full, brightness, contrast, saturation;
    if (sws_getColorspaceDetails(p->scaler, &inverse, &full, &table, &to_full, &brightness,
                                 &contrast, &saturation) >= 0) {
        full =
            f->color_range == AVCOL_RANGE_UNSPECIFIED ? full : f->color_range == AVCOL_RANGE_JPEG;
        const int space =
            f->colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : (int)f->colorspace;
        sws_setColorspaceDetails(p->scaler, sws_getCoefficients(space), full, table, to_full,
                                 brightness, contrast, saturation);
    }
    return TN_OK;
}

/* in: width x height. */
static void turn_rgb(const uint8_t *in, size_t stride, int width, int height, turn t, uint8_t *out)
{
    const int columns = t.transpose ? height : width, rows = t.transpose ? width : height;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const int ux = t.flip_x ? columns - 1 - x : x, uy = t.flip_y ? rows - 1 - y : y;
            const int ix = t.transpose ? uy : ux, iy = t.transpose ? ux : uy;
            memcpy(out + 3 * ((size_t)y * (size_t)columns + (size_t)x),
                   in + (size_t)iy * stride + 3 * (size_t)ix, 3);
        }
}

/*
 * By planes: libswscale's way to packed RGB (5.1) takes colours of every other row from the nearest row alone, off by up to a
 * fifth of what the rows differ, and is six times slower; to planes it interpolates, within a rounding of the formula.
 */
static tn_status make_rgb(pixels *p, const AVFrame *f, int across)
{
    const size_t plane = (size_t)across * (size_t)f->height;
    uint8_t *const to[4] = {p->planes, p->planes + plane, p->planes + 2 * plane};
    const int stride[4] = {across, across, across};
    const tn_status status = make_scaler(p, f);
    if (status != TN_OK)
        return status;
    if (sws_scale(p->scaler, (const uint8_t *const *)f->data, f->linesize, 0, f->height, to,
                  stride) != f->height)
        return tn_fail(TN_ERR_UNSUPPORTED, "a frame in %s did not become RGB",
                       av_get_pix_fmt_name(f->format));
    uint8_t *rgb = p->rgb;
    for (int y = 0; y < f->height; y++) {
        const uint8_t *g = to[0] + (size_t)y * (size_t)across;
        const uint8_t *b = g + plane, *r = b + plane;
        for (int x = 0; x < f->width; x++, rgb += 3) {
            rgb[0] = r[x];
            rgb[1] = g[x];
            rgb[2] = b[x];
        }
    }
    return TN_OK;
}

/* To p->fitted. */
static tn_status fit(pixels *p, const AVFrame *f, turn t, const tn_fit_opts *to)
{
    const int across = (f->width + 63) / 64 * 64;
    const size_t bytes = 3 * (size_t)across * (size_t)f->height;
    tn_image_pixels in = {f->data[0], f->width, f->height, (size_t)f->linesize[0]};
    if (!make_room(p, bytes))
        return tn_fail(TN_ERR_MEMORY, "no memory for %zu bytes of RGB", bytes);
    if (f->format != AV_PIX_FMT_RGB24 || f->linesize[0] < 0) {
        const tn_status status = make_rgb(p, f, across);
        if (status != TN_OK)
            return status;
        in.rgb = p->rgb;
        in.stride = 3 * (size_t)f->width;
    }
    if (t.transpose || t.flip_x || t.flip_y) {
        turn_rgb(in.rgb, in.stride, f->width, f->height, t, p->upright);
        in = (tn_image_pixels){p->upright, t.transpose ? f->height : f->width,
                               t.transpose ? f->width : f->height, 0};
    }
    return tn_image_fit(&in, to, p->fitted);
}

bool pixels_fit(pixels *p, const AVFrame *frame, turn t, const tn_picture *to, uint8_t *row)
{
    const size_t count = (size_t)to->fit.height * (size_t)to->fit.width;
    if (!p->fitted && !(p->fitted = malloc(3 * count))) {
        (void)tn_fail(TN_ERR_MEMORY, "no memory for %zu pixels", count);
        return false;
    }
    const tn_status status = frame->format == AV_PIX_FMT_CUDA
                                 ? nvdec_fit(p->nvdec, frame, &to->fit, p->fitted)
                                 : fit(p, frame, t, &to->fit);
    return status == TN_OK && tn_picture_pixels(to, p->fitted, (int64_t)count, row) == TN_OK;
}

void pixels_free(pixels *p)
{
    sws_freeContext(p->scaler);
    free(p->planes);
    free(p->rgb);
    free(p->upright);
    free(p->fitted);
}
