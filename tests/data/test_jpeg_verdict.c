/*
 * Whether a JPEG is bad: the same whatever box was read, and what may follow its last pixel.
 */
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "lab.h"
#include "lab_image.h"

#ifdef TN_HAVE_JPEG

enum { WIDTH = 90, HEIGHT = 70 };

static lab_bytes make(bool progressive, bool separate, int restart)
{
    return lab_jpeg(&(lab_jpeg_opts){.width = WIDTH,
                                     .height = HEIGHT,
                                     .across = progressive || restart ? 2 : 1,
                                     .down = separate ? 2 : 1,
                                     .progressive = progressive,
                                     .separate = separate,
                                     .restart = restart});
}

static lab_bytes cut(lab_bytes b, size_t size)
{
    b.size = size;
    return b;
}

/* A copy. */
static lab_bytes without(lab_bytes b, size_t at, size_t count)
{
    const lab_bytes less = {malloc(b.size - count), b.size - count};
    memcpy(less.data, b.data, at);
    memcpy(less.data + at, b.data + at + count, less.size - at);
    return less;
}

static lab_bytes with(lab_bytes b, size_t at, const char *bytes, size_t count)
{
    const lab_bytes more = {malloc(b.size + count), b.size + count};
    memcpy(more.data, b.data, at);
    memcpy(more.data + at, bytes, count);
    memcpy(more.data + at + count, b.data + at, b.size - at);
    free(b.data);
    return more;
}

/* Opens, reads that box, then judges. */
static tn_status verdict(tn_decoder *d, lab_bytes file, const tn_box *box)
{
    uint8_t rgb[3 * 8 * 8];
    int w, h;
    TN_TRY(tn_decoder_open_memory(d, "that file", file.data, file.size, &w, &h));
    if (box)
        TN_TRY(tn_decoder_read(d, box, false, 8, 8, rgb));
    const tn_status status = tn_decoder_judge(d);
    assert_int_equal(tn_decoder_judge(d), status); /* and at once */
    return status;
}

/* Some boxes lie above the damage and some below it: what is said of the file is the same. */
static void the_verdict_is_of_the_whole_file(void **state)
{
    (void)state;
    static const tn_box boxes[] = {{0, 0, 8, 8},   {0, 0, WIDTH, HEIGHT}, {60, 50, 30, 20},
                                   {40, 0, 20, 8}, {0, 62, WIDTH, 8},     {3, 30, 80, 16}};
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    int bad = 0, tried = 0;
    for (int kind = 0; kind < 4; kind++) {
        const lab_bytes whole = make(kind == 1, kind == 3, kind == 2);
        for (size_t at = 640; at + 400 < whole.size; at += 97, tried++) {
            const lab_bytes file = without(whole, at, 300);
            const tn_status alone = verdict(d, file, NULL);
            assert_true(alone == TN_OK || alone == TN_ERR_FORMAT);
            bad += alone != TN_OK;
            for (size_t i = 0; i < TN_COUNT(boxes); i++)
                if (verdict(d, file, &boxes[i]) != alone)
                    fail_msg("kind %d, 300 bytes lost at %zu: %s, but after box %zu %s: %s", kind,
                             at, tn_status_text(alone), i,
                             alone == TN_OK ? "bad" : "taken for good", tn_error());
            free(file.data);
        }
        assert_ok(verdict(d, whole, NULL));
        assert_ok(verdict(d, whole, NULL));
        free(whole.data);
    }
    assert_in_range(bad, tried * 95 / 100, tried);
    tn_decoder_destroy(d);
}

static void what_follows_the_pixels_is_judged(void **state)
{
    (void)state;
    static const char trailer[] = "\0\0\1\n\x0E\0\0\0Image_UTC_Data1597\xFF\xFB, and so on: SEFT";
    enum { LENGTH = sizeof trailer - 1 };
    const lab_bytes plain = make(false, false, 0), steps = make(true, false, 0);
    const struct {
        lab_bytes file;
        const char *reason; /* NULL: good */
        const char *why;
    } cases[] = {
        {cut(make(false, false, 0), plain.size - 2), NULL, "no end of image, all pixels"},
        {cut(make(false, false, 0), plain.size - 1), NULL, "half an end of image"},
        {cut(make(true, false, 0), steps.size - 2), NULL, "the same, progressive"},
        {cut(make(false, false, 0), plain.size - 12), "ends early", "pixels missing as well"},
        {cut(make(true, false, 0), steps.size - 12), "ends early", "the same, progressive"},
        {with(make(false, false, 0), plain.size, trailer, LENGTH), NULL, "a trailer"},
        {with(make(true, false, 0), steps.size, trailer, LENGTH), NULL, "the same, progressive"},
        {with(cut(make(false, false, 0), plain.size - 2), plain.size - 2, trailer, LENGTH), NULL,
         "a trailer, no end of image"},
        {with(make(false, false, 0), plain.size - 2, "\xFF\xFF\xFF", 3), NULL, "fill bytes"},
        {with(make(false, false, 0), plain.size - 2, "0123456789abcdef", 16), "more of them than",
         "data that no pixel takes"},
        {with(make(true, false, 0), steps.size - 2, "0123456789abcdef", 16), "extraneous bytes",
         "the same, progressive"},
        {with(make(false, false, 0), 20, "0123456789abcdef", 16), NULL,
         "stray bytes between segments"},
    };
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const tn_status status = verdict(d, cases[i].file, &(tn_box){0, 0, 8, 8});
        if (cases[i].reason ? status != TN_ERR_FORMAT || !strstr(tn_error(), cases[i].reason)
                            : status != TN_OK)
            fail_msg("%s: %s: %s", cases[i].why, tn_status_text(status), tn_error());
        free(cases[i].file.data);
    }
    tn_decoder_destroy(d);
    free(plain.data);
    free(steps.data);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_of_the_whole_file),
        cmocka_unit_test(what_follows_the_pixels_is_judged),
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
