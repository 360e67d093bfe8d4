/*
 * Pixels of whole, valid images: every kind of JPEG and every crop against a full decode, EXIF
 * orientation, colours, other formats, and the centre crop of tn_image_load().
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TN_HAVE_JPEG
#include <jpeglib.h>
#endif

#include "data/image.h"
#include "data/resample.h"
#include "lab.h"
#include "lab_image.h"

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

#ifdef TN_HAVE_JPEG

/* All of the image at 1 / denominator, by plain libjpeg. */
static uint8_t *full_decode(lab_bytes file, int denominator, int *width, int *height)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file.data, file.size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg.scale_denom = (unsigned)denominator;
    jpeg_start_decompress(&jpeg);
    *width = (int)jpeg.output_width;
    *height = (int)jpeg.output_height;
    uint8_t *rgb = malloc(3 * (size_t)*width * (size_t)*height);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = rgb + 3 * (size_t)*width * jpeg.output_scanline;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_destroy_decompress(&jpeg);
    return rgb;
}

static const struct kind {
    lab_jpeg_opts opts;
    const char *why;
} kinds[] = {
    {{.across = 1, .down = 1}, "4:4:4: no upsampling"},
    {{.across = 2, .down = 2}, "4:2:0: rows lean on their neighbours"},
    {{.across = 2, .down = 1}, "4:2:2"},
    {{.across = 1, .down = 2}, "4:4:0"},
    {{.across = 4, .down = 1}, "4:1:1"},
    {{.across = 2, .down = 2, .progressive = true}, "progressive: coefficients are held"},
    {{.across = 1, .down = 1, .progressive = true}, "progressive, 4:4:4"},
    {{.across = 2, .down = 2, .restart = 2}, "restart intervals"},
    {{.grey = true}, "grey"},
    {{.grey = true, .progressive = true}, "progressive grey"},
    {{.across = 2, .down = 2, .separate = true}, "a scan a component"},
    {{.across = 4, .down = 2}, "4 x 2: at half size the DCT makes up for half of it"},
    {{.across = 2, .down = 4}, "2 x 4, the same upright"},
    {{.across = 4, .down = 2, .progressive = true}, "4 x 2, progressive"},
    {{.across = 2, .down = 2, .chroma_across = {2, 1}, .chroma_down = {1, 2}}, "2 x 1 and 1 x 2"},
    {{.across = 4, .down = 1, .chroma_across = {1, 2}, .chroma_down = {1, 1}},
     "4 x 1, 1 x 1, 2 x 1"},
    {{.across = 1, .down = 1, .chroma_across = {2, 2}, .chroma_down = {2, 2}},
     "less luma than chroma"},
    {{.across = 3, .down = 1}, "3 x 1"},
    {{.across = 3, .down = 2, .chroma_across = {1, 1}, .chroma_down = {2, 2}}, "3 x 2, 1 x 2"},
};

/* A box with whole multiples of the denominator, at its scale: a plain cut out of the scaled image. */
static void cut_equals(tn_decoder *d, const struct kind *kind, const uint8_t *full, int full_width,
                       int denominator, const int cut[4])
{
    const int x = cut[0], y = cut[1], w = cut[2], h = cut[3];
    const tn_box box = {x * denominator, y * denominator, w * denominator, h * denominator};
    uint8_t *rgb = malloc(3 * (size_t)w * (size_t)h);
    memset(rgb, 0xA5, 3 * (size_t)w * (size_t)h);
    assert_ok(tn_decoder_read(d, &box, false, w, h, rgb));
    for (int r = 0; r < h; r++)
        if (memcmp(rgb + 3 * r * w, full + 3 * ((y + r) * full_width + x), 3 * (size_t)w) != 0)
            fail_msg("%s, 1/%d, %d x %d at (%d, %d): row %d differs from a full decode", kind->why,
                     denominator, w, h, x, y, r);
    assert_ok(tn_decoder_judge(d));
    free(rgb);
}

static void crops_equal_a_full_decode(void **state)
{
    (void)state;
    enum { WIDTH = 333, HEIGHT = 251 };
    tn_decoder *d = decoder_new();
    for (size_t k = 0; k < TN_COUNT(kinds); k++) {
        lab_jpeg_opts opts = kinds[k].opts;
        opts.width = WIDTH;
        opts.height = HEIGHT;
        const lab_bytes file = lab_jpeg(&opts);
        int w, h;
        assert_ok(tn_decoder_open_memory(d, kinds[k].why, file.data, file.size, &w, &h));
        for (int denominator = 1; denominator <= 8; denominator *= 2) {
            int fw, fh;
            uint8_t *full = full_decode(file, denominator, &fw, &fh);
            const int mw = WIDTH / denominator, mh = HEIGHT / denominator;
            const int cuts[][4] = {
                {0, 0, mw, mh},           {0, 0, 1, 1},   {mw - 1, mh - 1, 1, 1}, {16, 16, 7, 9},
                {mw / 3, mh / 2, 20, 11}, {15, 15, 2, 2}, {17, 1, 20, 29},        {1, 17, 24, 13},
                {0, mh - 9, mw, 9},       {8, 8, 16, 16}, {mw - 10, 3, 10, 5},    {9, 23, 3, 8}};
            for (size_t i = 0; i < TN_COUNT(cuts); i++)
                cut_equals(d, &kinds[k], full, fw, denominator, cuts[i]);
            free(full);
        }
        free(file.data);
    }
    tn_decoder_destroy(d);
}

