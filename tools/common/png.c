/*
 * PNG (RFC 2083): chunks of a length, a name, bytes and a CRC-32. The picture's rows, each behind a byte of 0 (no filter), are a
 * stream of zlib (RFC 1950) in blocks that are stored (RFC 1951, 3.2.4).
 */
#include "png.h"

#include <stddef.h>
#include <string.h>

enum { STORED = 65535 /* bytes of a block */ };

/* What has been written of a chunk or stream. */
typedef struct sums {
    FILE *to;
    uint32_t crc, a, b; /* a, b: of Adler-32 */
} sums;

static void put(sums *s, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        s->crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            s->crc = s->crc >> 1 ^ (s->crc & 1 ? 0xedb88320u : 0);
    }
    fwrite(bytes, 1, size, s->to);
}

static void put_number(sums *s, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 8), (uint8_t)number};
    put(s, bytes, sizeof bytes);
}

static void begin(sums *s, const char *name, size_t size)
{
    put_number(s, (uint32_t)size);
    s->crc = 0xffffffffu;
    put(s, (const uint8_t *)name, 4);
}

static void end(sums *s)
{
    put_number(s, ~s->crc);
}

/* Bytes of the stream, each counted by Adler-32; a new block is begun where one is full. */
static void put_data(sums *s, const uint8_t *bytes, size_t size, size_t *at, size_t all)
{
    while (size > 0) {
        const size_t in_block = *at % STORED, block = all - (*at - in_block);
        const size_t length = block < STORED ? block : STORED;
        const size_t part = size < length - in_block ? size : length - in_block;
        if (in_block == 0) {
            const uint8_t head[5] = {block <= STORED, (uint8_t)length, (uint8_t)(length >> 8),
                                     (uint8_t)~length, (uint8_t)(~length >> 8)};
            put(s, head, sizeof head);
        }
        put(s, bytes, part);
        for (size_t i = 0; i < part; i++) {
            s->a = (s->a + bytes[i]) % 65521;
            s->b = (s->b + s->a) % 65521;
        }
        bytes += part;
        size -= part;
        *at += part;
    }
}

void png_write(FILE *to, int width, int height, int channels, const uint8_t *pixels)
{
    static const uint8_t signature[] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
    static const uint8_t zlib[] = {0x78, 0x01}, none = 0;
    const uint8_t kind[] = {8, channels == 3 ? 2 : 0, 0, 0, 0};
    const size_t row = (size_t)width * (size_t)channels, all = (row + 1) * (size_t)height;
    sums s = {.to = to, .a = 1};
    size_t at = 0;
    fwrite(signature, 1, sizeof signature, to);
    begin(&s, "IHDR", 13);
    put_number(&s, (uint32_t)width);
    put_number(&s, (uint32_t)height);
    put(&s, kind, sizeof kind);
    end(&s);
    begin(&s, "IDAT", sizeof zlib + all + 5 * ((all + STORED - 1) / STORED) + 4);
    put(&s, zlib, sizeof zlib);
    for (int y = 0; y < height; y++) {
        put_data(&s, &none, 1, &at, all);
        put_data(&s, pixels + (size_t)y * row, row, &at, all);
    }
    put_number(&s, s.b << 16 | s.a);
    end(&s);
    begin(&s, "IEND", 0);
    end(&s);
}
