/*
 * One picture: its file is read and hashed, decoded as 64 x 64 pixels, which both hashes and all sums are made of, and
 * judged on the whole of it, as a loader does. Of a JPEG the decoder takes the DCT's own scale for that.
 */
#include <stdlib.h>
#include <string.h>

#include "data/bad.h"
#include "data/check.h"
#include "data/jpeg_quality.h"
#include "data/packed.h"

enum { SIDE = TN_HASH_SIDE, AREA = SIDE * SIDE, FLAT = 5, GREY = 3 };
static const int64_t MOST_SAMPLED = (int64_t)1
                                    << 24; /* pixels; larger ones are no part of the sample */

tn_status tn_looker_create(tn_looker *l, const tn_check *c)
{
    *l = (tn_looker){0};
    int side = 0;
    for (int s = 0; s < TN_SIDES; s++)
        if (c->set[s] && tn_dataset_side(c->set[s]) > side)
            side = tn_dataset_side(c->set[s]);
    if (side > 0) {
        l->image = tn_alloc_aligned(3 * (size_t)side * (size_t)side);
        if (!l->image)
            return tn_no_memory("an image of a packed set", 3 * (size_t)side * (size_t)side);
    }
    return tn_decoder_create(&l->decoder);
}

void tn_looker_destroy(tn_looker *l)
{
    tn_decoder_destroy(l->decoder);
    tn_free(l->image);
    tn_free(l->pixels);
    tn_resampler_free(&l->resampler);
}

/* ---- where the pixels come from ----------------------------------------------------------------- */

static tn_status open_item(tn_looker *l, tn_check *c, int64_t item)
{
    const tn_item *from = tn_check_source(c, item);
    tn_packed *packed = c->set[tn_check_side_at(c, item)]->packed;
    tn_look *look = &c->look[item];
    if (!packed)
        return tn_decoder_open(l->decoder, from->path, &look->width, &look->height);
    look->width = look->height = tn_packed_side(packed);
    return tn_packed_image(packed, from->row, 0, look->height, l->image);
}

/* All of the open picture, as so many pixels. */
static tn_status read_item(tn_looker *l, const tn_check *c, int64_t item, int width, int height,
                           uint8_t *rgb)
{
    const tn_look *look = &c->look[item];
    const tn_box all = {0, 0, look->width, look->height};
    if (!c->set[tn_check_side_at(c, item)]->packed)
        return tn_decoder_read(l->decoder, &all, false, width, height, rgb);
    const tn_pixels pixels = {.rgb = l->image,
                              .stride = 3 * (size_t)look->width,
                              .width = look->width,
                              .height = look->height,
                              .box = all};
    return tn_resample(&l->resampler, &pixels, false, false, width, height, rgb);
}

static tn_status make_room(tn_looker *l, size_t bytes)
{
    if (bytes <= l->room)
        return TN_OK;
    tn_free(l->pixels);
    l->room = 0;
    l->pixels = tn_alloc_aligned(bytes);
    if (!l->pixels)
        return tn_no_memory("the pixels of a picture", bytes);
    l->room = bytes;
    return TN_OK;
}

/* ---- what they say ------------------------------------------------------------------------------ */

static const char *format_of(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *name, *begins;
    } formats[] = {{"JPEG", "\xff\xd8"}, {"PNG", "\x89PNG"}, {"WebP", "RIFF"},
                   {"GIF", "GIF8"},      {"BMP", "BM"},      {"PNM", "P"}};
    for (size_t i = 0; i < TN_COUNT(formats); i++) {
        const size_t length = strlen(formats[i].begins);
        if (size >= length && memcmp(bytes, formats[i].begins, length) == 0)
            return formats[i].name;
    }
    return "other";
}

/* What the file is, apart from its pixels. */
static void take_facts(tn_looker *l, const tn_check *c, int64_t item, tn_look *look)
{
    tn_file_facts f = {l->image, 3 * (size_t)look->width * (size_t)look->height, 1};
    look->format = "packed";
    if (!c->set[tn_check_side_at(c, item)]->packed) {
        f = tn_decoder_facts(l->decoder);
        look->format = format_of(f.bytes, f.size);
        look->quality = tn_jpeg_quality(f.bytes, f.size);
    }
    look->orientation = f.orientation;
    look->size = (int64_t)f.size;
    look->bytes = tn_digest_of(f.bytes, f.size);
}

static double variance(uint64_t sum, uint64_t square, double count)
{
    const double mean = (double)sum / count;
    return (double)square / count - mean * mean;
}

/* Sums by channel. Sixteen pixels side by side, whose bytes have their sums each: so a compiler makes vectors of it. */
static void add_up(const uint8_t *rgb, size_t pixels, uint64_t sum[3], uint64_t square[3])
{
    enum { LANES = 48, MOST = 65536 }; /* of so many bytes the squares fit into 32 bits */
    const size_t bytes = 3 * pixels;
    for (size_t at = 0; at < bytes;) {
        uint32_t one[LANES] = {0}, two[LANES] = {0};
        const size_t blocks = (bytes - at) / LANES < MOST ? (bytes - at) / LANES : MOST;
        for (size_t i = 0; i < blocks; i++, at += LANES)
            for (size_t k = 0; k < LANES; k++) {
                one[k] += rgb[at + k];
                two[k] += (uint32_t)rgb[at + k] * rgb[at + k];
            }
        for (size_t k = 0; blocks == 0 && at < bytes; k++, at++) {
            one[k] += rgb[at];
            two[k] += (uint32_t)rgb[at] * rgb[at];
        }
        for (size_t k = 0; k < LANES; k++) {
            sum[k % 3] += one[k];
            square[k % 3] += two[k];
        }
    }
}

