/*
 * Hashes of pictures: mirrored ones are those of the mirrored picture; bands find what comparing all finds; and how often
 * both hashes find a changed photo, and take two photos for one, on those of the shared data.
 */
#define _XOPEN_SOURCE 700 /* M_PI */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/hash.h"
#include "data/image.h"
#include "lab.h"
#include "lab_image.h"

enum { SIDE = TN_HASH_SIDE, AREA = SIDE * SIDE };

/* ---- hashes ------------------------------------------------------------------------------------- */

static void a_mirrored_picture_has_the_mirrored_hash(void **state)
{
    (void)state;
    uint8_t *photo = lab_photo(SIDE, SIDE), grey[AREA], mirrored[AREA];
    tn_hash_grey(photo, AREA, grey);
    for (int i = 0; i < AREA; i++)
        mirrored[i] = grey[i / SIDE * SIDE + SIDE - 1 - i % SIDE];
    const tn_hashes a = tn_hash_of(grey), b = tn_hash_of(mirrored);
    assert_memory_equal(&a.mirror, &b.plain, sizeof a.mirror);
    assert_memory_equal(&a.plain, &b.mirror, sizeof a.plain);
    assert_int_equal(tn_hashes_distance(&a, &b), 0);
    assert_true(tn_hash_distance(&a.plain, &b.plain) > 20);
    assert_int_equal(__builtin_popcountll(a.plain.p), 31); /* above the middle one of 63 */
    free(photo);
}

/* The definition, by loops that know no other way. */
static tn_hash naive(const uint8_t *grey)
{
    tn_hash h = {0, 0};
    double wave[64], area[8][9] = {{0}};
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) {
            double sum = 0;
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 32; x++) {
                    const uint8_t *p = grey + 2 * y * SIDE + 2 * x;
                    sum += (p[0] + p[1] + p[SIDE] + p[SIDE + 1]) / 4.0 *
                           cos(M_PI * (2 * x + 1) * u / 64) * cos(M_PI * (2 * y + 1) * v / 64);
                }
            wave[8 * v + u] = sum;
        }
    for (int i = 1; i < 64; i++) {
        int below = 0;
        for (int k = 1; k < 64; k++)
            below += wave[k] < wave[i];
        h.p |= (uint64_t)(below > 31) << (i - 1);
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < 9 * SIDE; x++) /* ninths of a pixel */
            area[y / 8][x / SIDE] += grey[y * SIDE + x / 9];
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            h.d |= (uint64_t)(area[y][x + 1] > area[y][x]) << (8 * y + x);
    return h;
}

static void hashes_are_what_they_are_said_to_be(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint8_t *photo = lab_photo(SIDE + 16 * i, SIDE), grey[AREA];
        tn_hash_grey(photo, AREA, grey); /* with other rows: other pictures */
        const tn_hashes a = tn_hash_of(grey);
        const tn_hash b = naive(grey);
        assert_memory_equal(&a.plain, &b, sizeof b);
        free(photo);
    }
}

/* ---- pairs -------------------------------------------------------------------------------------- */

enum { COUNT = 1500 };

typedef struct seen {
    bool pair[COUNT][COUNT];
    int64_t count;
} seen;

static void see(void *arg, int64_t a, int64_t b)
{
    seen *s = arg;
    const int64_t low = a < b ? a : b, high = a < b ? b : a;
    s->count += !s->pair[low][high];
    s->pair[low][high] = true;
}

static uint64_t bits(tn_random *r)
{
    const uint64_t high = tn_random_next(r);
    return high << 32 | tn_random_next(r);
}

static uint64_t flipped(uint64_t hash, int most, tn_random *r)
{
    for (uint64_t n = tn_random_below(r, (uint64_t)most + 1); n > 0; n--)
        hash ^= UINT64_C(1) << tn_random_below(r, 63);
    return hash;
}

/* Half of them are near an earlier one, as it is or mirrored. */
static void make_up(tn_hashes *h)
{
    tn_random r = tn_random_begin(5, TN_RANDOM_TEST, 0);
    for (int i = 0; i < COUNT; i++) {
        h[i] = (tn_hashes){{bits(&r) >> 1, bits(&r)}, {bits(&r) >> 1, bits(&r)}};
        if (i % 2 == 0)
            continue;
        const tn_hashes *from = &h[tn_random_below(&r, (uint64_t)i)];
        const bool mirror = i % 4 == 1;
        h[i].plain.p = flipped(mirror ? from->mirror.p : from->plain.p, 14, &r);
        h[i].plain.d = flipped(mirror ? from->mirror.d : from->plain.d, 14, &r);
    }
}

