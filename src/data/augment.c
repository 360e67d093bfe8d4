/*
 * Choosing a view of an image. Numbers come from the stream of (epoch, place) alone.
 *
 *   random resized  Szegedy and others 2014, "Going deeper with convolutions", exactly as torchvision's
 *                   RandomResizedCrop.get_params: ten tries of an area and of an aspect, uniform in
 *                   its logarithm, then the middle
 *   random          Krizhevsky, Sutskever, Hinton 2012: short side to `resize` as tn_fit_box() does,
 *                   then any of the places of the crop
 *   colour          torchvision's ColorJitter: factors and their order at random
 *   lighting        Krizhevsky and others 2012, section 4.1: each pixel plus the eigenvectors of
 *                   ImageNet's colours times eigenvalue times noise. The numbers are those of
 *                   fb.resnet.torch, datasets/imagenet.lua, for colours in [0, 1].
 */
#include "data/augment.h"

#include <math.h>

#include "base/base.h"
#include "base/random.h"

static const double eigenvalue[3] = {0.2175, 0.0188, 0.0045};
static const double eigenvector[3][3] = {
    {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};

/* ---- options -------------------------------------------------------------------------------- */

static tn_status complete_sizes(tn_augment *a, const tn_loader_opts *opts, int side)
{
    enum { MAX_SIDE = 16384 };
    if (opts->height < 1 || opts->width < 1 || opts->height > MAX_SIDE || opts->width > MAX_SIDE)
        return tn_fail(TN_ERR_ARGUMENT, "loader: height %d and width %d are not from 1 to %d",
                       opts->height, opts->width, MAX_SIDE);
    const int larger = opts->height > opts->width ? opts->height : opts->width;
    a->resize = opts->resize ? opts->resize : side > larger ? side : larger;
    if (a->resize < larger || a->resize > MAX_SIDE)
        return tn_fail(TN_ERR_ARGUMENT,
                       "loader: resize %d is not from %d, the larger of height and width, to %d",
                       a->resize, larger, MAX_SIDE);
    return TN_OK;
}

/* A pair of zeros means the default. */
static tn_status complete_range(const char *name, const float given[2], double low, double high,
                                double limit, double out[2])
{
    const bool use_default = given[0] == 0 && given[1] == 0;
    out[0] = use_default ? low : (double)given[0];
    out[1] = use_default ? high : (double)given[1];
    if (!(out[0] > 0 && out[0] <= out[1] && out[1] <= limit))
        return tn_fail(TN_ERR_ARGUMENT, "loader: %s from %g to %g is no range above 0 and up to %g",
                       name, out[0], out[1], limit);
    return TN_OK;
}

static tn_status check_amount(const char *name, float given, double *out)
{
    TN_COMPLETE(given, 0);
    *out = (double)given;
    if (given >= 0 && given <= 100)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "loader: %s %g is not from 0 to 100", name, *out);
}

tn_status tn_augment_complete(tn_augment *a, const tn_loader_opts *opts, int side)
{
    *a = (tn_augment){.crop = opts->crop, .height = opts->height, .width = opts->width};
    a->flip = opts->flip;
    if (opts->crop < TN_CROP_CENTRE || opts->crop > TN_CROP_RANDOM_RESIZED)
        return tn_fail(TN_ERR_ARGUMENT, "loader: crop %d is no tn_crop", (int)opts->crop);
    TN_TRY(complete_sizes(a, opts, side));
    TN_TRY(complete_range("area", opts->area, 0.08, 1, 1, a->area));
    TN_TRY(complete_range("aspect", opts->aspect, 3.0 / 4, 4.0 / 3, 1000, a->aspect));
    TN_TRY(check_amount("brightness", opts->brightness, &a->brightness));
    TN_TRY(check_amount("contrast", opts->contrast, &a->contrast));
    TN_TRY(check_amount("saturation", opts->saturation, &a->saturation));
    TN_TRY(check_amount("mixup", opts->mixup, &a->mixup));
    if (a->mixup > 0 && !opts->shuffle)
        return tn_fail(TN_ERR_ARGUMENT,
                       "loader: mixup %g mixes neighbours, which without shuffle are of one class",
                       a->mixup);
    return check_amount("lighting", opts->lighting, &a->lighting);
}

