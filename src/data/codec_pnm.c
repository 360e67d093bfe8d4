/*
 * PBM, PGM and PPM:
 *
 *   "P1" to "P6", width, height, and but for PBM the value that is white; then the values:
 *   P1 P2 P3  as text          P4  a bit each, 1 is black, rows padded to bytes
 *   P5 P6     as one byte each, or two, the high one first, if white is above 255
 *
 * Numbers are separated by white space; from # to the end of a line is a comment. Before binary values
 * there is exactly one white space. A value becomes round(value / white * 255), as Pillow has it.
 *   Source: pbm(5), pgm(5), ppm(5) of Netpbm.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "data/codec.h"

typedef struct header {
    int kind; /* 1 to 6 */
    int width, height, white;
    size_t at; /* of the first value */
} header;

static bool knows(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           (strchr(" \t\n\v\f\r#", bytes[2]) && bytes[2] != 0);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static tn_status ends_early(const tn_encoded *from)
{
    return tn_fail(TN_ERR_FORMAT, "%s: the PNM data end early: %zu bytes are not all of it",
                   from->name, from->size);
}

/* False at the end. */
static bool pass_space(const tn_encoded *from, size_t *at)
{
    for (bool comment = false; *at < from->size; ++*at) {
        const uint8_t c = from->bytes[*at];
        if (c == '#')
            comment = true;
        else if (c == '\n' || c == '\r')
            comment = false;
        if (!comment && !is_space(c))
            return true;
    }
    return false;
}

/* A number of `digits` digits at most; what follows it is left alone. */
static tn_status read_number(const tn_encoded *from, size_t *at, int digits, int *out)
{
    if (!pass_space(from, at))
        return ends_early(from);
    const size_t begin = *at;
    int value = 0;
    for (; *at < from->size && *at - begin < (size_t)digits; ++*at) {
        const uint8_t c = from->bytes[*at];
        if (c < '0' || c > '9')
            break;
        value = value * 10 + (c - '0');
    }
    if (digits > 1 && *at < from->size && from->bytes[*at] >= '0' && from->bytes[*at] <= '9')
        return tn_fail(TN_ERR_FORMAT, "%s: broken PNM: a number of more than %d digits at byte %zu",
                       from->name, digits, begin);
    if (*at == begin)
        return tn_fail(TN_ERR_FORMAT, "%s: broken PNM: no number at byte %zu", from->name, begin);
    *out = value;
    return TN_OK;
}

static tn_status read_header(const tn_encoded *from, header *h)
{
    *h = (header){.kind = from->bytes[1] - '0', .white = 1, .at = 2};
    TN_TRY(read_number(from, &h->at, 9, &h->width));
    TN_TRY(read_number(from, &h->at, 9, &h->height));
    if (h->kind != 1 && h->kind != 4)
        TN_TRY(read_number(from, &h->at, 9, &h->white));
    if (h->white < 1 || h->white > 65535)
        return tn_fail(TN_ERR_FORMAT, "%s: broken PNM: white is %d, not from 1 to 65535",
                       from->name, h->white);
    if (h->at >= from->size)
        return ends_early(from);
    if (!is_space(from->bytes[h->at]))
        return tn_fail(TN_ERR_FORMAT, "%s: broken PNM: no white space behind its header",
                       from->name);
    h->at++;
    return TN_OK;
}

static int channels_of(const header *h)
{
    return h->kind == 3 || h->kind == 6 ? 3 : 1;
}

/* A value as text takes two bytes, of P1 one. */
static tn_status check_length(const tn_encoded *from, const header *h)
{
    const uint64_t row = (uint64_t)h->width * (uint64_t)channels_of(h);
    uint64_t bytes = h->kind == 4 ? (row + 7) / 8 : h->white > 255 ? 2 * row : row;
    if (h->kind == 2 || h->kind == 3)
        bytes = row;
    return bytes * (uint64_t)h->height > from->size - h->at ? ends_early(from) : TN_OK;
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    header h;
    TN_TRY(read_header(from, &h));
    TN_TRY(check_length(from, &h));
    out->width = h.width;
    out->height = h.height;
    return TN_OK;
}

static tn_status read_value(const tn_encoded *from, const header *h, size_t *at, int *out)
{
    if (h->kind >= 5) {
        *out = from->bytes[(*at)++];
        if (h->white > 255)
            *out = *out << 8 | from->bytes[(*at)++];
        *out = *out < h->white ? *out : h->white;
        return TN_OK;
    }
    TN_TRY(read_number(from, at, h->kind == 1 ? 1 : 6, out));
    if (*out > h->white)
        return tn_fail(TN_ERR_FORMAT, "%s: broken PNM: a value of %d, where white is %d",
                       from->name, *out, h->white);
    return TN_OK;
}

static void unpack_bits(const tn_encoded *from, const header *h, uint8_t *rgb)
{
    const size_t row = ((size_t)h->width + 7) / 8;
    for (int y = 0; y < h->height; y++)
        for (int x = 0; x < h->width; x++, rgb += 3) {
            const uint8_t eight = from->bytes[h->at + (size_t)y * row + (size_t)x / 8];
            memset(rgb, eight >> (7 - x % 8) & 1 ? 0 : 255, 3);
        }
}

static tn_status decode(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb)
{
    header h;
    TN_TRY(read_header(from, &h));
    const size_t pixels = (size_t)stored->width * (size_t)stored->height;
    if (h.kind == 4) {
        unpack_bits(from, &h, rgb);
        return TN_OK;
    }
    if (h.kind == 6 && h.white == 255) {
        memcpy(rgb, from->bytes + h.at, 3 * pixels);
        return TN_OK;
    }
    const int channels = channels_of(&h);
    size_t at = h.at;
    for (size_t i = 0; i < pixels; i++) {
        for (int c = 0; c < channels; c++) {
            int value;
            TN_TRY(read_value(from, &h, &at, &value));
            const double light = h.kind == 1 ? 1 - value : (double)value / h.white;
            rgb[3 * i + (size_t)c] = (uint8_t)rint(light * 255);
        }
        for (int c = channels; c < 3; c++)
            rgb[3 * i + (size_t)c] = rgb[3 * i];
    }
    return TN_OK;
}

const tn_codec tn_codec_pnm = {.knows = knows, .open = open_source, .decode = decode};