static void bands_find_what_comparing_all_finds(void **state)
{
    (void)state;
    static tn_hashes hash[COUNT];
    static const int limits[] = {0, 2, 6, 10, 11, 12, 15};
    make_up(hash);
    for (size_t i = 0; i < TN_COUNT(limits); i++) {
        seen *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);
        assert_non_null(want);
        assert_non_null(got);
        for (int a = 0; a < COUNT; a++)
            for (int b = a + 1; b < COUNT; b++)
                if (tn_hashes_distance(&hash[a], &hash[b]) <= limits[i])
                    see(want, a, b);
        for (int how = 0; how < 4; how++) {
            memset(got, 0, sizeof *got);
            assert_ok(tn_pairs_find(&(tn_pairs){.hash = hash,
                                                .count = COUNT,
                                                .bits = limits[i],
                                                .threads = how % 2 ? 3 : 1,
                                                .found = see,
                                                .arg = got,
                                                .bands = how / 2}));
            assert_memory_equal(got, want, sizeof *got);
        }
        assert_true(want->count > 10 * limits[i]);
        free(want);
        free(got);
    }
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    static tn_hashes hash[COUNT];
    static seen s;
    make_up(hash);
    for (long n = 1;; n++) {
        tn_alloc_fail_at(n);
        const tn_status status = tn_pairs_find(&(tn_pairs){.hash = hash,
                                                           .count = 100,
                                                           .bits = 4,
                                                           .threads = 2,
                                                           .found = see,
                                                           .arg = &s,
                                                           .bands = n % 2});
        tn_alloc_fail_at(0);
        assert_int_equal(tn_alloc_live(), 0);
        if (status == TN_OK)
            break;
        assert_int_equal(status, TN_ERR_MEMORY);
        assert_true(n < 100);
    }
}

/* ---- photos ------------------------------------------------------------------------------------- */

typedef struct picture {
    int width, height;
    uint8_t *rgb;
} picture;

enum { WIDTH = 224, HEIGHT = 224, CHANGED = 150 };

/* As any file is looked at. */
static tn_hashes hash_of_file(tn_decoder *d, const void *bytes, size_t size)
{
    uint8_t rgb[3 * AREA], grey[AREA];
    int width, height;
    assert_ok(tn_decoder_open_memory(d, "photo", bytes, size, &width, &height));
    const tn_box all = {0, 0, width, height};
    assert_ok(tn_decoder_read(d, &all, false, SIDE, SIDE, rgb));
    tn_hash_grey(rgb, AREA, grey);
    return tn_hash_of(grey);
}

static picture blank(int width, int height)
{
    picture p = {width, height, calloc(3, (size_t)width * (size_t)height)};
    assert_non_null(p.rgb);
    return p;
}

static uint8_t byte(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* A pixel between pixels; outside the edge goes on. */
static double at(const picture *p, double x, double y, int c)
{
    x = fmin(fmax(x, 0), p->width - 1);
    y = fmin(fmax(y, 0), p->height - 1);
    const int left = (int)x, top = (int)y;
    const int right = left + 1 < p->width ? left + 1 : left;
    const int low = top + 1 < p->height ? top + 1 : top;
    const uint8_t *up = p->rgb + 3 * top * p->width, *down = p->rgb + 3 * low * p->width;
    const double a = up[3 * left + c] * (1 - x + left) + up[3 * right + c] * (x - left);
    const double b = down[3 * left + c] * (1 - x + left) + down[3 * right + c] * (x - left);
    return a * (1 - y + top) + b * (y - top);
}

/* Where a pixel of the changed picture comes from, and what becomes of its colour. */
typedef struct change {
    const char *name;
    double width, height; /* of the new picture, in those of the old */
    double cut;           /* of each side's length, half at each end */
    double turned;        /* degrees */
    double brighter;      /* factor; 0: 1 */
    bool grey, caption, mirrored;
    int quality;     /* of the JPEG file that it becomes; 0: 92 */
    double found[2]; /* the share that must be, with 12 and with 10 bits */
} change;

/* The prototype, on Pillow, found as many or up to three of a hundred more. */
static const change changes[] = {{"recompressed", 1, 1, .quality = 40, .found = {0.98, 0.98}},
                                 {"half size", 0.5, 0.5, .found = {0.98, 0.98}},
                                 {"squashed", 1, 0.8, .found = {0.98, 0.98}},
                                 {"brighter", 1, 1, .brighter = 1.3, .found = {0.98, 0.97}},
                                 {"grey", 1, 1, .grey = true, .found = {0.98, 0.98}},
                                 {"4 % cut", 0.96, 0.96, .cut = 0.04, .found = {0.96, 0.95}},
                                 {"10 % cut", 0.9, 0.9, .cut = 0.1, .found = {0.56, 0.31}},
                                 {"caption", 1, 1, .caption = true, .found = {0.84, 0.76}},
                                 {"turned 3 degrees", 1, 1, .turned = 3, .found = {0.80, 0.66}},
                                 {"mirrored", 1, 1, .mirrored = true, .found = {0.98, 0.98}}};

/* A line of small letters, from (0, 0) on. */
static bool is_ink(int x, int y)
{
    return x >= 0 && x < 102 && y >= 0 && y < 9 && x % 6 < 4 && (x % 6 == 0 || y % 4 == 0);
}

static picture changed(const picture *p, const change *how)
{
    picture out = blank((int)(p->width * how->width), (int)(p->height * how->height));
    const double across = p->width * (1 - how->cut) / out.width;
    const double down = p->height * (1 - how->cut) / out.height;
    const double s = sin(how->turned * M_PI / 180), k = cos(how->turned * M_PI / 180);
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            const int column = how->mirrored ? out.width - 1 - x : x;
            const double i = (column + 0.5) * across + p->width * how->cut / 2 - p->width / 2.0;
            const double j = (y + 0.5) * down + p->height * how->cut / 2 - p->height / 2.0;
            const double u = i * k - j * s, v = i * s + j * k;
            uint8_t *to = out.rgb + 3 * (y * out.width + x);
            for (int c = 0; c < 3; c++)
                to[c] = byte(at(p, u + p->width / 2.0 - 0.5, v + p->height / 2.0 - 0.5, c) *
                             (how->brighter > 0 ? how->brighter : 1));
            if (how->grey)
                to[0] = to[1] = to[2] = byte(0.299 * to[0] + 0.587 * to[1] + 0.114 * to[2]);
            if (fabs(u) > p->width / 2.0 || fabs(v) > p->height / 2.0)
                to[0] = to[1] = to[2] = 0;
            if (how->caption && y >= out.height - out.height / 9)
                to[0] = to[1] = to[2] = is_ink(x - 4, y - out.height + out.height / 10) ? 255 : 0;
        }
    return out;
}

