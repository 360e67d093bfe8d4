/*
 * A walk over the markers of a JPEG file:
 *
 *   FF D8 (start of image)   { FF marker, length (2 bytes, counts itself), payload }*   FF DA (scan) ...
 *
 * EXIF and XMP are APP1 segments (FF E1) whose payload begins with a name of their own.
 *   Source: ITU-T T.81, annex B; CIPA DC-008 (Exif 2.3), section 4.7; XMP, part 3, 1.1.3.
 */
#include "data/jpeg_markers.h"

#include <string.h>

#include "data/exif.h"

enum {
    MARKER_TEM = 0x01,
    MARKER_SOF0 = 0xC0, /* baseline, */
    MARKER_SOF1 = 0xC1, /* and what only may have more tables */
    MARKER_DHT = 0xC4,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_DQT = 0xDB,
    MARKER_APP1 = 0xE1
};

/* A segment's length, which counts itself; 0 if it does not lie within the file. */
static size_t segment(const uint8_t *bytes, size_t at, size_t size)
{
    if (size - at < 2)
        return 0;
    const size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
    return length < 2 || length > size - at ? 0 : length;
}

static bool has_payload(uint8_t marker)
{
    return marker != MARKER_TEM && !(marker >= MARKER_RST0 && marker <= MARKER_EOI);
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

/* An APP1 segment's payload: the first of each kind counts. */
static void read_app1(const uint8_t *bytes, size_t size, int *exif, int *xmp)
{
    static const char exif_name[6] = "Exif\0", xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    if (*exif < 0 && size >= sizeof exif_name && memcmp(bytes, exif_name, sizeof exif_name) == 0)
        *exif = tn_exif_orientation(bytes, size);
    if (*xmp < 0 && size >= sizeof xmp_name && memcmp(bytes, xmp_name, sizeof xmp_name) == 0)
        *xmp = tn_xmp_orientation(bytes + sizeof xmp_name, size - sizeof xmp_name);
}

tn_jpeg_markers tn_jpeg_markers_read(const uint8_t *bytes, size_t size)
{
    tn_jpeg_markers found = {.orientation = 1};
    int exif = -1, xmp = -1; /* -1: not seen yet */
    size_t at = 2;
    while (at + 4 <= size) {
        const uint8_t marker = bytes[at + 1];
        /* Fill bytes, and stray ones, which libjpeg passes over too. */
        if (bytes[at] != 0xFF || marker == 0xFF || marker == 0) {
            at++;
            continue;
        }
        at += 2;
        if (!has_payload(marker))
            continue;
        const size_t length = segment(bytes, at, size);
        if (length == 0)
            break;
        if (marker == MARKER_SOS) {
            found.complete = has_end(bytes, at + length, size);
            break;
        }
        if (marker == MARKER_APP1)
            read_app1(bytes + at + 2, length - 2, &exif, &xmp);
        if (marker == MARKER_DQT && !found.table) {
            found.table = bytes + at + 2;
            found.table_size = length - 2;
        }
        if ((marker == MARKER_SOF0 || marker == MARKER_SOF1) && length >= 7)
            found.frame = at + 3;
        at += length;
    }
    if (exif > 0 || xmp > 0)
        found.orientation = exif > 0 ? exif : xmp;
    return found;
}

/* Tables of one segment: a number, how many codes there are of each of 16 lengths, a byte a code. */
static bool codes_fit(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t codes = 0;
        if (size - at < 17)
            return false;
        for (size_t i = 1; i <= 16; i++)
            codes += bytes[at + i];
        if (codes > 256 || codes > size - at - 17)
            return false;
        at += 17 + codes;
    }
    return true;
}

/* Also between scans: in their data no FF is followed by a marker with a payload. */
bool tn_jpeg_tables_fit(const uint8_t *bytes, size_t size)
{
    for (size_t at = 2; at + 2 <= size;) {
        const uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xFF || marker == 0xFF || marker == 0) {
            at++;
            continue;
        }
        at += 2;
        if (!has_payload(marker))
            continue;
        const size_t length = segment(bytes, at, size);
        if (marker == MARKER_DHT && (length == 0 || !codes_fit(bytes + at + 2, length - 2)))
            return false;
        at += length;
    }
    return true;
}

bool tn_jpeg_is_trailer(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) {
        const uint8_t marker = bytes[i + 1];
        if (bytes[i] != 0xFF || marker == 0 || marker == 0xFF)
            continue;
        const bool of_the_image = marker >= MARKER_RST0 && marker <= MARKER_EOI;
        size_t fill = i; /* any number of FF may stand before a marker */
        while (fill > 0 && bytes[fill - 1] == 0xFF)
            fill--;
        return fill == 0 || !of_the_image;
    }
    return true;
}
