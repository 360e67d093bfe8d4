/*
 * A small JPEG file made of a rectangle of a larger one's MCUs: jpeg_map.h.
 */
#include <stdlib.h>

#include "base/base.h"
#include "data/jpeg_bits.h"
#include "data/jpeg_map.h"

/* Behind the end of the file, so that libjpeg is not afraid that the data may end while it takes a whole MCU of them: that
 * is 512 bytes a block to it. */
enum { SPARE = 512 * TN_JPEG_BLOCKS };

/* An MCU's new differences: 16 bits of code and 14 of number each, and any byte may want a 00 behind it. */
enum { NEW_IN_ROW = TN_JPEG_COMPONENTS * 8 };

typedef struct writer {
    uint8_t *next;
    uint64_t window; /* bits that wait, from the highest one on */
    int count;       /* of them, below 64 */
} writer;

static void write_bytes(writer *w, uint64_t x, int count)
{
    if (count == 8 && !tn_jpeg_has_ff(x)) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        x = __builtin_bswap64(x);
#endif
        memcpy(w->next, &x, sizeof x);
        w->next += 8;
        return;
    }
    for (int i = 0; i < count; i++) {
        const uint8_t byte = (uint8_t)(x >> (56 - 8 * i));
        *w->next++ = byte;
        if (byte == 0xFF)
            *w->next++ = 0;
    }
}

/* The `count` highest bits of x, behind which are zeros. */
static void put(writer *w, uint64_t x, int count)
{
    w->window |= x >> w->count;
    if (w->count + count < 64) {
        w->count += count;
        return;
    }
    write_bytes(w, w->window, 8);
    w->window = w->count ? x << (64 - w->count) : 0;
    w->count += count - 64;
}

static void put_number(writer *w, unsigned number, int count)
{
    if (count > 0)
        put(w, (uint64_t)number << (64 - count), count);
}

/* Ones to the end of the byte. */
static void finish(writer *w)
{
    put_number(w, 0xFF >> (w->count & 7), (8 - (w->count & 7)) & 7);
    write_bytes(w, w->window, w->count / 8);
}

/* Bytes of data to the last one, eight at once where no FF is among them. */
static void copy_bytes(writer *w, const uint8_t *byte, const uint8_t *last)
{
    const int count = w->count; /* stays the same */
    uint64_t window = w->window;
    while (byte < last) {
        const uint64_t x = last - byte >= 8 ? tn_jpeg_load(byte) : UINT64_MAX;
        if (!tn_jpeg_has_ff(x)) {
            write_bytes(w, window | x >> count, 8);
            window = x << 1 << (63 - count);
            byte += 8;
            continue;
        }
        w->window = window;
        for (int i = 0; i < 8 && byte < last; i++, byte = tn_jpeg_behind(byte))
            put_number(w, *byte, 8);
        window = w->window;
    }
    w->window = window;
}

/* Bits from one place to another. */
static void copy(writer *w, const uint8_t *bytes, uint32_t from, uint32_t to)
{
    const uint8_t *byte = bytes + (from >> 3), *last = bytes + (to >> 3);
    const int passed = from & 7, of_last = to & 7;
    if (byte == last) {
        put_number(w, (*byte & 0xFFU >> passed) >> (8 - of_last), of_last - passed);
        return;
    }
    if (passed > 0) {
        put_number(w, *byte & 0xFFU >> passed, 8 - passed);
        byte = tn_jpeg_behind(byte);
    }
    copy_bytes(w, byte, last);
    if (of_last > 0)
        put_number(w, *last >> (8 - of_last), of_last);
}

/* A difference by the codes of its component. Those below 0 are written as they are, less one. */
static void put_difference(writer *w, const tn_jpeg_writing *with, int difference)
{
    int category = 0;
    while (abs(difference) >> category)
        category++;
    const int number = difference < 0 ? difference - 1 : difference;
    put_number(w, with->code[category], with->length[category]);
    put_number(w, (unsigned)number & ((1U << category) - 1), category);
}