static tn_hashes hash_of(tn_decoder *d, const picture *p, int quality)
{
    const lab_bytes file = lab_jpeg_of(
        &(lab_jpeg_opts){.width = p->width, .height = p->height, .quality = quality}, p->rgb);
    const tn_hashes h = hash_of_file(d, file.data, file.size);
    free(file.data);
    return h;
}

enum { CHANGES = TN_COUNT(changes), LIMITS = 2 };
static const int limits[LIMITS] = {12, 10};

/* Counts which of its changed copies are found. */
static void find_changed(tn_decoder *d, const char *path, const tn_hashes *hash,
                         int found[CHANGES][LIMITS])
{
    picture p = blank(WIDTH, HEIGHT);
    const tn_fit_opts fit = {.width = WIDTH, .height = HEIGHT};
    assert_ok(tn_image_load(path, &fit, p.rgb));
    for (size_t i = 0; i < CHANGES; i++) {
        const int quality = changes[i].quality ? changes[i].quality : 92;
        picture other = changed(&p, &changes[i]);
        const tn_hashes h = hash_of(d, &other, quality);
        for (int k = 0; k < LIMITS; k++)
            found[i][k] += tn_hashes_distance(&h, hash) <= limits[k];
        free(other.rgb);
    }
    free(p.rgb);
}

static void assert_found(int found[CHANGES][LIMITS], int all)
{
    for (size_t i = 0; i < CHANGES; i++) {
        print_message("%-17s %.3f %.3f\n", changes[i].name, (double)found[i][0] / all,
                      (double)found[i][1] / all);
        for (int k = 0; k < LIMITS; k++)
            if (found[i][k] < changes[i].found[k] * all)
                fail_msg("%s, %d bits: %d of %d found", changes[i].name, limits[k], found[i][k],
                         all);
    }
}

static void changed_photos_are_found_and_others_are_not(void **state)
{
    (void)state;
    lab_need_data("train");
    tn_dataset *set;
    tn_decoder *d;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_data("train")}));
    assert_ok(tn_decoder_create(&d));
    const int64_t count = tn_dataset_count(set);
    tn_hashes *hash = malloc((size_t)count * sizeof *hash);
    assert_non_null(hash);
    for (int64_t i = 0; i < count; i++) {
        lab_bytes file = lab_read(tn_dataset_item_path(set, i));
        hash[i] = hash_of_file(d, file.data, file.size);
        free(file.data);
    }
    int false_pairs = 0;
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = a + 1; b < count; b++)
            false_pairs += tn_hash_distance(&hash[a].plain, &hash[b].plain) <= 12;
    assert_int_equal(false_pairs, 0);
    const int step = LAB_SLOW ? (int)count / 20 : (int)count / CHANGED;
    int found[CHANGES][LIMITS] = {{0}}, all = 0;
    for (int64_t i = 0; i < count; i += step, all++)
        find_changed(d, tn_dataset_item_path(set, i), &hash[i], found);
    assert_found(found, all);
    free(hash);
    tn_decoder_destroy(d);
    tn_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mirrored_picture_has_the_mirrored_hash),
        cmocka_unit_test(hashes_are_what_they_are_said_to_be),
        cmocka_unit_test(bands_find_what_comparing_all_finds),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(changed_photos_are_found_and_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
