/*
 * The decoder: file to bytes, codec by content, limits, and the turn upright.
 *
 * EXIF orientation: with S what is stored and U what is meant to be seen,
 *     U = transpose(flip(S))
 * where `turns` says for each of the eight which of transpose, flip x and flip y take part. A box of
 * U is carried back to S, scaled there, flipped by the order in which the scaler writes, and
 * transposed at the end, when it is small. A mirror of U is one more flip of S, on the axis that
 * becomes x.   Source: CIPA DC-008 (Exif 2.3), table 6.
 */
/* O_CLOEXEC and O_NONBLOCK are POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "data/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "data/codec.h"
#include "data/resample.h"

static const tn_codec *const codecs[] = {
#ifdef TN_HAVE_JPEG
    &tn_codec_jpeg,
#endif
#ifdef TN_HAVE_PNG
    &tn_codec_png,
#endif
#ifdef TN_HAVE_WEBP
    &tn_codec_webp,
#endif
#ifdef TN_HAVE_GIF
    &tn_codec_gif,
#endif
    &tn_codec_pnm,  &tn_codec_stb, &tn_codec_other};

typedef struct turn {
    bool transpose, flip_x, flip_y;
} turn;

static const turn turns[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true},
    [4] = {false, false, true},  [5] = {true, false, false}, [6] = {true, false, true},
    [7] = {true, true, true},    [8] = {true, true, false}};

typedef struct buffer {
    uint8_t *bytes;
    size_t room;
} buffer;

struct tn_decoder {
    void *self[TN_COUNT(codecs)]; /* of those that decode parts */
    int codec;                    /* of the open image; -1: none is open */
    tn_encoded from;
    tn_stored stored;
    turn turn;
    char *name;
    buffer file;
    buffer picture;  /* all pixels, by those that do not */
    bool decoded;    /* they are there */
    buffer sideways; /* a scaled image before it is transposed */
    tn_resampler resampler;
};

tn_status tn_decoder_create(tn_decoder **out)
{
    tn_decoder *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("an image decoder", sizeof *d);
    d->codec = -1;
    for (size_t i = 0; i < TN_COUNT(codecs); i++) {
        const tn_status status = codecs[i]->parts ? codecs[i]->parts->create(&d->self[i]) : TN_OK;
        if (status != TN_OK) {
            tn_decoder_destroy(d);
            return status;
        }
    }
    *out = d;
    return TN_OK;
}

static void drop(buffer *b)
{
    tn_free(b->bytes);
    *b = (buffer){0};
}

void tn_decoder_destroy(tn_decoder *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < TN_COUNT(codecs); i++)
        if (codecs[i]->parts)
            codecs[i]->parts->destroy(d->self[i]);
    tn_resampler_free(&d->resampler);
    tn_free(d->name);
    drop(&d->file);
    drop(&d->picture);
    drop(&d->sideways);
    tn_free(d);
}

/* Room for `bytes`, what was there is lost. */
static tn_status make_room(buffer *b, size_t bytes, const char *what)
{
    if (bytes <= b->room)
        return TN_OK;
    drop(b);
    b->bytes = tn_alloc_aligned(bytes);
    if (!b->bytes)
        return tn_no_memory(what, bytes);
    b->room = bytes;
    return TN_OK;
}

/* What large images took is given back. */
static void close_image(tn_decoder *d)
{
    if (d->codec >= 0 && codecs[d->codec]->parts)
        codecs[d->codec]->parts->close(d->self[d->codec]);
    d->codec = -1;
    d->decoded = false;
    if (d->picture.room > TN_IMAGE_KEPT_BYTES)
        drop(&d->picture);
}

static tn_status check_file(int file, const char *path, size_t *size)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return tn_fail(TN_ERR_IO, "%s: not a regular file", path);
    if (about.st_size == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: the file is empty", path);
    if ((uintmax_t)about.st_size > TN_IMAGE_MAX_BYTES)
        return tn_fail(TN_ERR_FORMAT, "%s: %jd bytes are more than the limit of %zu", path,
                       (intmax_t)about.st_size, TN_IMAGE_MAX_BYTES);
    *size = (size_t)about.st_size;
    return TN_OK;
}

