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
    &tn_codec_stb};

typedef struct turn {
    bool transpose, flip_x, flip_y;
} turn;

static const turn turns[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true},
    [4] = {false, false, true},  [5] = {true, false, false}, [6] = {true, false, true},
    [7] = {true, true, true},    [8] = {true, true, false}};

struct tn_decoder {
    void *self[TN_COUNT(codecs)];
    int codec;         /* of the open image; -1: none is open */
    int width, height; /* as stored */
    turn turn;
    char *name;
    uint8_t *file;
    size_t file_room;
    uint8_t *sideways; /* a scaled image before it is transposed */
    size_t sideways_room;
    tn_resampler resampler;
};

tn_status tn_decoder_create(tn_decoder **out)
{
    tn_decoder *d = tn_alloc(1, sizeof *d);
    if (!d)
        return tn_no_memory("an image decoder", sizeof *d);
    d->codec = -1;
    for (size_t i = 0; i < TN_COUNT(codecs); i++) {
        const tn_status status = codecs[i]->create(&d->self[i]);
        if (status != TN_OK) {
            tn_decoder_destroy(d);
            return status;
        }
    }
    *out = d;
    return TN_OK;
}

void tn_decoder_destroy(tn_decoder *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < TN_COUNT(codecs); i++)
        codecs[i]->destroy(d->self[i]);
    tn_resampler_free(&d->resampler);
    tn_free(d->name);
    tn_free(d->file);
    tn_free(d->sideways);
    tn_free(d);
}

/* Room for `bytes`, what was there is lost. */
static tn_status make_room(uint8_t **buffer, size_t *room, size_t bytes, const char *what)
{
    if (bytes <= *room)
        return TN_OK;
    tn_free(*buffer);
    *room = 0;
    *buffer = tn_alloc_aligned(bytes);
    if (!*buffer)
        return tn_no_memory(what, bytes);
    *room = bytes;
    return TN_OK;
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
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    tn_status status = check_file(file, path, size);
    if (status == TN_OK)
        status = make_room(&d->file, &d->file_room, *size, path);
    if (status == TN_OK)
        status = read_bytes(file, path, d->file, *size);
    close(file);
    return status;
}

static tn_status open_bytes(tn_decoder *d, const char *name, const uint8_t *bytes, size_t size)
{
    int codec = 0;
    while (codec + 1 < (int)TN_COUNT(codecs) && !codecs[codec]->knows(bytes, size))
        codec++;
    tn_stored stored = {.orientation = 1};
    TN_TRY(codecs[codec]->open(d->self[codec], name, bytes, size, &stored));
    if (stored.width < 1 || stored.height < 1)
        return tn_fail(TN_ERR_FORMAT, "%s: %d x %d pixels", name, stored.width, stored.height);
    if ((int64_t)stored.width * stored.height > TN_IMAGE_MAX_PIXELS)
        return tn_fail(TN_ERR_FORMAT, "%s: %d x %d pixels are more than the limit of %lld", name,
                       stored.width, stored.height, (long long)TN_IMAGE_MAX_PIXELS);
    d->width = stored.width;
    d->height = stored.height;
    d->turn = turns[stored.orientation];
    d->codec = codec;
    return TN_OK;
}

tn_status tn_decoder_open_memory(tn_decoder *d, const char *name, const uint8_t *bytes, size_t size,
                                 int *width, int *height)
{
    d->codec = -1;
    if (size == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: the file is empty", name);
    char *copy = tn_copy_text(name);
    if (!copy)
        return tn_no_memory("an image's name", strlen(name) + 1);
    tn_free(d->name);
    d->name = copy;
    TN_TRY(open_bytes(d, d->name, bytes, size));
    *width = d->turn.transpose ? d->height : d->width;
    *height = d->turn.transpose ? d->width : d->height;
    return TN_OK;
}

tn_status tn_decoder_open(tn_decoder *d, const char *path, int *width, int *height)
{
    size_t size = 0;
    d->codec = -1;
    TN_TRY(read_file(d, path, &size));
    return tn_decoder_open_memory(d, path, d->file, size, width, height);
}

/* Boxes are computed in floating point: one may overhang by rounding. */
static tn_status check_box(const tn_decoder *d, const tn_box *box)
{
    const double slack = 1e-6;
    const int width = d->turn.transpose ? d->height : d->width;
    const int height = d->turn.transpose ? d->width : d->height;
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
        s.x = d->width - s.x - s.width;
    if (d->turn.flip_y)
        s.y = d->height - s.y - s.height;
    return s;
}

static void transpose(const uint8_t *in, int width, int height, uint8_t *rgb)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memcpy(rgb + 3 * ((size_t)y * (size_t)width + (size_t)x),
                   in + 3 * ((size_t)x * (size_t)height + (size_t)y), 3);
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
    TN_TRY(codecs[d->codec]->read(d->self[d->codec], &stored, columns, rows, &pixels));
    if (!t->transpose)
        return tn_resample(&d->resampler, &pixels, flip_x, flip_y, columns, rows, rgb);
    const size_t bytes = 3 * (size_t)columns * (size_t)rows;
    TN_TRY(make_room(&d->sideways, &d->sideways_room, bytes, d->name));
    TN_TRY(tn_resample(&d->resampler, &pixels, flip_x, flip_y, columns, rows, d->sideways));
    transpose(d->sideways, width, height, rgb);
    return TN_OK;
}

tn_status tn_decoder_judge(tn_decoder *d)
{
    if (d->codec < 0)
        return tn_fail(TN_ERR_ARGUMENT, "image decoder: judge without an image that is open");
    return codecs[d->codec]->judge(d->self[d->codec]);
}
