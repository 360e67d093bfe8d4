/*
 * Scaling against Pillow (goldens, within 1 of 255) and against the formula in double.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/resample.h"
#include "lab.h"

enum { WIDTH = 97, HEIGHT = 61 };

/* As in tests/golden/make_resample.py. */
static uint8_t *pattern(void)
{
    uint8_t *rgb = malloc(3 * WIDTH * HEIGHT);
    for (unsigned y = 0; y < HEIGHT; y++)
        for (unsigned x = 0; x < WIDTH; x++)
            for (unsigned c = 0; c < 3; c++) {
                const uint64_t mix = x * 7919 + y * 104729 + c * 1299709;
                const uint32_t noise = (uint32_t)(mix * 2654435761u) >> 24;
                rgb[3 * (y * WIDTH + x) + c] =
                    (uint8_t)(y % 20 < 10 ? 3 * x + 2 * y * (c + 1) : noise);
            }
    return rgb;
}

typedef struct scaling {
    tn_box box;
    int width, height;
    const char *why;
} scaling;

static const scaling scalings[] = {
    {{0, 0, 97, 61}, 24, 20, "the whole image, shrunk by two different ratios"},
    {{10.3125, 5.6875, 40.875, 33.25}, 31, 29, "fractions; the filter sees past the box"},
    {{3, 4, 9, 7}, 40, 30, "enlarged"},
    {{0, 0, 97, 61}, 3, 2, "shrunk by 30: many taps"},
    {{80.5, 40.25, 16.5, 20.75}, 16, 16, "up to the right and lower edge"},
    {{0, 0, 97, 61}, 1, 1, "one pixel: all of the image"},
    {{50, 20, 30.5, 0.5}, 13, 7, "half a row"},
    {{0, 30, 97, 31}, 50, 60, "shrunk across, enlarged down"},
};

static tn_pixels whole(const uint8_t *rgb, tn_box box)
{
    return (tn_pixels){
        .rgb = rgb, .stride = 3 * WIDTH, .width = WIDTH, .height = HEIGHT, .box = box};
}

static void equals_pillow(void **state)
{
    (void)state;
    uint8_t *in = pattern(), *golden = malloc(1 << 16), *out = malloc(1 << 16);
    FILE *f = fopen(lab_golden("resample.u8"), "rb");
    assert_non_null(f);
    tn_resampler r = {0};
    for (size_t i = 0; i < TN_COUNT(scalings); i++) {
        const scaling *s = &scalings[i];
        const size_t bytes = 3 * (size_t)s->width * (size_t)s->height;
        const tn_pixels pixels = whole(in, s->box);
        assert_int_equal(fread(golden, 1, bytes, f), bytes);
        memset(out, 0xA5, bytes);
        assert_ok(tn_resample(&r, &pixels, false, false, s->width, s->height, out));
        for (size_t k = 0; k < bytes; k++)
            if (abs(out[k] - golden[k]) > 1)
                fail_msg("%s: byte %zu is %d, Pillow's %d", s->why, k, out[k], golden[k]);
    }
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    tn_resampler_free(&r);
    free(in);
    free(golden);
    free(out);
}

/* The formula of resample.c, one pixel at a time. */
static double exact(const uint8_t *in, const scaling *s, int i, int j, int c)
{
    const double rx = s->box.width / s->width, ry = s->box.height / s->height;
    const double x = s->box.x + (i + 0.5) * rx, y = s->box.y + (j + 0.5) * ry;
    double sum = 0, weights = 0;
    for (int v = 0; v < HEIGHT; v++)
        for (int u = 0; u < WIDTH; u++) {
            const double w = fmax(0, 1 - fabs(u + 0.5 - x) / fmax(rx, 1)) *
                             fmax(0, 1 - fabs(v + 0.5 - y) / fmax(ry, 1));
            sum += w * in[3 * (v * WIDTH + u) + c];
            weights += w;
        }
    return sum / weights;
}

static void equals_the_formula(void **state)
{
    (void)state;
    uint8_t *in = pattern(), *out = malloc(1 << 16);
    tn_resampler r = {0};
    for (size_t n = 0; n < TN_COUNT(scalings); n++) {
        const scaling *s = &scalings[n];
        const tn_pixels pixels = whole(in, s->box);
        assert_ok(tn_resample(&r, &pixels, false, false, s->width, s->height, out));
        for (int j = 0; j < s->height; j += 3)
            for (int i = 0; i < s->width; i += 2)
                for (int c = 0; c < 3; c++) {
                    const double want = exact(in, s, i, j, c);
                    const int got = out[3 * (j * s->width + i) + c];
                    if (fabs(got - want) > 0.5 + 1e-3)
                        fail_msg("%s: (%d, %d, %d) is %d, not %g", s->why, i, j, c, got, want);
                }
    }
    tn_resampler_free(&r);
    free(in);
    free(out);
}