static tn_status read_bytes(int file, const char *path, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t got = read(file, bytes + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
        if (got == 0)
            return tn_fail(TN_ERR_IO, "%s: ends after %zu of %zu bytes while it is read", path,
                           done, size);
        done += (size_t)got;
    }
    return TN_OK;
}

/* O_NONBLOCK: opening a FIFO would else wait for its other end. */
static tn_status read_file(tn_decoder *d, const char *path, size_t *size)
{
    if (d->file.room > TN_IMAGE_KEPT_BYTES)
        drop(&d->file);
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    tn_status status = check_file(file, path, size);
    if (status == TN_OK)
        status = make_room(&d->file, *size, path);
    if (status == TN_OK)
        status = read_bytes(file, path, d->file.bytes, *size);
    close(file);
    return status;
}

static tn_status check_size(const tn_encoded *from, const tn_stored *s)
{
    if (s->width < 1 || s->height < 1)
        return tn_fail(TN_ERR_FORMAT, "%s: %d x %d pixels", from->name, s->width, s->height);
    const int64_t pixels = (int64_t)s->width * s->height;
    if (pixels > TN_IMAGE_MAX_PIXELS)
        return tn_fail(TN_ERR_FORMAT, "%s: %d x %d pixels are more than the limit of %lld",
                       from->name, s->width, s->height, (long long)TN_IMAGE_MAX_PIXELS);
    if ((pixels - TN_IMAGE_FREE_PIXELS) / TN_IMAGE_MAX_DENSITY > (int64_t)from->size)
        return tn_fail(TN_ERR_FORMAT, "%s: %d x %d pixels are too many for %zu bytes", from->name,
                       s->width, s->height, from->size);
    return TN_OK;
}

static tn_status open_source(tn_decoder *d)
{
    int i = 0;
    while (!codecs[i]->knows(d->from.bytes, d->from.size))
        i++; /* the last one knows all */
    d->stored = (tn_stored){.orientation = 1};
    const tn_codec_parts *parts = codecs[i]->parts;
    TN_TRY(parts ? parts->open(d->self[i], &d->from, &d->stored)
                 : codecs[i]->open(&d->from, &d->stored));
    TN_TRY(check_size(&d->from, &d->stored));
    d->turn = turns[d->stored.orientation];
    d->codec = i;
    return TN_OK;
}

tn_status tn_decoder_open_memory(tn_decoder *d, const char *name, const uint8_t *bytes, size_t size,
                                 int *width, int *height)
{
    close_image(d);
    if (size == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: the file is empty", name);
    if (size > TN_IMAGE_MAX_BYTES)
        return tn_fail(TN_ERR_FORMAT, "%s: %zu bytes are more than the limit of %zu", name, size,
                       TN_IMAGE_MAX_BYTES);
    char *copy = tn_copy_text(name);
    if (!copy)
        return tn_no_memory("an image's name", strlen(name) + 1);
    tn_free(d->name);
    d->name = copy;
    d->from = (tn_encoded){copy, bytes, size};
    TN_TRY(open_source(d));
    *width = d->turn.transpose ? d->stored.height : d->stored.width;
    *height = d->turn.transpose ? d->stored.width : d->stored.height;
    return TN_OK;
}

tn_status tn_decoder_open(tn_decoder *d, const char *path, int *width, int *height)
{
    size_t size = 0;
    close_image(d);
    d->from = (tn_encoded){0};
    TN_TRY(read_file(d, path, &size));
    return tn_decoder_open_memory(d, path, d->file.bytes, size, width, height);
}

/* Boxes are computed in floating point: one may overhang by rounding. */
static tn_status check_box(const tn_decoder *d, const tn_box *box)
{
    const double slack = 1e-6;
    const int width = d->turn.transpose ? d->stored.height : d->stored.width;
    const int height = d->turn.transpose ? d->stored.width : d->stored.height;
    if (box->width > 0 && box->height > 0 && box->x >= -slack && box->y >= -slack &&
        box->x + box->width <= width + slack && box->y + box->height <= height + slack)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: a box of %g x %g at (%g, %g) is not within %d x %d",
                   d->name, box->width, box->height, box->x, box->y, width, height);
}

