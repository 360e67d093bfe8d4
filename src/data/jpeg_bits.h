/*
 * Bits of a scan's data, which lie from the highest one of a byte on; behind an FF of data stands a 00 that is none of
 * them, and any other byte behind an FF makes a marker, where the data end. From there on the bits are zeros that are
 * counted.
 */
#ifndef TN_JPEG_BITS_H
#define TN_JPEG_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "data/jpeg_scan.h"

typedef struct tn_jpeg_bits {
    const uint8_t *next, *end; /* of the file: bytes that are not in `window` yet */
    uint64_t window;           /* the next bits, from the highest one on; */
    int count;                 /* so many of them may be used, */
    int made_up;               /* and of those, the last so many are no data */
} tn_jpeg_bits;

static inline uint64_t tn_jpeg_load(const uint8_t *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* Is any of the eight bytes FF? */
static inline bool tn_jpeg_has_ff(uint64_t x)
{
    return ((~x - 0x0101010101010101U) & x & 0x8080808080808080U) != 0;
}

/* The byte behind this one of data. */
static inline const uint8_t *tn_jpeg_behind(const uint8_t *byte)
{
    return byte + (byte[0] == 0xFF ? 2 : 1);
}

/* To more than 56 bits. */
static inline void tn_jpeg_fill(tn_jpeg_bits *b)
{
    if (b->end - b->next >= 8) {
        const uint64_t x = tn_jpeg_load(b->next);
        if (!tn_jpeg_has_ff(x)) {
            b->window |= x >> b->count; /* and bits that come again with the next load */
            b->next += (63 - b->count) >> 3;
            b->count |= 56;
            return;
        }
    }
    for (; b->count <= 56; b->count += 8) {
        const bool data = b->end - b->next >= 2 && (b->next[0] != 0xFF || b->next[1] == 0);
        const uint64_t byte = data ? b->next[0] : 0;
        if (data)
            b->next = tn_jpeg_behind(b->next);
        else
            b->made_up += 8;
        b->window |= byte << (56 - b->count);
    }
}

static inline unsigned tn_jpeg_peek(const tn_jpeg_bits *b, int count)
{
    return (unsigned)(b->window >> (64 - count));
}

static inline void tn_jpeg_pass(tn_jpeg_bits *b, int count)
{
    b->window <<= count;
    b->count -= count;
}

static inline tn_jpeg_bits tn_jpeg_bits_at(const uint8_t *bytes, size_t size, uint32_t place)
{
    tn_jpeg_bits b = {.next = bytes + (place >> 3), .end = bytes + size};
    tn_jpeg_fill(&b);
    tn_jpeg_pass(&b, (int)(place & 7));
    return b;
}

/* Data that have been passed over and were none. */
static inline bool tn_jpeg_ran_out(const tn_jpeg_bits *b)
{
    return b->count < b->made_up;
}

/* Where the next bit lies in the file, in bits; of data that did not run out. */
static inline uint32_t tn_jpeg_place(const tn_jpeg_bits *b, const uint8_t *bytes)
{
    const int ahead = b->count - b->made_up, whole = (ahead + 7) / 8;
    const uint8_t *byte = b->next;
    for (int i = 0; i < whole; i++) {
        byte--;
        if (byte[0] == 0 && byte > bytes && byte[-1] == 0xFF)
            byte--;
    }
    return (uint32_t)((size_t)(byte - bytes) * 8 + (size_t)(whole * 8 - ahead));
}

/* The step that the next bits are (tn_jpeg_codes); 0: they are no code. At least 16 bits are there. */
static inline unsigned tn_jpeg_step(const tn_jpeg_bits *b, const tn_jpeg_codes *codes)
{
    const unsigned step = codes->look[tn_jpeg_peek(b, TN_JPEG_LOOK)];
    if (step)
        return step;
    for (int length = TN_JPEG_LOOK + 1; length <= 16; length++) {
        const int32_t code = (int32_t)tn_jpeg_peek(b, length);
        if (code < codes->end[length])
            return codes->step[code + codes->place[length]];
    }
    return 0;
}

/* Passes over a code of DC and its number, which is the difference to the block before. */
static inline bool tn_jpeg_pass_dc(tn_jpeg_bits *b, const tn_jpeg_codes *codes, int *difference)
{
    if (b->count < 32)
        tn_jpeg_fill(b);
    const unsigned step = tn_jpeg_step(b, codes), category = step >> 8;
    tn_jpeg_pass(b, step & 255);
    *difference = 0;
    if (category > 0) {
        const int number = (int)tn_jpeg_peek(b, (int)category);
        *difference = number >> (category - 1) ? number : number - (1 << category) + 1;
        tn_jpeg_pass(b, (int)category);
    }
    return step != 0;
}

/* Passes over the rest of a block. */
static inline bool tn_jpeg_pass_ac(tn_jpeg_bits *b, const tn_jpeg_codes *codes)
{
    for (unsigned k = 1; k < 64;) {
        if (b->count < 32)
            tn_jpeg_fill(b);
        const unsigned step = tn_jpeg_step(b, codes);
        if (step == 0)
            return false;
        tn_jpeg_pass(b, step & 255);
        k += step >> 8;
    }
    return true;
}

#endif
