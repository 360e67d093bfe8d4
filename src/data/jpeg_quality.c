/*
 * libjpeg makes a table of quality q from the one of ITU-T T.81, table K.1: each number times 5000 / q per cent, or
 * 200 - 2 q from 50 on, rounded, between 1 and 255.   Source: jcparam.c of libjpeg, jpeg_quality_scaling().
 */
#include "data/jpeg_quality.h"

#include <stdlib.h>

#include "data/jpeg_markers.h"

enum { NUMBERS = 64 };

/* In any order, as only their sum is asked for. */
static const uint8_t standard[NUMBERS] = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};

static int sum_at(int quality)
{
    const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    int sum = 0;
    for (int i = 0; i < NUMBERS; i++) {
        const int number = (standard[i] * scale + 50) / 100;
        sum += number < 1 ? 1 : number > 255 ? 255 : number;
    }
    return sum;
}

/* The sums fall with the quality. */
static int nearest(int sum)
{
    int low = 1, high = 100; /* sum_at(low) >= sum, if any is; sum_at(high) <= sum */
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (sum_at(middle) >= sum)
            low = middle;
        else
            high = middle;
    }
    return abs(sum_at(low) - sum) < abs(sum_at(high) - sum) ? low : high;
}

int tn_jpeg_quality(const uint8_t *bytes, size_t size)
{
    const tn_jpeg_markers m = tn_jpeg_markers_read(bytes, size);
    if (m.table_size < 1)
        return 0;
    const size_t wide = m.table[0] >> 4 ? 2 : 1; /* bytes a number */
    if (m.table_size < 1 + NUMBERS * wide)
        return 0;
    int sum = 0;
    for (size_t i = 0; i < NUMBERS; i++)
        sum += wide == 1 ? m.table[1 + i] : m.table[1 + 2 * i] << 8 | m.table[2 + 2 * i];
    return nearest(sum);
}
