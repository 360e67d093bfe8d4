/*
 * PNG:  89 'P' 'N' 'G' 0D 0A 1A 0A   { length (4 bytes), name (4), data, CRC (4) of name and data }*
 *
 * Pixels are in IDAT chunks, the last chunk is IEND. Orientation is an eXIf chunk, a text of ImageMagick
 * (hexadecimal digits under "Raw profile type exif") or XMP as a text, anywhere in the file.
 *   Source: W3C, Portable Network Graphics, third edition, sections 5, 11 and annex D.
 */
#include "data/png_chunks.h"

#include <string.h>

#ifdef TN_HAVE_PNG
#define ZLIB_CONST /* it does not write what it reads */
#include <zlib.h>
#endif

#include "base/base.h"
#include "data/exif.h"

enum { SIGNATURE = 8, AROUND = 12 /* bytes of a chunk beside its data */, PALETTE = 3 };

typedef struct chunk {
    const uint8_t *name, *data;
    size_t size;
} chunk;

/* What the chunks seen so far say: 0 where nothing is said. */
typedef struct said {
    int exif, xmp;
} said;

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool tn_png_is(const uint8_t *bytes, size_t size)
{
    return size >= SIGNATURE && memcmp(bytes, "\x89PNG\r\n\x1A\n", SIGNATURE) == 0;
}

/* The chunk at *at, which moves behind it. False if it is not whole. */
static bool next(const tn_encoded *from, size_t *at, chunk *out)
{
    if (*at > from->size || from->size - *at < AROUND)
        return false;
    const uint32_t size = read_be32(from->bytes + *at);
    if (size > from->size - *at - AROUND)
        return false;
    *out = (chunk){from->bytes + *at + 4, from->bytes + *at + 8, size};
    *at += AROUND + (size_t)size;
    return true;
}

static bool is(const chunk *c, const char *name)
{
    return memcmp(c->name, name, 4) == 0;
}

/* Text follows the keyword and its zero. NULL if the keyword is another. */
static const uint8_t *after_keyword(const chunk *c, const char *keyword)
{
    const size_t length = strlen(keyword) + 1;
    return c->size > length && memcmp(c->data, keyword, length) == 0 ? c->data + length : NULL;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A line break, a name, a line break, a length, a line break, digits in lines. Only what stands near
 * the beginning is looked at: there the first directory is. */
static int profile_orientation(const uint8_t *text, size_t size)
{
    uint8_t exif[4096];
    size_t count = 0, at = 0, lines = 0;
    while (at < size && lines < 3)
        lines += text[at++] == '\n';
    int high = -1;
    for (; at < size && count < sizeof exif; at++) {
        const int value = digit(text[at]);
        if (value < 0)
            continue;
        if (high >= 0)
            exif[count++] = (uint8_t)(high << 4 | value);
        high = high >= 0 ? -1 : value;
    }
    return tn_exif_orientation(exif, count);
}

/* Of a compressed text; without zlib it is passed over. */
static int packed_orientation(const uint8_t *bytes, size_t size,
                              int (*read)(const uint8_t *text, size_t size))
{
    int orientation = 0;
#ifdef TN_HAVE_PNG
    uint8_t text[16384];
    z_stream z = {.next_in = bytes, .avail_in = (uInt)size};
    if (inflateInit(&z) != Z_OK)
        return 0;
    z.next_out = text;
    z.avail_out = sizeof text;
    const int result = inflate(&z, Z_SYNC_FLUSH);
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
        orientation = read(text, sizeof text - z.avail_out);
    inflateEnd(&z);
#endif
    (void)bytes;
    (void)size;
    (void)read;
    return orientation;
}

/* iTXt: keyword 0, whether it is compressed, how, language 0, translated keyword 0, text. */
static int itxt_orientation(const chunk *c)
{
    const uint8_t *p = after_keyword(c, "XML:com.adobe.xmp"), *end = c->data + c->size;
    if (!p || end - p < 4)
        return 0;
    const bool packed = p[0] != 0;
    p += 2;
    for (int i = 0; i < 2 && p; i++) {
        p = memchr(p, 0, (size_t)(end - p));
        p = p && p + 1 < end ? p + 1 : NULL;
    }
    if (!p)
        return 0;
    return packed ? packed_orientation(p, (size_t)(end - p), tn_xmp_orientation)
                  : tn_xmp_orientation(p, (size_t)(end - p));
}

static void ask(const chunk *c, said *out)
{
    static const char profile[] = "Raw profile type exif";
    const uint8_t *end = c->data + c->size, *text = after_keyword(c, profile);
    if (is(c, "eXIf") && !out->exif)
        out->exif = tn_exif_orientation(c->data, c->size);
    else if (is(c, "tEXt") && text && !out->exif)
        out->exif = profile_orientation(text, (size_t)(end - text));
    else if (is(c, "zTXt") && text && !out->exif) /* a byte says how it is compressed */
        out->exif = packed_orientation(text + 1, (size_t)(end - text) - 1, profile_orientation);
    else if (is(c, "iTXt") && !out->xmp)
        out->xmp = itxt_orientation(c);
}

tn_status tn_png_chunks_read(const tn_encoded *from, tn_png_chunks *out)
{
    size_t at = SIGNATURE;
    chunk c;
    said says = {0};
    size_t indexes = 0;
    *out = (tn_png_chunks){.orientation = 1, .all_colours = true};
    while (next(from, &at, &c)) {
        if (is(&c, "CgBI"))
            return tn_fail(TN_ERR_FORMAT, "%s: a PNG of Apple's own kind (CgBI) is not read",
                           from->name);
        if (is(&c, "IHDR") && c.size == 13 && c.data[9] == PALETTE)
            indexes = (size_t)1 << (c.data[8] & 15);
        if (is(&c, "PLTE"))
            out->all_colours = c.size / 3 >= indexes;
        if (is(&c, "IDAT"))
            out->data_end = at;
        out->has_end = is(&c, "IEND");
        if (out->has_end)
            break;
        ask(&c, &says);
    }
    /* Of what is missing behind the pixels only an end mark is sure to change nothing. */
    if (out->data_end == 0 || (!out->has_end && from->size - out->data_end >= AROUND))
        return tn_fail(TN_ERR_FORMAT, "%s: the PNG data end early: %zu bytes are not all of it",
                       from->name, from->size);
    if (says.exif || says.xmp)
        out->orientation = says.exif ? says.exif : says.xmp;
    return TN_OK;
}

/* ISO 3309: the polynomial 0x04C11DB7, lowest bit first. */
static uint32_t crc(const uint8_t *bytes, size_t size)
{
    static const uint32_t four_bits[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                           0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                           0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                           0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t c = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        c = four_bits[(c ^ bytes[i]) & 15] ^ c >> 4;
        c = four_bits[(c ^ bytes[i] >> 4) & 15] ^ c >> 4;
    }
    return ~c;
}

tn_status tn_png_check_crcs(const tn_encoded *from)
{
    size_t at = SIGNATURE;
    chunk c;
    while (next(from, &at, &c)) {
        if (read_be32(c.data + c.size) != crc(c.name, c.size + 4))
            return tn_fail(TN_ERR_FORMAT, "%s: PNG: %.4s: CRC error", from->name,
                           (const char *)c.name);
        if (is(&c, "IEND"))
            break;
    }
    return TN_OK;
}