/* ---- boxes ---------------------------------------------------------------------------------- */

static double between(tn_random *r, double low, double high)
{
    return low + (high - low) * tn_random_real(r);
}

/* The middle, of an aspect as near to the image's as is allowed: what is left when ten tries failed. */
static tn_box fallback_box(const tn_augment *a, int width, int height)
{
    int w = width, h = height;
    const double aspect = (double)width / (double)height;
    if (aspect < a->aspect[0])
        h = (int)rint(width / a->aspect[0]);
    else if (aspect > a->aspect[1])
        w = (int)rint(height * a->aspect[1]);
    /* An image one pixel high would give nothing. */
    w = w < 1 ? 1 : w;
    h = h < 1 ? 1 : h;
    const int x = (width - w) / 2, y = (height - h) / 2;
    return (tn_box){x, y, w, h};
}

static tn_box random_resized_box(const tn_augment *a, tn_random *r, int width, int height)
{
    const double area = (double)width * (double)height;
    for (int i = 0; i < 10; i++) {
        const double wanted = area * between(r, a->area[0], a->area[1]);
        const double aspect = exp(between(r, log(a->aspect[0]), log(a->aspect[1])));
        /* rint rounds halves to even, as Python's round does. */
        const double w = rint(sqrt(wanted * aspect)), h = rint(sqrt(wanted / aspect));
        if (w < 1 || w > width || h < 1 || h > height)
            continue;
        const double y = (double)tn_random_below(r, (uint64_t)(height - (int)h) + 1);
        const double x = (double)tn_random_below(r, (uint64_t)(width - (int)w) + 1);
        return (tn_box){x, y, w, h};
    }
    return fallback_box(a, width, height);
}

static tn_box random_box(const tn_augment *a, tn_random *r, int width, int height)
{
    tn_box box = tn_fit_box(width, height, a->resize, a->width, a->height);
    /* Pixels of the image in one of the scaled image, and whole ones of those that are left over. */
    const double across = box.width / a->width, down = box.height / a->height;
    const double columns = rint((width - box.width) / across);
    const double rows = rint((height - box.height) / down);
    const double y = (double)tn_random_below(r, (uint64_t)rows + 1);
    const double x = (double)tn_random_below(r, (uint64_t)columns + 1);
    box.x = fmin(x * across, width - box.width);
    box.y = fmin(y * down, height - box.height);
    return box;
}

/* ---- colours -------------------------------------------------------------------------------- */

static void choose_jitter(const tn_augment *a, tn_random *r, tn_view *v)
{
    const double amount[] = {a->brightness, a->contrast, a->saturation};
    for (int i = 0; i < 3; i++) {
        if (amount[i] == 0)
            continue;
        const double factor = between(r, fmax(0, 1 - amount[i]), 1 + amount[i]);
        /* Each new one goes to a random place among those before it: every order is as likely. */
        const int place = (int)tn_random_below(r, (uint64_t)v->num_jitters + 1);
        v->jitter[v->num_jitters++] = v->jitter[place];
        v->jitter[place] = (tn_jitter){(tn_colour)i, factor};
    }
}

static void choose_light(const tn_augment *a, tn_random *r, tn_view *v)
{
    v->lit = a->lighting > 0;
    for (int i = 0; v->lit && i < 3; i++) {
        const double noise = a->lighting * tn_random_normal(r) * eigenvalue[i];
        for (int c = 0; c < 3; c++)
            v->light[c] += (float)(255 * noise * eigenvector[c][i]);
    }
}

tn_view tn_augment_choose(const tn_augment *a, uint64_t seed, int64_t epoch, int64_t place,
                          int width, int height)
{
    tn_random r = tn_random_begin(seed, TN_RANDOM_AUGMENT, (uint64_t)epoch << 32 | (uint64_t)place);
    tn_view v = {0};
    if (a->crop == TN_CROP_RANDOM_RESIZED)
        v.box = random_resized_box(a, &r, width, height);
    else if (a->crop == TN_CROP_RANDOM)
        v.box = random_box(a, &r, width, height);
    else
        v.box = tn_fit_box(width, height, a->resize, a->width, a->height);
    v.mirror = a->flip && tn_random_real(&r) < 0.5;
    choose_jitter(a, &r, &v);
    choose_light(a, &r, &v);
    return v;
}
