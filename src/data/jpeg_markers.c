/*
 * A walk over the markers of a JPEG file:
 *
 *   FF D8 (start of image)   { FF marker, length (2 bytes, counts itself), payload }*   FF DA (scan) ...
 *
 * EXIF is the APP1 segment (FF E1) whose payload is "Exif\0\0" and a TIFF file: byte order "II" or
 * "MM", 42, offset of a directory; a directory is a count and entries of 12 bytes: tag, type, count,
 * value. Orientation is tag 0x0112, one SHORT.
 *   Source: ITU-T T.81, annex B; CIPA DC-008 (Exif 2.3), section 4.6.
 */
#include "data/jpeg_markers.h"

#include <string.h>

enum {
    MARKER_TEM = 0x01,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_APP1 = 0xE1,
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3
};

typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool little;
} tiff;

/* 0 outside of the file: no field that is read here means anything when it is 0. */
static uint32_t read_uint(const tiff *t, size_t at, size_t count)
{
    if (at > t->size || count > t->size - at)
        return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | t->bytes[at + (t->little ? count - 1 - i : i)];
    return value;
}

static int tiff_orientation(const uint8_t *bytes, size_t size)
{
    const bool little = size >= 2 && memcmp(bytes, "II", 2) == 0;
    const tiff t = {bytes, size, little};
    if (size < 8 || (!little && memcmp(bytes, "MM", 2) != 0) || read_uint(&t, 2, 2) != 42)
        return 1;
    const size_t directory = read_uint(&t, 4, 4);
    const uint32_t entries = read_uint(&t, directory, 2);
    for (uint32_t i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + 12 * (size_t)i;
        if (entry >= size)
            break;
        if (read_uint(&t, entry, 2) != TAG_ORIENTATION)
            continue;
        const uint32_t value = read_uint(&t, entry + 8, 2);
        const bool valid = read_uint(&t, entry + 2, 2) == TYPE_SHORT &&
                           read_uint(&t, entry + 4, 4) == 1 && value >= 1 && value <= 8;
        return valid ? (int)value : 1;
    }
    return 1;
}

/* In a scan each FF of data is followed by 00, so FF D9 after the first scan's start is a marker. It
 * is the file's last but for what cameras and tools append, so it is looked for from behind. */
static bool has_end(const uint8_t *bytes, size_t scan, size_t size)
{
    for (size_t i = size; i >= scan + 2; i--)
        if (bytes[i - 1] == MARKER_EOI && bytes[i - 2] == 0xFF)
            return true;
    return false;
}

bool tn_jpeg_is(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 0xFF && bytes[1] == MARKER_SOI && bytes[2] == 0xFF;
}

tn_jpeg_markers tn_jpeg_markers_read(const uint8_t *bytes, size_t size)
{
    static const char exif[6] = "Exif\0";
    tn_jpeg_markers found = {.orientation = 1};
    bool seen = false;
    size_t at = 2;
    while (at + 4 <= size) {
        const uint8_t marker = bytes[at + 1];
        /* Fill bytes, and stray ones, which libjpeg passes over too. */
        if (bytes[at] != 0xFF || marker == 0xFF || marker == 0) {
            at++;
            continue;
        }
        at += 2;
        if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_EOI))
            continue;
        const size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
        if (length < 2 || length > size - at)
            break;
        if (marker == MARKER_SOS) {
            found.complete = has_end(bytes, at + length, size);
            break;
        }
        if (marker == MARKER_APP1 && !seen && length >= 2 + sizeof exif &&
            memcmp(bytes + at + 2, exif, sizeof exif) == 0) {
            seen = true;
            found.orientation =
                tiff_orientation(bytes + at + 2 + sizeof exif, length - 2 - sizeof exif);
        }
        at += length;
    }
    return found;
}