/* From upright to stored. */
static tn_box stored_box(const tn_decoder *d, const tn_box *box)
{
    tn_box s = *box;
    if (d->turn.transpose)
        s = (tn_box){box->y, box->x, box->height, box->width};
    if (d->turn.flip_x)
        s.x = d->stored.width - s.x - s.width;
    if (d->turn.flip_y)
        s.y = d->stored.height - s.y - s.height;
    return s;
}

static void transpose(const uint8_t *in, int width, int height, uint8_t *rgb)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memcpy(rgb + 3 * ((size_t)y * (size_t)width + (size_t)x),
                   in + 3 * ((size_t)x * (size_t)height + (size_t)y), 3);
}

/* Whole, by a codec that knows no parts; once. */
static tn_status decode(tn_decoder *d)
{
    if (d->decoded)
        return TN_OK;
    const size_t pixels = (size_t)d->stored.width * (size_t)d->stored.height;
    TN_TRY(make_room(&d->picture, 3 * pixels, d->name));
    TN_TRY(codecs[d->codec]->decode(&d->from, &d->stored, d->picture.bytes));
    d->decoded = true;
    return TN_OK;
}

static tn_status read_stored(tn_decoder *d, const tn_box *box, int width, int height,
                             tn_pixels *out)
{
    const tn_codec_parts *parts = codecs[d->codec]->parts;
    if (parts)
        return parts->read(d->self[d->codec], box, width, height, out);
    TN_TRY(decode(d));
    *out = (tn_pixels){.rgb = d->picture.bytes,
                       .stride = 3 * (size_t)d->stored.width,
                       .width = d->stored.width,
                       .height = d->stored.height,
                       .box = *box};
    return TN_OK;
}

tn_status tn_decoder_read(tn_decoder *d, const tn_box *box, bool mirror, int width, int height,
                          uint8_t *rgb)
{
    if (d->codec < 0)
        return tn_fail(TN_ERR_ARGUMENT, "image decoder: read without an image that is open");
    if (width < 1 || height < 1)
        return tn_fail(TN_ERR_ARGUMENT, "%s: scaled to %d x %d pixels", d->name, width, height);
    TN_TRY(check_box(d, box));
    const turn *t = &d->turn;
    const tn_box stored = stored_box(d, box);
    const int columns = t->transpose ? height : width, rows = t->transpose ? width : height;
    const bool flip_x = t->flip_x ^ (mirror && !t->transpose);
    const bool flip_y = t->flip_y ^ (mirror && t->transpose);
    tn_pixels pixels;
    TN_TRY(read_stored(d, &stored, columns, rows, &pixels));
    if (!t->transpose)
        return tn_resample(&d->resampler, &pixels, flip_x, flip_y, columns, rows, rgb);
    const size_t bytes = 3 * (size_t)columns * (size_t)rows;
    TN_TRY(make_room(&d->sideways, bytes, d->name));
    TN_TRY(tn_resample(&d->resampler, &pixels, flip_x, flip_y, columns, rows, d->sideways.bytes));
    transpose(d->sideways.bytes, width, height, rgb);
    return TN_OK;
}

tn_file_facts tn_decoder_facts(const tn_decoder *d)
{
    return (tn_file_facts){d->from.bytes, d->from.size, d->stored.orientation};
}

tn_status tn_decoder_judge(tn_decoder *d)
{
    if (d->codec < 0)
        return tn_fail(TN_ERR_ARGUMENT, "image decoder: judge without an image that is open");
    const tn_codec_parts *parts = codecs[d->codec]->parts;
    return parts ? parts->judge(d->self[d->codec]) : decode(d);
}

tn_status tn_decoder_remember(tn_decoder *d, tn_jpeg_maps *maps, int64_t item)
{
    if (d->codec < 0)
        return tn_fail(TN_ERR_ARGUMENT, "image decoder: remember without an image that is open");
    const tn_codec_parts *parts = codecs[d->codec]->parts;
    return parts ? parts->remember(d->self[d->codec], maps, item) : TN_OK;
}
