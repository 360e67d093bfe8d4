/*
 * Maps of JPEG files: what is decoded by one against the same without, and what they take. With
 * TENON_JPEG_FILES=10000 in the environment that many files are made up, in place of a few.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/image.h"
#include "data/jpeg_maps.h"
#include "lab.h"
#include "lab_image.h"

#ifdef TN_HAVE_JPEG

enum { FILES = LAB_SLOW ? 60 : 200, BOXES = 3, MOST = 160 };
#define PLENTY ((size_t)1 << 24)

/* Two decoders, the second of which has maps. */
typedef struct pair {
    tn_decoder *plain, *mapped;
    tn_jpeg_maps *maps;
} pair;

static pair pair_new(int64_t items, size_t limit)
{
    pair p;
    assert_ok(tn_decoder_create(&p.plain));
    assert_ok(tn_decoder_create(&p.mapped));
    assert_ok(tn_jpeg_maps_create(&p.maps, items, limit));
    assert_non_null(p.maps);
    return p;
}

static void pair_free(pair *p)
{
    tn_decoder_destroy(p->plain);
    tn_decoder_destroy(p->mapped);
    tn_jpeg_maps_destroy(p->maps);
}

/* Whether there is a map of this file. */
static bool has_map(const pair *p, int64_t item, lab_bytes file)
{
    const tn_digest digest = tn_digest_of(file.data, file.size);
    tn_jpeg_own_map own = {0};
    bool found;
    assert_ok(tn_jpeg_maps_find(p->maps, item, &digest, &own, &found));
    found = found && own.map->rows > 0;
    tn_free(own.map);
    return found;
}

/* ---- files made up -------------------------------------------------------------------------- */

static int between(tn_random *r, int low, int high)
{
    return low + (int)tn_random_below(r, (uint64_t)(high - low + 1));
}

static lab_jpeg_opts random_opts(tn_random *r)
{
    static const int sampling[][6] = {{1, 1},
                                      {1, 1},
                                      {2, 2},
                                      {2, 2},
                                      {2, 1},
                                      {1, 2},
                                      {4, 1},
                                      {4, 2},
                                      {2, 4},
                                      {3, 1},
                                      {3, 2},
                                      {1, 4},
                                      {2, 2, 2, 1, 1, 2},
                                      {1, 1, 2, 2, 2, 2}};
    const int *s = sampling[between(r, 0, (int)TN_COUNT(sampling) - 1)];
    lab_jpeg_opts o = {.width = between(r, 1, between(r, 0, 3) ? MOST : 3 * MOST),
                       .height = between(r, 1, MOST),
                       .quality = between(r, 1, 100),
                       .across = s[0],
                       .down = s[1],
                       .chroma_across = {s[2], s[3]},
                       .chroma_down = {s[4], s[5]},
                       .optimise = between(r, 0, 1)};
    const int kind = between(r, 0, 19);
    o.grey = kind == 0;
    o.cmyk = kind == 1;
    o.plain_cmyk = kind == 2;
    o.progressive = kind == 3;
    o.restart = kind >= 4 && kind < 7 ? between(r, 1, 4) : 0;
    o.restart_blocks = kind == 7 ? between(r, 1, 30) : 0;
    if (kind < 3)
        o.across = o.down = between(r, 1, 2);
    return o;
}

static lab_bytes random_file(tn_random *r, lab_jpeg_opts *opts)
{
    *opts = random_opts(r);
    uint8_t *rgb = lab_photo(opts->width, opts->height);
    const int grain = between(r, 0, 1) ? 0 : between(r, 1, 255);
    for (int i = 0; grain > 0 && i < 3 * opts->width * opts->height; i++)
        rgb[i] = (uint8_t)(rgb[i] + between(r, 0, grain));
    const lab_bytes file = lab_jpeg_of(opts, rgb);
    free(rgb);
    return file;
}

/* Any box, to any size: that of the box, or a smaller one, where the DCT does a part of the scaling. */
static tn_box random_box(tn_random *r, int width, int height, int *out_width, int *out_height)
{
    tn_box b = {.width = between(r, 1, width), .height = between(r, 1, height)};
    const int shrunk = 1 << between(r, 0, 3);
    b.x = tn_random_real(r) * (width - b.width);
    b.y = tn_random_real(r) * (height - b.height);
    *out_width = (int)b.width / shrunk + 1;
    *out_height = (int)b.height / shrunk + 1;
    return b;
}