/* rgb: 64 x 64. */
static void measure(tn_look *look, const uint8_t *rgb)
{
    uint8_t grey[AREA];
    uint64_t sum[3] = {0}, square[3] = {0}, bright = 0, bright_square = 0;
    int colour = 0;
    tn_hash_grey(rgb, AREA, grey);
    for (int i = 0; i < AREA && colour <= GREY; i++) {
        const int r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        colour = abs(r - g) > abs(g - b) ? abs(r - g) : abs(g - b);
    }
    for (int i = 0; i < AREA; i++) {
        bright += grey[i];
        bright_square += (uint64_t)grey[i] * grey[i];
    }
    add_up(rgb, AREA, sum, square);
    look->flat = true;
    for (int k = 0; k < 3; k++) {
        look->sum[k] = (uint32_t)sum[k];
        look->square[k] = (uint32_t)square[k];
        look->flat &= variance(sum[k], square[k], AREA) < FLAT * FLAT;
    }
    look->grey = colour <= GREY;
    look->hashed = variance(bright, bright_square, AREA) >= FLAT * FLAT;
    if (look->hashed)
        look->hash = tn_hash_of(grey);
}

/* ---- the sample --------------------------------------------------------------------------------- */

/* Which of the sampled pictures of its side this one is; -1: none. They lie evenly in it. */
static int64_t sample_of(const tn_check *c, int64_t item)
{
    const int side = tn_check_side_at(c, item);
    const int64_t count = c->first[side + 1] - c->first[side], at = item - c->first[side];
    const int64_t step = (count + TN_SAMPLED - 1) / TN_SAMPLED;
    return at % step == 0 ? at / step : -1;
}

/* Variances in the picture as the network's size has it, beside those of 64 x 64 pixels. */
static tn_status sample(tn_looker *l, tn_check *c, int64_t item, tn_sampled *out)
{
    const tn_look *look = &c->look[item];
    const int shorter = look->width < look->height ? look->width : look->height;
    const double by = shorter > c->opts.size ? (double)c->opts.size / shorter : 1;
    const int width = (int)(look->width * by + 0.5), height = (int)(look->height * by + 0.5);
    const size_t pixels = (size_t)width * (size_t)height;
    if ((int64_t)look->width * look->height > MOST_SAMPLED)
        return TN_OK;
    uint64_t sum[3] = {0}, square[3] = {0};
    TN_TRY(make_room(l, 3 * pixels));
    TN_TRY(read_item(l, c, item, width, height, l->pixels));
    add_up(l->pixels, pixels, sum, square);
    for (int k = 0; k < 3; k++) {
        out->whole[k] = variance(sum[k], square[k], (double)pixels);
        out->small[k] = variance(look->sum[k], look->square[k], AREA);
    }
    return TN_OK;
}

/* ---- one picture -------------------------------------------------------------------------------- */

static tn_status look_at(tn_looker *l, tn_check *c, int64_t item)
{
    uint8_t rgb[3 * AREA];
    tn_look *look = &c->look[item];
    tn_sampled sampled = {{0}};
    const int64_t place = sample_of(c, item);
    TN_TRY(open_item(l, c, item));
    take_facts(l, c, item, look);
    TN_TRY(read_item(l, c, item, SIDE, SIDE, rgb));
    measure(look, rgb);
    if (place >= 0)
        TN_TRY(sample(l, c, item, &sampled));
    if (!c->set[tn_check_side_at(c, item)]->packed)
        TN_TRY(tn_decoder_judge(l->decoder));
    if (place >= 0)
        c->sampled[tn_check_side_at(c, item)][place] = sampled;
    return TN_OK;
}

/* As a loader has it: of a packed set no picture is bad, but the set. */
static bool is_the_files(const tn_check *c, int64_t item, tn_status status)
{
    return !c->set[tn_check_side_at(c, item)]->packed &&
           (status == TN_ERR_FORMAT || status == TN_ERR_IO);
}

tn_status tn_look_at(tn_looker *l, tn_check *c, int64_t item)
{
    tn_look *look = &c->look[item];
    const tn_status status = look_at(l, c, item);
    if (!is_the_files(c, item, status))
        return status;
    const tn_file_facts f = tn_decoder_facts(l->decoder);
    const char *reason = tn_bad_reason(tn_error(), tn_check_source(c, item)->path);
    *look = (tn_look){.size = (int64_t)f.size, .problem = tn_copy_text(reason)};
    return look->problem ? TN_OK : tn_check_no_memory();
}

static tn_status look_at_pixels(tn_looker *l, tn_check *c, int64_t item)
{
    tn_look *look = &c->look[item];
    const size_t bytes = 3 * (size_t)look->width * (size_t)look->height;
    TN_TRY(open_item(l, c, item));
    TN_TRY(make_room(l, bytes));
    TN_TRY(read_item(l, c, item, look->width, look->height, l->pixels));
    look->pixels = tn_digest_of(l->pixels, bytes);
    if (l->room > TN_IMAGE_KEPT_BYTES) {
        tn_free(l->pixels);
        l->pixels = NULL;
        l->room = 0;
    }
    return TN_OK;
}

tn_status tn_look_at_pixels(tn_looker *l, tn_check *c, int64_t item)
{
    const tn_look before = c->look[item];
    const tn_status status = look_at_pixels(l, c, item);
    if (!is_the_files(c, item, status))
        return status;
    c->look[item] = before; /* it was gone, or changed, between the two looks */
    return TN_OK;
}