static void same_size_is_a_copy(void **state)
{
    (void)state;
    uint8_t *in = pattern(), out[3 * 30 * 20];
    tn_resampler r = {0};
    const tn_pixels pixels = whole(in, (tn_box){67, 41, 30, 20});
    assert_ok(tn_resample(&r, &pixels, false, false, 30, 20, out));
    for (size_t y = 0; y < 20; y++)
        assert_memory_equal(out + y * 90, in + 3 * ((41 + y) * WIDTH + 67), 90);
    tn_resampler_free(&r);
    free(in);
}

static void flips_turn_the_result_over(void **state)
{
    (void)state;
    enum { W = 23, H = 17 };
    uint8_t *in = pattern(), plain[3 * W * H], turned[3 * W * H];
    tn_resampler r = {0};
    const tn_pixels pixels = whole(in, (tn_box){5.25, 7.5, 51, 40});
    assert_ok(tn_resample(&r, &pixels, false, false, W, H, plain));
    for (int f = 1; f < 4; f++) {
        assert_ok(tn_resample(&r, &pixels, f & 1, f & 2, W, H, turned));
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                assert_memory_equal(
                    turned + 3 * (y * W + x),
                    plain + 3 * ((f & 2 ? H - 1 - y : y) * W + (f & 1 ? W - 1 - x : x)), 3);
    }
    tn_resampler_free(&r);
    free(in);
}

/* Exactly the range that it states is read: pixels are cut down to it, in a block of their own that
 * a sanitizer watches, and the result stays the same. */
static void reads_its_range_only(void **state)
{
    (void)state;
    uint8_t *in = pattern(), *out = malloc(1 << 16), *cut_out = malloc(1 << 16);
    tn_resampler r = {0};
    for (size_t n = 0; n < TN_COUNT(scalings); n++) {
        const scaling *s = &scalings[n];
        int left, right, top, bottom;
        tn_resample_range(s->box.x, s->box.width, s->width, WIDTH, &left, &right);
        tn_resample_range(s->box.y, s->box.height, s->height, HEIGHT, &top, &bottom);
        assert_true(left >= 0 && left < right && right <= WIDTH);
        assert_true(top >= 0 && top < bottom && bottom <= HEIGHT);
        const size_t stride = 3 * (size_t)(right - left);
        uint8_t *cut = malloc(stride * (size_t)(bottom - top));
        for (int y = top; y < bottom; y++)
            memcpy(cut + (size_t)(y - top) * stride, in + 3 * (y * WIDTH + left), stride);
        const tn_pixels pixels = whole(in, s->box);
        const tn_pixels part = {
            .rgb = cut,
            .stride = stride,
            .width = right - left,
            .height = bottom - top,
            .box = {s->box.x - left, s->box.y - top, s->box.width, s->box.height}};
        assert_ok(tn_resample(&r, &pixels, false, false, s->width, s->height, out));
        assert_ok(tn_resample(&r, &part, false, false, s->width, s->height, cut_out));
        if (memcmp(out, cut_out, 3 * (size_t)s->width * (size_t)s->height) != 0)
            fail_msg("%s: differs when the image is cut to the range", s->why);
        free(cut);
    }
    tn_resampler_free(&r);
    free(in);
    free(out);
    free(cut_out);
}

static void extremes_stay_white(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 7, 96, 97, 98, 224, 1000};
    uint8_t *in = malloc(3 * WIDTH * HEIGHT), *out = malloc(3 * 1000 * 3);
    memset(in, 255, 3 * WIDTH * HEIGHT);
    tn_resampler r = {0};
    for (size_t n = 0; n < TN_COUNT(sizes); n++) {
        const tn_pixels pixels = whole(in, (tn_box){0, 0, WIDTH, HEIGHT});
        memset(out, 0, 3 * 1000 * 3);
        assert_ok(tn_resample(&r, &pixels, false, false, sizes[n], 3, out));
        for (int k = 0; k < 9 * sizes[n]; k++)
            assert_int_equal(out[k], 255);
    }
    tn_resampler_free(&r);
    free(in);
    free(out);
}

static tn_status resample_once(void *in)
{
    uint8_t out[3 * 8 * 8];
    tn_resampler r = {0};
    const tn_pixels pixels = whole(in, (tn_box){0, 0, WIDTH, HEIGHT});
    const tn_status status = tn_resample(&r, &pixels, false, false, 8, 8, out);
    tn_resampler_free(&r);
    return status;
}

static void survives_no_memory(void **state)
{
    (void)state;
    uint8_t *in = pattern();
    assert_int_equal(lab_fail_each_allocation(resample_once, in), 1);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),        cmocka_unit_test(equals_the_formula),
        cmocka_unit_test(same_size_is_a_copy),  cmocka_unit_test(flips_turn_the_result_over),
        cmocka_unit_test(reads_its_range_only), cmocka_unit_test(extremes_stay_white),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
