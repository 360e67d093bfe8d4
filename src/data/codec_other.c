/*
 * Files that no decoder of this build reads: what they are, by their first bytes, so that an error can
 * say it.
 */
#include <string.h>

#include "base/base.h"
#include "data/codec.h"

static const struct format {
    const char *name;
    const char *mark;
    uint8_t length, at; /* of the mark */
} formats[] = {
#ifndef TN_HAVE_GIF
    {"a GIF, for which this build lacks giflib", "GIF8", 4, 0},
#endif
#ifndef TN_HAVE_WEBP
    {"a WebP, for which this build lacks libwebp", "WEBP", 4, 8},
#endif
    {"a TIFF", "II*\0", 4, 0},
    {"a TIFF", "MM\0*", 4, 0},
    {"a Photoshop file (PSD)", "8BPS", 4, 0},
    {"a Radiance picture (HDR)", "#?RADIANCE", 10, 0},
    {"a Radiance picture (HDR)", "#?RGBE", 6, 0},
    {"an OpenEXR picture", "\x76\x2F\x31\x01", 4, 0},
    {"a Softimage picture (PIC)", "\x53\x80\xF6\x34", 4, 0},
    {"an AVIF", "ftypavif", 8, 4},
    {"an AVIF", "ftypavis", 8, 4},
    {"a HEIF (HEIC)", "ftyphei", 7, 4},
    {"a HEIF (HEIC)", "ftyphev", 7, 4},
    {"a HEIF (HEIC)", "ftypmif1", 8, 4},
    {"a JPEG 2000", "\0\0\0\x0CjP  ", 8, 0},
    {"a JPEG 2000", "\xFF\x4F\xFF\x51", 4, 0},
    {"a JPEG XL", "\0\0\0\x0CJXL ", 8, 0},
    {"a JPEG XL", "\xFF\x0A", 2, 0},
    {"a DDS texture", "DDS ", 4, 0},
    {"an icon (ICO)", "\0\0\1\0", 4, 0},
    {"a PAM (P7)", "P7\n", 3, 0},
    {"a float PNM", "PF\n", 3, 0},
    {"a float PNM", "Pf\n", 3, 0},
    {"an SVG", "<svg", 4, 0},
    {"a PDF", "%PDF", 4, 0},
};

/* TGA has no mark in front; since its second version one at the end. */
static bool is_tga(const tn_encoded *from)
{
    static const char mark[18] = "TRUEVISION-XFILE.";
    return from->size >= sizeof mark &&
           memcmp(from->bytes + from->size - sizeof mark, mark, sizeof mark) == 0;
}

static bool knows(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return size > 0;
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    const char *name = is_tga(from) ? "a TGA" : NULL;
    (void)out;
    for (size_t i = 0; i < TN_COUNT(formats) && !name; i++) {
        const struct format *f = &formats[i];
        if (from->size >= (size_t)f->at + f->length &&
            memcmp(from->bytes + f->at, f->mark, f->length) == 0)
            name = f->name;
    }
    if (name)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: %s, which is not read; JPEG, PNG, WebP, GIF, BMP and PNM are",
                       from->name, name);
    return tn_fail(TN_ERR_FORMAT, "%s: no image of a kind that can be read", from->name);
}

const tn_codec tn_codec_other = {.knows = knows, .open = open_source};