/* The same box by both. Returns what both say. */
static tn_status both_read(const pair *p, const char *name, const tn_box *box, int w, int h)
{
    const size_t bytes = 3 * (size_t)w * (size_t)h;
    uint8_t *want = calloc(1, bytes), *got = calloc(1, bytes);
    const tn_status status = tn_decoder_read(p->plain, box, false, w, h, want);
    assert_int_equal(tn_decoder_read(p->mapped, box, false, w, h, got), status);
    if (status == TN_OK && memcmp(want, got, bytes) != 0)
        fail_msg("%s: %g x %g at (%g, %g) to %d x %d differs", name, box->width, box->height,
                 box->x, box->y, w, h);
    free(want);
    free(got);
    return status;
}

/* First the map is made, then it is found. */
static void both_agree(const pair *p, int64_t item, const char *name, lab_bytes file, tn_random *r)
{
    for (int reading = 0; reading < 2; reading++) {
        int w, h;
        assert_ok(tn_decoder_open_memory(p->plain, name, file.data, file.size, &w, &h));
        assert_ok(tn_decoder_open_memory(p->mapped, name, file.data, file.size, &w, &h));
        assert_ok(tn_decoder_remember(p->mapped, p->maps, item));
        for (int k = 0; k < BOXES; k++) {
            int out_width, out_height;
            const tn_box box = random_box(r, w, h, &out_width, &out_height);
            assert_ok(both_read(p, name, &box, out_width, out_height));
        }
        assert_ok(tn_decoder_judge(p->mapped));
    }
}

static void any_box_of_any_file_is_the_same(void **state)
{
    (void)state;
    const char *asked = getenv("TENON_JPEG_FILES");
    const int files = asked ? atoi(asked) : FILES;
    int mapped = 0;
    pair p = pair_new(files, PLENTY * 16);
    for (int i = 0; i < files; i++) {
        tn_random r = tn_random_begin(1, TN_RANDOM_TEST, (uint64_t)i);
        lab_jpeg_opts o;
        const lab_bytes file = random_file(&r, &o);
        char name[128];
        snprintf(name, sizeof name, "file %d, %d x %d, sampled %d x %d", i, o.width, o.height,
                 o.across, o.down);
        both_agree(&p, i, name, file, &r);
        const bool has = has_map(&p, i, file);
        if (o.restart_blocks == 0 && has == o.progressive)
            fail_msg("%s: %s map", name, has ? "a" : "no");
        mapped += has;
        free(file.data);
    }
    print_message("%d of %d files have maps\n", mapped, files);
    assert_true(mapped > files * 4 / 5);
    pair_free(&p);
}

static size_t find(lab_bytes file, const uint8_t marker[4])
{
    size_t at = 0;
    while (memcmp(file.data + at, marker, 4) != 0)
        at++;
    return at;
}

/* Two grey blocks, with 255 codes of 16 bits for DC and none for a difference of 14 bits. */
static lab_bytes file_of_many_codes(void)
{
    enum { SCAN = 10, CODES = 255, OLD = 2 + 31 };
    static const uint8_t table[4] = {0xFF, 0xC4, 0, 31}, scan[4] = {0xFF, 0xDA, 0, 8},
                         data[] = {0x00, 0x00, 0xA0, 0x00, 0x0A, 0xFF, 0xD9};
    const lab_bytes from = lab_jpeg(&(lab_jpeg_opts){.width = 16, .height = 8, .grey = true});
    const size_t before = find(from, table), end = find(from, scan) + SCAN;
    uint8_t codes[2 + 2 + 17 + CODES] = {0xFF, 0xC4, 1, 2 + 17 + CODES - 256};
    codes[4 + 16] = CODES;
    for (int i = 0; i < CODES; i++)
        codes[4 + 17 + i] = (uint8_t)(i % 14);
    lab_bytes file = {malloc(end + sizeof codes + sizeof data), 0};
    const struct {
        const uint8_t *bytes;
        size_t count;
    } parts[] = {{from.data, before},
                 {codes, sizeof codes},
                 {from.data + before + OLD, end - before - OLD},
                 {data, sizeof data}};
    for (size_t i = 0; i < TN_COUNT(parts); file.size += parts[i++].count)
        memcpy(file.data + file.size, parts[i].bytes, parts[i].count);
    free(from.data);
    return file;
}

/* One more code than a byte can count is none that a cut could be written with. */
static void a_table_without_room_for_a_code_is_left_alone(void **state)
{
    (void)state;
    pair p = pair_new(1, PLENTY);
    tn_random r = tn_random_begin(3, TN_RANDOM_TEST, 0);
    const lab_bytes file = file_of_many_codes();
    both_agree(&p, 0, "many codes", file, &r);
    assert_false(has_map(&p, 0, file));
    free(file.data);
    pair_free(&p);
}

