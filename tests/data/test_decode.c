/*
 * Pixels of whole, valid images: EXIF orientation, colours, other formats, and the centre crop of
 * tn_image_load(). (test_decode_jpeg.c: JPEG's kinds and crops.)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "lab.h"
#include "lab_image.h"
#include "lab_set.h"

static tn_decoder *decoder_new(void)
{
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    return d;
}

static double rmse(const uint8_t *a, const uint8_t *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)(a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum / (double)count);
}

/* Pixel (x, y) of the upright photo is stored where orientation o puts it; EXIF's own words:
 * "the 0th row is at the visual ..., the 0th column is at the visual ...". */
static void stored_at(int o, int width, int height, int x, int y, int *sx, int *sy)
{
    const bool row_is_column = o >= 5; /* stored rows run along what is seen as columns */
    const bool right = o == 2 || o == 3 || o == 6 || o == 7,
               bottom = o == 3 || o == 4 || o == 7 || o == 8;
    const int along = right ? width - 1 - x : x, down = bottom ? height - 1 - y : y;
    *sx = row_is_column ? down : along;
    *sy = row_is_column ? along : down;
}

/* Each of the eight, read with and without a mirror and through a box, gives what the photo stored
 * upright gives, but for JPEG's own loss, which is small at quality 100. */
static void all_orientations_are_upright(void **state)
{
    (void)state;
    enum { WIDTH = 120, HEIGHT = 88, W = 50, H = 40 };
    const tn_box box = {10.5, 4, 90, 80.25};
    uint8_t *upright = lab_photo(WIDTH, HEIGHT), *stored = malloc(3 * WIDTH * HEIGHT);
    tn_decoder *d = decoder_new();
    uint8_t want[2][3 * W * H], got[3 * W * H];
    for (int o = 0; o <= 16; o++) {
        const int orientation = o > 8 ? o - 8 : o;
        const bool turned = orientation >= 5;
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                int sx, sy;
                stored_at(orientation, WIDTH, HEIGHT, x, y, &sx, &sy);
                memcpy(stored + 3 * (sy * (turned ? HEIGHT : WIDTH) + sx),
                       upright + 3 * (y * WIDTH + x), 3);
            }
        const lab_jpeg_opts opts = {.width = turned ? HEIGHT : WIDTH,
                                    .height = turned ? WIDTH : HEIGHT,
                                    .quality = 100,
                                    .orientation = orientation,
                                    .big_endian = o > 8};
        const lab_bytes file = lab_jpeg_of(&opts, stored);
        int w, h;
        assert_ok(tn_decoder_open_memory(d, "turned", file.data, file.size, &w, &h));
        assert_int_equal(w, WIDTH);
        assert_int_equal(h, HEIGHT);
        for (int mirror = 0; mirror < 2; mirror++) {
            assert_ok(tn_decoder_read(d, &box, mirror, W, H, o == 0 ? want[mirror] : got));
            const double error = o == 0 ? 0 : rmse(got, want[mirror], sizeof got);
            if (error > 1.0)
                fail_msg("orientation %d, mirror %d: rmse %.2f", orientation, mirror, error);
        }
        free(file.data);
    }
    assert_true(rmse(want[0], want[1], sizeof got) >
                20); /* or the test could not tell them apart */
    tn_decoder_destroy(d);
    free(upright);
    free(stored);
}

static void mirror_is_a_mirror(void **state)
{
    (void)state;
    enum { W = 40, H = 31 };
    const lab_bytes file = lab_jpeg(&(lab_jpeg_opts){.width = 200, .height = 150});
    uint8_t plain[3 * W * H], turned[3 * W * H];
    tn_decoder *d = decoder_new();
    int w, h;
    assert_ok(tn_decoder_open_memory(d, "photo", file.data, file.size, &w, &h));
    assert_ok(tn_decoder_read(d, &(tn_box){20, 10, 70, 60}, false, W, H, plain));
    assert_ok(tn_decoder_read(d, &(tn_box){20, 10, 70, 60}, true, W, H, turned));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            assert_memory_equal(turned + 3 * (y * W + x), plain + 3 * (y * W + W - 1 - x), 3);
    tn_decoder_destroy(d);
    free(file.data);
}

/* What the colours must be is known: the photo itself, or its light. */
static void colours_become_rgb(void **state)
{
    (void)state;
    enum { WIDTH = 90, HEIGHT = 70, COUNT = WIDTH * HEIGHT };
    const struct {
        lab_bytes file;
        bool grey;
        double bound;
        const char *why;
    } cases[] = {
        {lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .cmyk = true, .quality = 98}),
         false, 3, "YCCK with Adobe's marker: inverted"},
        {lab_jpeg(
             &(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .plain_cmyk = true, .quality = 98}),
         false, 3, "CMYK without a marker: inverted all the same"},
        {lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .grey = true, .quality = 98}),
         true, 3, "grey JPEG"},
        {lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .quality = 98}), false, 3,
         "baseline"},
        {lab_png(WIDTH, HEIGHT, 3), false, 0, "PNG"},
        {lab_png(WIDTH, HEIGHT, 4), false, 0, "PNG with alpha, which is dropped"},
        {lab_bmp(WIDTH, HEIGHT), false, 0, "BMP"},
    };
    uint8_t *photo = lab_photo(WIDTH, HEIGHT), *want = malloc(3 * COUNT), *got = malloc(3 * COUNT);
    tn_decoder *d = decoder_new();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        int w, h;
        if (!cases[i].file.data)
            continue;
        for (int k = 0; k < 3 * COUNT; k++) {
            const uint8_t *p = photo + k / 3 * 3;
            want[k] = cases[i].grey ? (uint8_t)lrint(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2])
                                    : photo[k];
        }
        assert_ok(tn_decoder_open_memory(d, cases[i].why, cases[i].file.data, cases[i].file.size,
                                         &w, &h));
        assert_int_equal(w, WIDTH);
        assert_int_equal(h, HEIGHT);
        assert_ok(tn_decoder_read(d, &(tn_box){0, 0, WIDTH, HEIGHT}, false, WIDTH, HEIGHT, got));
        if (rmse(got, want, 3 * COUNT) > cases[i].bound)
            fail_msg("%s: rmse %.2f", cases[i].why, rmse(got, want, 3 * COUNT));
        free(cases[i].file.data);
    }
    tn_decoder_destroy(d);
    free(photo);
    free(want);
    free(got);
}

