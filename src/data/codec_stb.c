/*
 * Every format but JPEG, and JPEG too where the build has no libjpeg-turbo: stb_image, whole images
 * at full size.
 *
 * Two things are added to it. Its memory is ours, so that tests can make it fail. And stb_image fills
 * up with zeros when a BMP, GIF, TGA, PSD or PNM ends early; here the callback that feeds it notices
 * that it wanted more than there is, and the image is refused: half an image is never passed off as a
 * whole one. (One case is left: a JPEG that lacks data and yet has its end marker.)
 */
#include <limits.h>
#include <string.h>

#include "base/base.h"
#include "data/codec.h"
#include "data/jpeg_markers.h"

/* stb_image does not always say that memory was what it lacked, and gives its allocator no place to
 * note it in. */
static _Thread_local bool starved;

static void *allocate(size_t bytes)
{
    void *p = tn_alloc_aligned(bytes);
    starved |= p == NULL;
    return p;
}

static void *resize(void *old, size_t old_bytes, size_t bytes)
{
    void *p = allocate(bytes);
    if (p && old) {
        memcpy(p, old, old_bytes < bytes ? old_bytes : bytes);
        tn_free(old);
    }
    return p;
}

#define STBI_MALLOC(bytes) allocate(bytes)
#define STBI_FREE(p) tn_free(p)
#define STBI_REALLOC_SIZED(p, old_bytes, bytes) resize(p, old_bytes, bytes)
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_PIC
#ifdef TN_HAVE_JPEG
#define STBI_NO_JPEG
#endif
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
/* It declares one function that it does not define; gcc says so at the end of this file. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>

typedef struct codec {
    const char *name;
    const uint8_t *bytes;
    size_t size, at;
    stbi__context context;
    const struct format *format;
    bool ended; /* more was wanted than there is */
    int width, height;
    uint8_t *rgb;
} codec;

/* stb_image refills its own buffer by as much as there is; what it reads elsewhere it needs whole. */
static int feed(void *self, char *out, int count)
{
    codec *s = self;
    const size_t left = s->size - s->at;
    const size_t got = left < (size_t)count ? left : (size_t)count;
    const bool refill = out == (char *)s->context.buffer_start;
    s->ended |= refill ? got == 0 : got < (size_t)count;
    memcpy(out, s->bytes + s->at, got);
    s->at += got;
    return (int)got;
}

/* stb_image only ever skips ahead. */
static void skip(void *self, int count)
{
    codec *s = self;
    const size_t left = s->size - s->at, step = count > 0 ? (size_t)count : 0;
    s->ended |= step > left;
    s->at += step < left ? step : left;
}

static int at_end(void *self)
{
    const codec *s = self;
    return s->at == s->size;
}

static stbi__context *begin(codec *s)
{
    static stbi_io_callbacks callbacks = {feed, skip, at_end};
    s->at = 0;
    s->ended = false;
    starved = false;
    stbi__start_callbacks(&s->context, &callbacks, s);
    return &s->context;
}

#ifndef STBI_NO_JPEG
/* stbi__jpeg_test allocates, and takes failing at it for another kind of file. */
static int jpeg_test(stbi__context *context)
{
    return stbi__get8(context) == 0xFF && stbi__get8(context) == 0xD8;
}
#endif

/* In the order that stb_image asks them in: TGA has no mark of its own, so it comes last. */
static const struct format {
    const char *name;
    int (*test)(stbi__context *context);
    int (*info)(stbi__context *context, int *width, int *height, int *channels);
} formats[] = {
    {"PNG", stbi__png_test, stbi__png_info}, {"BMP", stbi__bmp_test, stbi__bmp_info},
    {"GIF", stbi__gif_test, stbi__gif_info}, {"PSD", stbi__psd_test, stbi__psd_info},
#ifndef STBI_NO_JPEG
    {"JPEG", jpeg_test, stbi__jpeg_info},
#endif
    {"PNM", stbi__pnm_test, stbi__pnm_info}, {"HDR", stbi__hdr_test, stbi__hdr_info},
    {"TGA", stbi__tga_test, stbi__tga_info},
};

