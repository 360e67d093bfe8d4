/*
 * tn_image_load(): one file as evaluation and deployment see it, the same pixels as a loader's with
 * TN_CROP_CENTRE. Scaling the short side and then cutting out the middle is one box of the original:
 *
 *   scaled = resize on the short side, the long side in proportion, rounded down
 *   box    = out in the middle of scaled, at a whole pixel, carried back to the original
 *
 * which is torchvision's Resize(resize), CenterCrop(out), to the pixel. So the middle of an image
 * that is `resize` high already is a copy, never a shift by half a pixel. tn_image_fit() is the same of pixels without a file.
 */
#include <math.h>

#include <tenon/source.h>

#include "backends/surface.h"
#include "base/base.h"
#include "data/augment.h"
#include "data/image.h"
#include "data/resample.h"

tn_box tn_fit_box(int width, int height, int resize, int out_width, int out_height)
{
    const int shorter = width < height ? width : height;
    const double scaled_width = floor((double)resize * width / shorter);
    const double scaled_height = floor((double)resize * height / shorter);
    const double across = width / scaled_width, down = height / scaled_height;
    /* rint rounds halves to even, as Python's round does. */
    const double x = rint((scaled_width - out_width) / 2),
                 y = rint((scaled_height - out_height) / 2);
    /* Rounding must not carry the far edge out of the image. */
    return (tn_box){x * across, y * down, fmin(out_width * across, width - x * across),
                    fmin(out_height * down, height - y * down)};
}

/* An image file on the disk, or, if `bytes` is not NULL, in memory. */
typedef struct file {
    const char *path;
    const void *bytes;
    size_t size;
} file;

static tn_status open_file(tn_decoder *d, const file *f, int *width, int *height)
{
    return f->bytes ? tn_decoder_open_memory(d, f->path, f->bytes, f->size, width, height)
                    : tn_decoder_open(d, f->path, width, height);
}

static tn_status check_fit(const char *what, const char *name, const tn_fit_opts *opts, int *resize)
{
    const int larger = opts->height > opts->width ? opts->height : opts->width;
    *resize = opts->resize ? opts->resize : larger;
    if (opts->height >= 1 && opts->width >= 1 && *resize >= larger)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "image %s%s: %d x %d pixels, short side scaled to %d: sizes must be positive, "
                   "and the short side not below them",
                   what, name, opts->width, opts->height, *resize);
}

static tn_status fit(const file *f, const tn_fit_opts *opts, uint8_t *rgb)
{
    tn_decoder *d;
    int width, height, resize;
    TN_TRY(check_fit("load ", f->path, opts, &resize));
    TN_TRY(tn_decoder_create(&d));
    tn_status status = open_file(d, f, &width, &height);
    if (status == TN_OK) {
        const tn_box box = tn_fit_box(width, height, resize, opts->width, opts->height);
        status = tn_decoder_read(d, &box, false, opts->width, opts->height, rgb);
    }
    if (status == TN_OK)
        status = tn_decoder_judge(d);
    tn_decoder_destroy(d);
    return status;
}

tn_status tn_image_load(const char *path, const tn_fit_opts *opts, uint8_t *rgb)
{
    TN_NEED(path, "path");
    TN_NEED(opts, "opts");
    TN_NEED(rgb, "rgb");
    return fit(&(file){.path = path}, opts, rgb);
}

tn_status tn_image_decode(const char *name, const void *bytes, size_t size, const tn_fit_opts *opts,
                          uint8_t *rgb)
{
    TN_NEED(name, "name");
    TN_NEED(bytes, "bytes");
    TN_NEED(opts, "opts");
    TN_NEED(rgb, "rgb");
    return fit(&(file){name, bytes, size}, opts, rgb);
}

