#include "data/hash.h"

#include <math.h>
#include <pthread.h>

enum { SIDE = TN_HASH_SIDE, SMALL = 32, WAVES = 8, COLUMNS = 9, ROWS = 8 };

void tn_hash_grey(const uint8_t *rgb, int pixels, uint8_t *grey)
{
    for (int i = 0; i < pixels; i++)
        grey[i] = (uint8_t)((rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 +
                             0x8000) >>
                            16);
}

/* ---- pHash -------------------------------------------------------------------------------------- */

typedef struct spectrum {
    double at[WAVES][WAVES]; /* down, across */
} spectrum;

static void halve(const uint8_t *grey, double *small)
{
    for (int y = 0; y < SMALL; y++)
        for (int x = 0; x < SMALL; x++) {
            const uint8_t *p = grey + 2 * y * SIDE + 2 * x;
            small[y * SMALL + x] = p[0] + p[1] + p[SIDE] + p[SIDE + 1];
        }
}

/* cos(pi (2 x + 1) k / 64), the pi's multiple kept small so that every C library gives the same. */
static double cosine[WAVES][SMALL];

static void make_cosines(void)
{
    const double pi = 3.14159265358979323846;
    for (int k = 0; k < WAVES; k++)
        for (int x = 0; x < SMALL; x++)
            cosine[k][x] = cos(pi * ((2 * x + 1) * k % (4 * SMALL)) / (2 * SMALL));
}

static double wave(const double *value, int stride, int k)
{
    double sum = 0;
    for (int x = 0; x < SMALL; x++)
        sum += value[x * stride] * cosine[k][x];
    return sum;
}

static spectrum transform(const uint8_t *grey)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    double small[SMALL * SMALL], across[SMALL * WAVES];
    spectrum s;
    pthread_once(&once, make_cosines);
    halve(grey, small);
    for (int y = 0; y < SMALL; y++)
        for (int k = 0; k < WAVES; k++)
            across[y * WAVES + k] = wave(small + y * SMALL, 1, k);
    for (int v = 0; v < WAVES; v++)
        for (int k = 0; k < WAVES; k++)
            s.at[v][k] = wave(across + k, WAVES, v);
    return s;
}

/* The middle one of 63: the one that 31 others are below. Equal ones: any of them. */
static double median(const double *value)
{
    enum { COUNT = WAVES * WAVES - 1 };
    for (int i = 0; i < COUNT; i++) {
        int below = 0, equal = 0;
        for (int k = 0; k < COUNT; k++) {
            below += value[k] < value[i];
            equal += value[k] == value[i];
        }
        if (below <= COUNT / 2 && COUNT / 2 < below + equal)
            return value[i];
    }
    return 0; /* never: some element is the middle one */
}

/* Mirrored, waves of odd number change their sign. */
static uint64_t phash(const spectrum *s, bool mirror)
{
    double value[WAVES * WAVES];
    for (int i = 0; i < WAVES * WAVES; i++)
        value[i] = s->at[i / WAVES][i % WAVES] * (mirror && i % 2 ? -1 : 1);
    const double middle = median(value + 1);
    uint64_t bits = 0;
    for (int i = 1; i < WAVES * WAVES; i++)
        bits |= (uint64_t)(value[i] > middle) << (i - 1);
    return bits;
}

/* ---- dHash -------------------------------------------------------------------------------------- */

/* Means of 9 x 8 areas, times a constant: whole numbers, so that comparing them is exact. A pixel is 9 wide and an area
 * 64, in ninths of a pixel. */
static void shrink(const uint8_t *grey, int32_t area[ROWS][COLUMNS])
{
    for (int y = 0; y < ROWS; y++)
        for (int c = 0; c < COLUMNS; c++) {
            const int from = c * SIDE, to = from + SIDE;
            int32_t sum = 0;
            for (int x = from / COLUMNS; x * COLUMNS < to; x++) {
                const int left = x * COLUMNS > from ? x * COLUMNS : from;
                const int right = (x + 1) * COLUMNS < to ? (x + 1) * COLUMNS : to;
                for (int r = 0; r < SIDE / ROWS; r++)
                    sum += grey[(y * (SIDE / ROWS) + r) * SIDE + x] * (right - left);
            }
            area[y][c] = sum;
        }
}

static uint64_t dhash(int32_t area[ROWS][COLUMNS], bool mirror)
{
    uint64_t bits = 0;
    for (int y = 0; y < ROWS; y++)
        for (int c = 0; c + 1 < COLUMNS; c++) {
            const int left = mirror ? COLUMNS - 1 - c : c, right = mirror ? left - 1 : left + 1;
            bits |= (uint64_t)(area[y][right] > area[y][left]) << (y * (COLUMNS - 1) + c);
        }
    return bits;
}

tn_hashes tn_hash_of(const uint8_t *grey)
{
    const spectrum s = transform(grey);
    int32_t area[ROWS][COLUMNS];
    shrink(grey, area);
    return (tn_hashes){.plain = {phash(&s, false), dhash(area, false)},
                       .mirror = {phash(&s, true), dhash(area, true)}};
}

/* ---- distance ----------------------------------------------------------------------------------- */

int tn_hash_distance(const tn_hash *a, const tn_hash *b)
{
    const int p = __builtin_popcountll(a->p ^ b->p), d = __builtin_popcountll(a->d ^ b->d);
    return p > d ? p : d;
}

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

int tn_hashes_distance(const tn_hashes *a, const tn_hashes *b)
{
    const int mirrored =
        lesser(tn_hash_distance(&a->mirror, &b->plain), tn_hash_distance(&a->plain, &b->mirror));
    return lesser(tn_hash_distance(&a->plain, &b->plain), mirrored);
}
