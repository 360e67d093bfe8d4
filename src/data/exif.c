/*
 * EXIF is a TIFF file: byte order "II" or "MM", 42, offset of a directory; a directory is a count and
 * entries of 12 bytes: tag, type, count, and the first value or, if it has more than four bytes, its
 * offset. Orientation is tag 0x0112. The standard wants one SHORT; files have it in any type of whole
 * numbers, and readers take it.
 *   Source: CIPA DC-008 (Exif 2.3), sections 4.6; TIFF 6.0, section 2; Pillow's exif_transpose() for
 *   what counts where files stray.
 */
#include "data/exif.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"

enum { TAG_ORIENTATION = 0x0112 };

/* By number of the type: bytes a value, and bytes of its second part, by which it is divided. */
static const struct number {
    uint8_t bytes, divisor;
} numbers[] = {
    [3] = {2, 0}, [4] = {4, 0},  [5] = {4, 4},  [6] = {1, 0},  [8] = {2, 0},
    [9] = {4, 0}, [10] = {4, 4}, [13] = {4, 0}, [16] = {8, 0},
};

typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool little;
} tiff;

/* 0 outside of the file: no field that is read here means anything when it is 0. */
static uint64_t read_uint(const tiff *t, size_t at, size_t count)
{
    if (at > t->size || count > t->size - at)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | t->bytes[at + (t->little ? count - 1 - i : i)];
    return value;
}

/* The value of the entry at this place; 1 if it is no orientation. */
static int entry_value(const tiff *t, size_t entry)
{
    const uint64_t type = read_uint(t, entry + 2, 2);
    if (type >= TN_COUNT(numbers) || numbers[type].bytes == 0 || read_uint(t, entry + 4, 4) == 0)
        return 1;
    const struct number *n = &numbers[type];
    const size_t at = n->bytes + n->divisor > 4 ? (size_t)read_uint(t, entry + 8, 4) : entry + 8;
    uint64_t value = read_uint(t, at, n->bytes);
    if (n->divisor) {
        const uint64_t divisor = read_uint(t, at + n->bytes, n->divisor);
        value = divisor && value % divisor == 0 ? value / divisor : 1;
    }
    return value >= 1 && value <= 8 ? (int)value : 1;
}

int tn_exif_orientation(const uint8_t *bytes, size_t size)
{
    static const char mark[6] = "Exif\0";
    while (size >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0) {
        bytes += sizeof mark;
        size -= sizeof mark;
    }
    const bool little = size >= 2 && memcmp(bytes, "II", 2) == 0;
    const tiff t = {bytes, size, little};
    if (size < 8 || (!little && memcmp(bytes, "MM", 2) != 0) || read_uint(&t, 2, 2) != 42)
        return 0;
    const size_t directory = (size_t)read_uint(&t, 4, 4);
    const uint64_t entries = read_uint(&t, directory, 2);
    for (uint64_t i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + 12 * (size_t)i;
        if (entry >= size)
            break;
        if (read_uint(&t, entry, 2) == TAG_ORIENTATION)
            return entry_value(&t, entry);
    }
    return 0;
}

int tn_xmp_orientation(const uint8_t *bytes, size_t size)
{
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    for (size_t i = 0; size >= 2 && i + length <= size - 2; i++) {
        if (bytes[i] != 't' || memcmp(bytes + i, name, length) != 0)
            continue;
        const uint8_t *after = bytes + i + length;
        size_t digit = 1;
        if (*after == '=' && after[1] == '"')
            digit = 2;
        else if (*after != '>')
            continue;
        if (i + length + digit < size && after[digit] >= '0' && after[digit] <= '9')
            return after[digit] >= '1' && after[digit] <= '8' ? after[digit] - '0' : 1;
    }
    return 0;
}