tn_status tn_image_fit(const tn_image_pixels *pixels, const tn_fit_opts *opts, uint8_t *rgb)
{
    TN_NEED(pixels, "pixels");
    TN_NEED(pixels->rgb, "pixels->rgb");
    TN_NEED(opts, "opts");
    TN_NEED(rgb, "rgb");
    int resize;
    TN_TRY(check_fit("fit", "", opts, &resize));
    tn_pixels in = {pixels->rgb, pixels->stride, pixels->width, pixels->height, {0}};
    if (in.width < 1 || in.height < 1 || (int64_t)in.width * in.height > TN_IMAGE_MAX_PIXELS)
        return tn_fail(TN_ERR_ARGUMENT, "image fit: of %d x %d pixels, which are not 1 to %lld",
                       in.width, in.height, (long long)TN_IMAGE_MAX_PIXELS);
    in.stride = in.stride ? in.stride : 3 * (size_t)in.width;
    if (in.stride < 3 * (size_t)in.width)
        return tn_fail(TN_ERR_ARGUMENT,
                       "image fit: rows of %d x 3 bytes, but %zu from one to the next", in.width,
                       in.stride);
    in.box = tn_fit_box(in.width, in.height, resize, opts->width, opts->height);
    tn_resampler r = {0};
    const tn_status status = tn_resample(&r, &in, false, false, opts->width, opts->height, rgb);
    tn_resampler_free(&r);
    return status;
}

/* What decoders give is not checked any further: their addresses are of another memory. */
static tn_status complete(tn_image_surface *s)
{
    const size_t row = (size_t)s->width * (s->wide ? 2 : 1);
    if (s->width < 1 || s->height < 1 || (int64_t)s->width * s->height > TN_IMAGE_MAX_PIXELS)
        return tn_fail(TN_ERR_ARGUMENT, "surface: of %d x %d pixels, which are not 1 to %lld",
                       s->width, s->height, (long long)TN_IMAGE_MAX_PIXELS);
    if (s->luma_stride < row || s->chroma_stride < row + row % (s->wide ? 4 : 2))
        return tn_fail(TN_ERR_ARGUMENT,
                       "surface: rows of %d samples, but %zu and %zu bytes from one to the next",
                       s->width, s->luma_stride, s->chroma_stride);
    if (s->red == 0 && s->blue == 0) {
        s->red = 0.299F;
        s->blue = 0.114F;
    }
    if (!(s->red > 0) || !(s->blue > 0) || !(s->red + s->blue < 1))
        return tn_fail(TN_ERR_ARGUMENT,
                       "surface: luma of %g red and %g blue leaves nothing of green",
                       (double)s->red, (double)s->blue);
    return TN_OK;
}

tn_status tn_image_fit_surface(tn_device *device, const tn_image_surface *surface,
                               const tn_fit_opts *opts, uint8_t *rgb)
{
    TN_NEED(device, "device");
    TN_NEED(surface, "surface");
    TN_NEED(surface->luma, "surface->luma");
    TN_NEED(surface->chroma, "surface->chroma");
    TN_NEED(opts, "opts");
    TN_NEED(rgb, "rgb");
    int resize;
    tn_image_surface from = *surface;
    TN_TRY(check_fit("fit", "", opts, &resize));
    TN_TRY(complete(&from));
    const tn_box box = tn_fit_box(from.width, from.height, resize, opts->width, opts->height);
    const tn_surface_cut cut = {from,       box.x,       box.y,       box.width,
                                box.height, opts->width, opts->height};
    return tn_device_cut(device, &cut, rgb);
}

static tn_status augment(tn_decoder *d, const tn_fill *at, const tn_augment *a, const file *f,
                         uint8_t *rgb)
{
    int width, height;
    TN_TRY(open_file(d, f, &width, &height));
    const tn_view v = tn_augment_choose(a, at->seed, at->epoch, at->place, width, height);
    TN_TRY(tn_decoder_read(d, &v.box, v.mirror, a->width, a->height, rgb));
    if (at->judge)
        TN_TRY(tn_decoder_judge(d));
    tn_view_colour(&v, rgb, (size_t)a->width * (size_t)a->height);
    return TN_OK;
}

tn_status tn_fill_image(const tn_fill *at, const tn_loader_opts *opts, const char *name,
                        const void *bytes, size_t size, uint8_t *rgb)
{
    TN_NEED(at, "at");
    TN_NEED(opts, "opts");
    TN_NEED(name, "name");
    TN_NEED(bytes, "bytes");
    TN_NEED(rgb, "rgb");
    tn_augment a;
    tn_decoder *d;
    TN_TRY(tn_augment_complete(&a, opts, 0));
    if (a.mixup > 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: mixup %g is for batches of a set, not for one image",
                       name, a.mixup);
    TN_TRY(tn_decoder_create(&d));
    const tn_status status = augment(d, at, &a, &(file){name, bytes, size}, rgb);
    tn_decoder_destroy(d);
    return status;
}