static void fit_box_is_the_middle(void **state)
{
    (void)state;
    static const struct {
        int width, height, resize, out_width, out_height;
        tn_box box;
        const char *why;
    } cases[] = {
        {512, 256, 256, 224, 224, {144, 16, 224, 224}, "no scaling, wide"},
        {500, 1000, 250, 200, 100, {50, 400, 400, 200}, "scaled by 1/2, tall, not square"},
        {17,
         13,
         224,
         224,
         224,
         {34 * 17.0 / 292, 0, 224 * 17.0 / 292, 13},
         "enlarged to 292 x 224"},
        {256, 256, 256, 227, 224, {14, 16, 227, 224}, "14.5 is rounded to the even pixel"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const tn_box b = tn_fit_box(cases[i].width, cases[i].height, cases[i].resize,
                                    cases[i].out_width, cases[i].out_height);
        if (fabs(b.x - cases[i].box.x) + fabs(b.y - cases[i].box.y) +
                fabs(b.width - cases[i].box.width) + fabs(b.height - cases[i].box.height) >
            1e-9)
            fail_msg("%s: %g x %g at (%g, %g)", cases[i].why, b.width, b.height, b.x, b.y);
    }
}

static void load_fits_a_file(void **state)
{
    (void)state;
    enum { N = 32 };
    const char *folder = lab_make_folder();
    char path[1024];
    snprintf(path, sizeof path, "%s/photo.png", folder);
    const lab_bytes file = lab_png(100, 80, 3);
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(file.data, 1, file.size, f), file.size);
    fclose(f);
    uint8_t got[3 * N * N], want[3 * N * N];
    tn_decoder *d = decoder_new();
    int w, h;
    const tn_box box = {(100 - 64) / 2.0, (80 - 64) / 2.0, 64, 64}; /* 80 becomes 40 */
    assert_ok(tn_decoder_open(d, path, &w, &h));
    assert_ok(tn_decoder_read(d, &box, false, N, N, want));
    assert_ok(tn_image_load(path, &(tn_fit_opts){.height = N, .width = N, .resize = 40}, got));
    assert_memory_equal(got, want, sizeof got);
    assert_fails(tn_image_load(path, &(tn_fit_opts){.height = N, .width = N, .resize = 31}, got),
                 TN_ERR_ARGUMENT, "scaled to 31");
    assert_fails(tn_image_load(path, &(tn_fit_opts){0}, got), TN_ERR_ARGUMENT, "positive");
    tn_decoder_destroy(d);
    free(file.data);
    lab_remove(folder);
}

/* A file's pixels, in rows with a gap between them, and the file. */
static void pixels_fit_as_their_file_does(void **state)
{
    (void)state;
    enum { W = 61, H = 45, N = 20, STRIDE = 3 * W + 5 };
    const tn_fit_opts fits[] = {{N, N, 0}, {N, N - 7, 32}, {H, H, H}, {70, 60, 80}};
    const char *folder = lab_make_folder();
    uint8_t rgb[3 * W * H], apart[STRIDE * H], want[3 * 70 * 60], got[3 * 70 * 60];
    lab_pixels(rgb, W, H, 7);
    lab_write_image(lab_path(folder, "a.ppm"), W, H, 7);
    for (int y = 0; y < H; y++)
        memcpy(apart + STRIDE * y, rgb + 3 * W * y, 3 * W);
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        const size_t bytes = 3 * (size_t)fits[i].height * (size_t)fits[i].width;
        assert_ok(tn_image_load(lab_path(folder, "a.ppm"), &fits[i], want));
        assert_ok(tn_image_fit(&(tn_image_pixels){rgb, W, H, 0}, &fits[i], got));
        assert_memory_equal(got, want, bytes);
        memset(got, 0, bytes);
        assert_ok(tn_image_fit(&(tn_image_pixels){apart, W, H, STRIDE}, &fits[i], got));
        assert_memory_equal(got, want, bytes);
    }
    const tn_image_pixels none = {rgb, 0, H, 0}, overlap = {rgb, W, H, 3 * W - 1};
    assert_fails(tn_image_fit(&none, fits, got), TN_ERR_ARGUMENT, "0 x 45 pixels");
    assert_fails(tn_image_fit(&overlap, fits, got), TN_ERR_ARGUMENT, "61 x 3 bytes, but 182");
    assert_fails(tn_image_fit(&overlap, &(tn_fit_opts){N, N, 3}, got), TN_ERR_ARGUMENT,
                 "scaled to 3");
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_orientations_are_upright),
        cmocka_unit_test(mirror_is_a_mirror),
        cmocka_unit_test(colours_become_rgb),
        cmocka_unit_test(fit_box_is_the_middle),
        cmocka_unit_test(load_fits_a_file),
        cmocka_unit_test(pixels_fit_as_their_file_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