/* NULL if it is none. */
static const struct format *format_of(codec *s)
{
    for (size_t i = 0; i < TN_COUNT(formats); i++)
        if (formats[i].test(begin(s)))
            return &formats[i];
    return NULL;
}

static tn_status fail(const codec *s)
{
    if (starved)
        return tn_no_memory(s->name, s->size);
    if (s->ended)
        return tn_fail(TN_ERR_FORMAT, "%s: the %s data end early: %zu bytes are not all of it",
                       s->name, s->format->name, s->size);
    const char *reason = stbi_failure_reason();
    if (!reason)
        reason = "unknown";
    if (strcmp(reason, "too large") == 0) /* its limits are above ours */
        return tn_fail(TN_ERR_FORMAT, "%s: the %s has more pixels than the limit of %lld", s->name,
                       s->format->name, (long long)TN_IMAGE_MAX_PIXELS);
    return tn_fail(TN_ERR_FORMAT, "%s: broken %s: %s", s->name, s->format->name, reason);
}

static bool knows(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return size > 0;
}

static tn_status create(void **self)
{
    *self = tn_alloc(1, sizeof(codec));
    return *self ? TN_OK : tn_no_memory("an image decoder", sizeof(codec));
}

static void drop(codec *s)
{
    tn_free(s->rgb);
    s->rgb = NULL;
}

static void destroy(void *self)
{
    if (self)
        drop(self);
    tn_free(self);
}

static tn_status open_bytes(void *self, const char *name, const uint8_t *bytes, size_t size,
                            tn_stored *out)
{
    codec *s = self;
    drop(s);
    s->name = name;
    s->bytes = bytes;
    s->size = size;
    s->format = format_of(s);
    if (!s->format)
        return tn_fail(TN_ERR_FORMAT, "%s: no image of a kind that can be read", name);
    int channels;
    const int info = s->format->info(begin(s), &s->width, &s->height, &channels);
    if (!info)
        return fail(s);
    /* PNM alone gives its bits. Of 16 stb_image would take the lower eight, and of a grey image more
     * than there are (CVE-2021-42716). */
    if (info == 16)
        return tn_fail(TN_ERR_FORMAT, "%s: PNM of 16 bits a channel is not supported", name);
    out->width = s->width;
    out->height = s->height;
#ifndef STBI_NO_JPEG
    if (tn_jpeg_is(bytes, size)) {
        const tn_jpeg_markers markers = tn_jpeg_markers_read(bytes, size);
        if (!markers.complete)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: the JPEG file ends early: no end of image in %zu "
                           "bytes",
                           name, size);
        out->orientation = markers.orientation;
    }
#endif
    return TN_OK;
}

/* All pixels, once. */
static tn_status decode(void *self)
{
    codec *s = self;
    int width, height, channels;
    if (s->rgb)
        return TN_OK;
    s->rgb = stbi__load_and_postprocess_8bit(begin(s), &width, &height, &channels, STBI_rgb);
    if (!s->rgb)
        return fail(s);
    if (!s->ended && width == s->width && height == s->height)
        return TN_OK;
    drop(s);
    return s->ended ? fail(s)
                    : tn_fail(TN_ERR_FORMAT, "%s: its header says %d x %d, its data %d x %d",
                              s->name, s->width, s->height, width, height);
}

static tn_status read_pixels(void *self, const tn_box *box, int width, int height, tn_pixels *out)
{
    codec *s = self;
    (void)width;
    (void)height;
    TN_TRY(decode(s));
    *out = (tn_pixels){.rgb = s->rgb,
                       .stride = 3 * (size_t)s->width,
                       .width = s->width,
                       .height = s->height,
                       .box = *box};
    return TN_OK;
}

const tn_codec tn_codec_stb = {.knows = knows,
                               .create = create,
                               .destroy = destroy,
                               .open = open_bytes,
                               .read = read_pixels,
                               .judge = decode};
