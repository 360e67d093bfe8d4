/*
 * BMP, and PNG and JPEG where the build has no library of their own for them: stb_image.
 *
 * What is added to it: Its memory is ours, so that tests can make it fail. It fills up with zeros when
 * a BMP ends early; here the callback that feeds it notices that it wanted more than there is, and the
 * image is refused: half an image is never passed off as a whole one. (One case is left: a JPEG that
 * lacks data and yet has its end marker.) It looks at no checksum of a PNG and reads memory that nobody
 * wrote where a palette is short, and it writes outside of a JPEG's tables if the file's are too large:
 * here that is looked at first.
 */
#include <limits.h>
#include <string.h>

#include "base/base.h"
#include "data/codec.h"
#include "data/jpeg_markers.h"
#include "data/png_chunks.h"

/* stb_image does not always say that memory was what it lacked, and gives its allocator no place to
 * note it in. */
static _Thread_local bool starved;

/* Zeroed: of a damaged JPEG it reads what it has not written. */
static void *allocate(size_t bytes)
{
    void *p = tn_alloc_aligned(bytes);
    starved |= p == NULL;
    if (p)
        memset(p, 0, bytes);
    return p;
}

/* This and much of stb_image is unused where there is only BMP; gcc says so at the end of the file. */
#pragma GCC diagnostic ignored "-Wunused-function"
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
#define STBI_ONLY_BMP
#ifndef TN_HAVE_JPEG
#define STBI_ONLY_JPEG
#endif
#ifndef TN_HAVE_PNG
#define STBI_ONLY_PNG
#endif
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

typedef struct reader {
    const tn_encoded *from;
    size_t at;
    stbi__context context;
    bool ended; /* more was wanted than there is */
} reader;

/* stb_image refills its own buffer by as much as there is; what it reads elsewhere it needs whole. */
static int feed(void *self, char *out, int count)
{
    reader *r = self;
    const size_t left = r->from->size - r->at;
    const size_t got = left < (size_t)count ? left : (size_t)count;
    const bool refill = out == (char *)r->context.buffer_start;
    r->ended |= refill ? got == 0 : got < (size_t)count;
    memcpy(out, r->from->bytes + r->at, got);
    r->at += got;
    return (int)got;
}

/* stb_image only ever skips ahead. */
static void skip(void *self, int count)
{
    reader *r = self;
    const size_t left = r->from->size - r->at, step = count > 0 ? (size_t)count : 0;
    r->ended |= step > left;
    r->at += step < left ? step : left;
}

static int at_end(void *self)
{
    const reader *r = self;
    return r->at == r->from->size;
}

static stbi__context *begin(reader *r, const tn_encoded *from)
{
    static stbi_io_callbacks callbacks = {feed, skip, at_end};
    r->from = from;
    r->at = 0;
    r->ended = false;
    starved = false;
    stbi__start_callbacks(&r->context, &callbacks, r);
    return &r->context;
}

static bool is_bmp(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 'B' && bytes[1] == 'M';
}

static const struct format {
    const char *name;
    bool (*is)(const uint8_t *bytes, size_t size);
    int (*info)(stbi__context *context, int *width, int *height, int *channels);
} formats[] = {
    {"BMP", is_bmp, stbi__bmp_info},
#ifndef STBI_NO_PNG
    {"PNG", tn_png_is, stbi__png_info},
#endif
#ifndef STBI_NO_JPEG
    {"JPEG", tn_jpeg_is, stbi__jpeg_info},
#endif
};

/* NULL if it is none. */
static const struct format *format_of(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < TN_COUNT(formats); i++)
        if (formats[i].is(bytes, size))
            return &formats[i];
    return NULL;
}

static bool knows(const uint8_t *bytes, size_t size)
{
    return format_of(bytes, size) != NULL;
}

static tn_status fail(const reader *r, const char *format)
{
    const tn_encoded *from = r->from;
    if (starved)
        return tn_no_memory(from->name, from->size);
    if (r->ended)
        return tn_fail(TN_ERR_FORMAT, "%s: the %s data end early: %zu bytes are not all of it",
                       from->name, format, from->size);
    const char *reason = stbi_failure_reason();
    if (!reason)
        reason = "unknown";
    if (strcmp(reason, "too large") == 0) /* its limits are above ours */
        return tn_fail(TN_ERR_FORMAT, "%s: the %s has more pixels than the limit of %lld",
                       from->name, format, (long long)TN_IMAGE_MAX_PIXELS);
    return tn_fail(TN_ERR_FORMAT, "%s: broken %s: %s", from->name, format, reason);
}

/* What stb_image does not look for. */
static tn_status look_ahead(const tn_encoded *from, tn_stored *out)
{
#ifndef STBI_NO_PNG
    if (tn_png_is(from->bytes, from->size)) {
        tn_png_chunks chunks;
        TN_TRY(tn_png_chunks_read(from, &chunks));
        out->orientation = chunks.orientation;
        if (!chunks.has_end) /* stb_image takes memory by a cut chunk's word */
            return tn_fail(TN_ERR_FORMAT, "%s: the PNG data end early: %zu bytes are not all of it",
                           from->name, from->size);
        if (!chunks.all_colours)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: its palette has fewer colours than indexes, for which libpng is "
                           "needed",
                           from->name);
        return tn_png_check_crcs(from);
    }
#endif
#ifndef STBI_NO_JPEG
    if (tn_jpeg_is(from->bytes, from->size)) {
        const tn_jpeg_markers markers = tn_jpeg_markers_read(from->bytes, from->size);
        if (!markers.complete)
            return tn_fail(TN_ERR_FORMAT,
                           "%s: the JPEG file ends early: no end of image in %zu bytes", from->name,
                           from->size);
        if (!tn_jpeg_tables_fit(from->bytes, from->size))
            return tn_fail(TN_ERR_FORMAT, "%s: broken JPEG: a table of codes is too large",
                           from->name);
        out->orientation = markers.orientation;
    }
#endif
    (void)from;
    (void)out;
    return TN_OK;
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    const struct format *format = format_of(from->bytes, from->size);
    reader r;
    int channels;
    TN_TRY(look_ahead(from, out));
    if (!format->info(begin(&r, from), &out->width, &out->height, &channels))
        return fail(&r, format->name);
    if (format->is == is_bmp && out->height < 0 && out->height > INT_MIN)
        out->height = -out->height; /* rows from top to bottom */
    return TN_OK;
}

static tn_status decode(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb)
{
    const char *format = format_of(from->bytes, from->size)->name;
    reader r;
    int width, height, channels;
    uint8_t *pixels =
        stbi__load_and_postprocess_8bit(begin(&r, from), &width, &height, &channels, STBI_rgb);
    if (!pixels)
        return fail(&r, format);
    tn_status status = TN_OK;
    if (r.ended)
        status = fail(&r, format);
    else if (width != stored->width || height != stored->height)
        status = tn_fail(TN_ERR_FORMAT, "%s: its header says %d x %d, its data %d x %d", from->name,
                         stored->width, stored->height, width, height);
    else
        memcpy(rgb, pixels, 3 * (size_t)width * (size_t)height);
    tn_free(pixels);
    return status;
}

const tn_codec tn_codec_stb = {.knows = knows, .open = open_source, .decode = decode};