/* A row's MCUs from one stop to another. `dc`: what differences are to, before and after. */
static void put_row(writer *w, const tn_jpeg_map *map, const tn_jpeg_scan *scan,
                    const uint8_t *bytes, size_t size, int row, const int stops[2], int dc[])
{
    const int16_t *before = tn_jpeg_stop_dc(map, row, stops[0]);
    tn_jpeg_bits b = tn_jpeg_bits_at(bytes, size, map->place[tn_jpeg_stop(map, row, stops[0])]);
    uint32_t from = 0;
    for (int i = 0; i < scan->blocks; i++) {
        const int c = scan->component[i];
        const bool first = i == 0 || scan->component[i - 1] != c;
        int difference;
        if (first && i > 0)
            copy(w, bytes, from, tn_jpeg_place(&b, bytes));
        (void)tn_jpeg_pass_dc(&b, &scan->dc[scan->dc_of[c]], &difference);
        if (first) {
            put_difference(w, &scan->writing[scan->dc_of[c]], before[c] + difference - dc[c]);
            from = tn_jpeg_place(&b, bytes);
        }
        (void)tn_jpeg_pass_ac(&b, &scan->ac[scan->ac_of[c]]);
    }
    copy(w, bytes, from, map->place[tn_jpeg_stop(map, row, stops[1])]);
    for (int c = 0; c < scan->components; c++)
        dc[c] = tn_jpeg_stop_dc(map, row, stops[1])[c];
}

static int round_up(int pixel, int step, int most)
{
    const int up = (pixel + step - 1) / step * step;
    return up < most ? up : most;
}

tn_jpeg_cut tn_jpeg_cut_round(const tn_jpeg_map *map, const tn_jpeg_scan *scan, tn_jpeg_cut cut)
{
    const int across = map->every * scan->mcu_width, down = scan->mcu_height;
    return (tn_jpeg_cut){cut.left / across * across, cut.top / down * down,
                         round_up(cut.right, across, scan->width),
                         round_up(cut.bottom, down, scan->height)};
}

/* Rows of MCUs, and stops across, that a rounded cut goes from and to. */
static void limits(const tn_jpeg_map *map, const tn_jpeg_scan *scan, const tn_jpeg_cut *cut,
                   int rows[2], int stops[2])
{
    const int across = map->every * scan->mcu_width, down = scan->mcu_height;
    rows[0] = cut->top / down;
    rows[1] = (cut->bottom + down - 1) / down;
    stops[0] = cut->left / across;
    stops[1] = (cut->right + across - 1) / across;
}

size_t tn_jpeg_cut_bytes(const tn_jpeg_map *map, const tn_jpeg_scan *scan, tn_jpeg_cut cut)
{
    int rows[2], stops[2];
    size_t bits = 0;
    limits(map, scan, &cut, rows, stops);
    for (int row = rows[0]; row < rows[1]; row++)
        bits += map->place[tn_jpeg_stop(map, row, stops[1])] -
                map->place[tn_jpeg_stop(map, row, stops[0])];
    return scan->begin + 2 * (bits / 8 + 1) + (size_t)(rows[1] - rows[0]) * NEW_IN_ROW + 16 + SPARE;
}

size_t tn_jpeg_cut_out(const tn_jpeg_map *map, const tn_jpeg_scan *scan, const uint8_t *bytes,
                       size_t size, size_t frame, tn_jpeg_cut cut, uint8_t *out)
{
    const int width = cut.right - cut.left, height = cut.bottom - cut.top;
    const uint8_t sides[4] = {(uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8),
                              (uint8_t)width};
    int rows[2], stops[2], dc[TN_JPEG_COMPONENTS] = {0};
    limits(map, scan, &cut, rows, stops);
    memcpy(out, bytes, scan->begin);
    memcpy(out + frame, sides, sizeof sides);
    writer w = {.next = out + scan->begin};
    for (int row = rows[0]; row < rows[1]; row++)
        put_row(&w, map, scan, bytes, size, row, stops, dc);
    finish(&w);
    *w.next++ = 0xFF;
    *w.next++ = 0xD9;
    memset(w.next, 0, SPARE);
    return (size_t)(w.next - out) + SPARE;
}
