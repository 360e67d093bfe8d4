#include "data/jpeg_map.h"

#include "base/base.h"
#include "data/jpeg_bits.h"

enum { END_OF_IMAGE = 0xD9, RESTART = 0xD0 };

/*
 * Two steps of AC at once, by the next WIDE bits, where the first lies within them and so does the second's code:
 * (bits to pass over) | (coefficients to go on by) << 8, and ENDS if the block ends behind them. Where the second would not
 * be of this block, or there is no such step, NONE has the one step taken that is certain.
 */
enum { WIDE = 11, ENDS = 1 << 15, NONE = 64 << 8 };
typedef struct strides {
    uint16_t of[1 << WIDE];
} strides;

typedef struct walk {
    tn_jpeg_bits at;
    const uint8_t *bytes;
    const tn_jpeg_scan *scan;
    int dc[TN_JPEG_COMPONENTS]; /* what the next difference is one to */
    strides ac[4];
} walk;

static int stop_every(const tn_jpeg_scan *scan)
{
    const int by_count = (scan->columns + TN_JPEG_STOPS - 1) / TN_JPEG_STOPS;
    const int by_pixels = TN_JPEG_STOP_PIXELS / scan->mcu_width;
    return by_count > by_pixels ? by_count : by_pixels;
}

static int stops_across(const tn_jpeg_scan *scan)
{
    const int every = stop_every(scan);
    return (scan->columns + every - 1) / every + 1;
}

size_t tn_jpeg_map_bytes(const tn_jpeg_scan *scan)
{
    const size_t stops = (size_t)scan->rows * (size_t)stops_across(scan);
    return sizeof(tn_jpeg_map) +
           stops * (sizeof(uint32_t) + (size_t)scan->components * sizeof(int16_t));
}

/* The step at the `first` of WIDE bits, if its code lies in them; else 0. */
static unsigned step_in(const tn_jpeg_codes *codes, unsigned bits, int first)
{
    for (int length = 1; length <= WIDE - first; length++) {
        const int32_t code = (int32_t)(bits >> (WIDE - first - length)) & ((1 << length) - 1);
        if (code < codes->end[length])
            return codes->step[code + codes->place[length]];
    }
    return 0;
}

static unsigned stride_of(const tn_jpeg_codes *codes, unsigned bits)
{
    unsigned passed = 0, on = 0;
    for (int i = 0; i < 2; i++) {
        const unsigned step = step_in(codes, bits, (int)passed);
        if (step == 0)
            break;
        passed += step & 255;
        if (step >> 8 == 64)
            return passed | on << 8 | ENDS;
        on += step >> 8;
        if (passed >= WIDE)
            break;
    }
    return passed ? passed | on << 8 : NONE;
}

static bool pass_ac(tn_jpeg_bits *b, const tn_jpeg_codes *codes, const strides *s)
{
    for (unsigned k = 1; k < 64;) {
        if (b->count < 32)
            tn_jpeg_fill(b);
        const unsigned stride = s->of[tn_jpeg_peek(b, WIDE)], on = k + (stride >> 8 & 127);
        const unsigned step = on < 64 ? stride : tn_jpeg_step(b, codes);
        if (step == 0)
            return false;
        tn_jpeg_pass(b, (int)(step & 255));
        if (on < 64 && step & ENDS)
            break;
        k = on < 64 ? on : k + (step >> 8);
    }
    return true;
}

static bool pass_mcu(walk *w, tn_jpeg_bits *b)
{
    const tn_jpeg_scan *scan = w->scan;
    bool good = true;
    for (int i = 0; i < scan->blocks && good; i++) {
        const int c = scan->component[i], ac = scan->ac_of[c];
        int difference;
        good = tn_jpeg_pass_dc(b, &scan->dc[scan->dc_of[c]], &difference) &&
               pass_ac(b, &scan->ac[ac], &w->ac[ac]);
        w->dc[c] += difference;
        good &= w->dc[c] >= -TN_JPEG_MAX_DC && w->dc[c] <= TN_JPEG_MAX_DC;
    }
    return good;
}

static bool pass_row(walk *w, tn_jpeg_map *map, int row)
{
    tn_jpeg_bits b = w->at; /* in registers */
    int16_t *dc = (int16_t *)(map->place + tn_jpeg_stop(map, map->rows, 0)) +
                  tn_jpeg_stop(map, row, 0) * (size_t)map->components;
    for (int stop = 0; stop < map->across; stop++) {
        if (tn_jpeg_ran_out(&b))
            return false;
        map->place[tn_jpeg_stop(map, row, stop)] = tn_jpeg_place(&b, w->bytes);
        for (int c = 0; c < map->components; c++)
            *dc++ = (int16_t)w->dc[c];
        const int left = w->scan->columns - stop * map->every;
        for (int i = 0; i < left && i < map->every; i++)
            if (!pass_mcu(w, &b))
                return false;
    }
    w->at = b;
    return true;
}

/* Is this marker the next that comes? Not even bits that nobody needs may stand before it, but those of the last byte. */
static bool meets(tn_jpeg_bits *b, const uint8_t *bytes, int marker)
{
    const uint32_t place = tn_jpeg_place(b, bytes);
    const uint8_t *byte = bytes + (place >> 3);
    if (place & 7)
        byte = tn_jpeg_behind(byte);
    if (b->end - byte < 2 || byte[0] != 0xFF || byte[1] != marker)
        return false;
    *b = (tn_jpeg_bits){.next = byte + 2, .end = b->end};
    return true;
}

static void begin(walk *w, const tn_jpeg_scan *scan, const uint8_t *bytes, size_t size)
{
    w->at = tn_jpeg_bits_at(bytes, size, (uint32_t)scan->begin * 8);
    w->bytes = bytes;
    w->scan = scan;
    memset(w->dc, 0, sizeof w->dc);
    unsigned there = 0;
    for (int c = 0; c < scan->components; c++) {
        const int ac = scan->ac_of[c];
        for (unsigned bits = 0; !(there >> ac & 1) && bits < 1 << WIDE; bits++)
            w->ac[ac].of[bits] = (uint16_t)stride_of(&scan->ac[ac], bits);
        there |= 1U << ac;
    }
}

bool tn_jpeg_map_make(tn_jpeg_map *map, const tn_jpeg_scan *scan, const uint8_t *bytes, size_t size)
{
    walk w;
    int restarts = 0;
    bool good = true;
    begin(&w, scan, bytes, size);
    map->rows = scan->rows;
    map->across = stops_across(scan);
    map->every = stop_every(scan);
    map->components = scan->components;
    for (int row = 0; row < scan->rows && good; row++) {
        if (row > 0 && scan->restart_rows > 0 && row % scan->restart_rows == 0) {
            good = meets(&w.at, bytes, RESTART + restarts++ % 8);
            memset(w.dc, 0, sizeof w.dc);
        }
        good = good && pass_row(&w, map, row);
    }
    good = good && meets(&w.at, bytes, END_OF_IMAGE);
    map->rows = good ? scan->rows : 0;
    map->bytes = good ? tn_jpeg_map_bytes(scan) : sizeof *map;
    return good;
}