/* The box scaled by the DCT first and then by the filter, against all of the image scaled by the
 * filter alone. */
static double dct_error(tn_decoder *d, lab_bytes file, const tn_box *box, int side)
{
    int w, h, fw, fh;
    uint8_t *full = full_decode(file, 1, &fw, &fh);
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    uint8_t *got = malloc(bytes), *want = malloc(bytes);
    tn_resampler r = {0};
    const tn_pixels pixels = {
        .rgb = full, .stride = 3 * (size_t)fw, .width = fw, .height = fh, .box = *box};
    assert_ok(tn_decoder_open_memory(d, "photo", file.data, file.size, &w, &h));
    assert_ok(tn_decoder_read(d, box, false, side, side, got));
    assert_ok(tn_resample(&r, &pixels, false, false, side, side, want));
    const double error = rmse(got, want, bytes);
    tn_resampler_free(&r);
    free(full);
    free(got);
    free(want);
    return error;
}

/* What was measured is 0.4 to 0.7; a shift by half a pixel gave more than 1.2. */
static void dct_scaling_stays_close(void **state)
{
    (void)state;
    static const struct {
        int side;
        const char *why;
    } cases[] = {{224, "1/2, then 1.3"}, {100, "1/4, then 1.5"}, {60, "1/8, then 1.2"}};
    const lab_jpeg_opts opts = {.width = 640, .height = 600, .across = 2, .down = 2};
    const lab_bytes file = lab_jpeg(&opts);
    tn_decoder *d = decoder_new();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const double error = dct_error(d, file, &(tn_box){13.25, 5.5, 600, 590}, cases[i].side);
        if (error > 1.0)
            fail_msg("%s: rmse %.2f of 255", cases[i].why, error);
    }
    tn_decoder_destroy(d);
    free(file.data);
}

/* The same with photos. The DCT keeps edges sharper than the filter would: up to 4.3 was measured, at
 * 960 to 224, where the DCT does nearly all of it. */
static void dct_scaling_stays_close_on_photos(void **state)
{
    (void)state;
    static const char *const names[] = {"n02667093_abaya.JPEG", "n03733805_measuring_cup.JPEG",
                                        "n03594945_jeep.JPEG", "n02977058_cash_machine.JPEG",
                                        "n02791124_barber_chair.JPEG"};
    lab_need_data("varied");
    tn_decoder *d = decoder_new();
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        char name[128];
        int w, h;
        snprintf(name, sizeof name, "varied/%s", names[i]);
        const lab_bytes file = lab_read(lab_data(name));
        assert_ok(tn_decoder_open_memory(d, name, file.data, file.size, &w, &h));
        for (int side = 224; side > 50; side /= 2) {
            const tn_box box = tn_fit_box(w, h, side, side, side);
            const double error = dct_error(d, file, &box, side);
            if (error > 6)
                fail_msg("%s to %d: rmse %.2f of 255", names[i], side, error);
        }
        free(file.data);
    }
    tn_decoder_destroy(d);
}

#endif

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
         false, 3, "CMYK as it is"},
        {lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .grey = true, .quality = 98}),
         true, 3, "grey JPEG"},
        {lab_jpeg(&(lab_jpeg_opts){.width = WIDTH, .height = HEIGHT, .quality = 98}), false, 3,
         "baseline"},
        {lab_png(WIDTH, HEIGHT, 3), false, 0, "PNG"},
        {lab_png(WIDTH, HEIGHT, 4), false, 0, "PNG with alpha, which is dropped"},
        {lab_bmp(WIDTH, HEIGHT), false, 0, "BMP"},
        {lab_tga(WIDTH, HEIGHT), false, 0, "TGA"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TN_HAVE_JPEG
        cmocka_unit_test(crops_equal_a_full_decode),
        cmocka_unit_test(dct_scaling_stays_close),
        cmocka_unit_test(dct_scaling_stays_close_on_photos),
#endif
        cmocka_unit_test(all_orientations_are_upright),
        cmocka_unit_test(mirror_is_a_mirror),
        cmocka_unit_test(colours_become_rgb),
        cmocka_unit_test(fit_box_is_the_middle),
        cmocka_unit_test(load_fits_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