/* Bytes changed, cut off and put in: what is said of such a file, and what it shows, is the same too. */
static void damage_is_seen_as_without(void **state)
{
    (void)state;
    enum { DAMAGED = 2 * FILES };
    int good = 0;
    pair p = pair_new(DAMAGED, PLENTY);
    for (int i = 0; i < DAMAGED; i++) {
        tn_random r = tn_random_begin(2, TN_RANDOM_TEST, (uint64_t)i);
        lab_jpeg_opts o;
        int w, h, out_width, out_height;
        lab_bytes file = random_file(&r, &o);
        for (int k = between(&r, 1, 3); k > 0; k--)
            file.data[between(&r, 0, (int)file.size - 1)] ^= (uint8_t)(1 << between(&r, 0, 7));
        if (between(&r, 0, 9) == 0)
            file.size = (size_t)between(&r, 1, (int)file.size);
        const tn_status opened =
            tn_decoder_open_memory(p.plain, "damaged", file.data, file.size, &w, &h);
        assert_int_equal(tn_decoder_open_memory(p.mapped, "damaged", file.data, file.size, &w, &h),
                         opened);
        if (opened == TN_OK && w * h <= 4 * MOST * MOST) {
            assert_ok(tn_decoder_remember(p.mapped, p.maps, i));
            const tn_box box = random_box(&r, w, h, &out_width, &out_height);
            (void)both_read(&p, "damaged", &box, out_width, out_height);
            const tn_status verdict = tn_decoder_judge(p.plain);
            assert_int_equal(tn_decoder_judge(p.mapped), verdict);
            good += verdict == TN_OK && has_map(&p, i, file);
        }
        free(file.data);
    }
    print_message("%d of %d damaged files are good and have maps\n", good, DAMAGED);
    assert_true(good > 0);
    pair_free(&p);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_stays_below_the_limit(void **state)
{
    (void)state;
    enum { MAPS = 40 };
    const lab_bytes file = lab_jpeg(&(lab_jpeg_opts){.width = 500, .height = 400});
    size_t last = 0;
    for (size_t limit = 0; limit < 400000; limit += 23456) {
        tn_jpeg_maps *maps;
        assert_ok(tn_jpeg_maps_create(&maps, MAPS, limit));
        tn_decoder *d;
        assert_ok(tn_decoder_create(&d));
        int64_t count = 0;
        for (int i = 0; maps && i < MAPS; i++) {
            int w, h;
            assert_ok(tn_decoder_open_memory(d, "file", file.data, file.size, &w, &h));
            assert_ok(tn_decoder_remember(d, maps, i));
            assert_true(tn_jpeg_maps_used(maps, &count) <= limit);
        }
        const size_t used = maps ? tn_jpeg_maps_used(maps, &count) : 0;
        assert_true(used >= last && (used == 0 || count == MAPS || used + 9000 > limit));
        last = used;
        tn_jpeg_maps_destroy(maps);
        tn_decoder_destroy(d);
    }
    /* 50 rows of 17 stops, 10 bytes each */
    assert_true(last > MAPS * 8500 && last < MAPS * 8700);
    free(file.data);
}

static tn_status read_by_maps(void *arg)
{
    const lab_bytes *file = arg;
    uint8_t rgb[3 * 20 * 20];
    tn_decoder *d = NULL;
    tn_jpeg_maps *maps = NULL;
    tn_status status = tn_decoder_create(&d);
    if (status == TN_OK)
        status = tn_jpeg_maps_create(&maps, 1, PLENTY);
    for (int i = 0; status == TN_OK && i < 2; i++) {
        int w, h;
        status = tn_decoder_open_memory(d, "file", file->data, file->size, &w, &h);
        if (status == TN_OK)
            status = tn_decoder_remember(d, maps, 0);
        if (status == TN_OK)
            status = tn_decoder_read(d, &(tn_box){10, 20, 30, 30}, false, 20, 20, rgb);
    }
    tn_jpeg_maps_destroy(maps);
    tn_decoder_destroy(d);
    return status;
}

static void every_failed_allocation_is_told(void **state)
{
    (void)state;
    lab_bytes file = lab_jpeg(&(lab_jpeg_opts){.width = 100, .height = 80});
    assert_true(lab_fail_each_allocation(read_by_maps, &file) >= 6);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_box_of_any_file_is_the_same),
        cmocka_unit_test(a_table_without_room_for_a_code_is_left_alone),
        cmocka_unit_test(damage_is_seen_as_without),
        cmocka_unit_test(memory_stays_below_the_limit),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    print_message("skipped: this build has no libjpeg-turbo\n");
    return 77;
}

#endif
