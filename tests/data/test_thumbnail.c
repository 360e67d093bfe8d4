/*
 * Small JPEG files of pictures: their sizes, their pixels (those that the decoder scales to, but for what JPEG loses),
 * the same of packed sets; errors that name the file.
 */
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "lab.h"
#include "lab_image.h"
#include "lab_packed.h"
#include "lab_set.h"

static const char *folder;

static int make(void **state)
{
    folder = lab_make_folder();
    return lab_make_packed(state);
}

static int clear(void **state)
{
    lab_remove(folder);
    return lab_remove_packed(state);
}

static const char *write_file(const char *name, lab_bytes b)
{
    const char *path = lab_path(folder, "%s", name);
    lab_write(path, b.data, b.size);
    free(b.data);
    return path;
}

#ifdef TN_HAVE_JPEG

/* The mean of how far two pictures are off each other. */
static double distance(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    double sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += abs(a[i] - b[i]);
    return sum / (double)bytes;
}

/* All of an image file, or of a JPEG in memory if `path` is NULL, scaled to width x height; free(). */
static uint8_t *read_all(const char *path, const tn_jpeg *jpeg, int width, int height)
{
    tn_decoder *d;
    int w, h;
    uint8_t *rgb = malloc(3 * (size_t)width * (size_t)height);
    assert_non_null(rgb);
    assert_ok(tn_decoder_create(&d));
    if (path)
        assert_ok(tn_decoder_open(d, path, &w, &h));
    else
        assert_ok(tn_decoder_open_memory(d, "jpeg", jpeg->bytes, jpeg->size, &w, &h));
    assert_ok(tn_decoder_read(d, &(tn_box){0, 0, w, h}, false, width, height, rgb));
    assert_ok(tn_decoder_judge(d));
    tn_decoder_destroy(d);
    return rgb;
}

static void check_pixels(const char *path, const tn_jpeg *jpeg, double most)
{
    uint8_t *want = read_all(path, NULL, jpeg->width, jpeg->height);
    uint8_t *got = read_all(NULL, jpeg, jpeg->width, jpeg->height);
    const double off = distance(want, got, 3 * (size_t)jpeg->width * (size_t)jpeg->height);
    if (off > most)
        fail_msg("%s: %g of 255 off", path, off);
    free(want);
    free(got);
}

static void sizes(void **state)
{
    static const struct {
        const char *why;
        int width, height, side, to_width, to_height;
    } cases[] = {
        {"the longer side is scaled to the side, the other rounds", 300, 200, 100, 100, 67},
        {"upright", 200, 300, 100, 67, 100},
        {"none is enlarged", 30, 20, 100, 30, 20},
        {"nor cut", 100, 40, 100, 100, 40},
        {"a pixel is the least", 4, 800, 100, 1, 100},
        {"the default", 512, 256, 0, 256, 128},
        {"one pixel", 1, 1, 1, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *path = write_file("a.png", lab_png(cases[i].width, cases[i].height, 3));
        tn_jpeg jpeg;
        assert_ok(tn_image_jpeg(path, &(tn_jpeg_opts){.side = cases[i].side}, &jpeg));
        if (jpeg.width != cases[i].to_width || jpeg.height != cases[i].to_height)
            fail_msg("%s: %d x %d", cases[i].why, jpeg.width, jpeg.height);
        check_pixels(path, &jpeg, 8);
        tn_jpeg_free(&jpeg);
        assert_null(jpeg.bytes);
    }
}

static void upright_and_the_same_twice(void **state)
{
    (void)state;
    const char *path = write_file(
        "turned.jpg", lab_jpeg(&(lab_jpeg_opts){.width = 90, .height = 60, .orientation = 6}));
    tn_jpeg one, two;
    assert_ok(tn_image_jpeg(path, NULL, &one));
    assert_ok(tn_image_jpeg(path, NULL, &two));
    assert_int_equal(one.width, 60);
    assert_int_equal(one.height, 90);
    check_pixels(path, &one, 3);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.bytes, two.bytes, one.size);
    tn_jpeg_free(&two);
    assert_ok(tn_image_jpeg(path, &(tn_jpeg_opts){.quality = 20}, &two));
    assert_true(two.size < one.size);
    tn_jpeg_free(&one);
    tn_jpeg_free(&two);
}

/* More bytes than the room that writing begins with. */
static void large(void **state)
{
    (void)state;
    const char *path = write_file("large.png", lab_png(700, 500, 3));
    tn_jpeg jpeg;
    assert_ok(tn_image_jpeg(path, &(tn_jpeg_opts){.side = 700, .quality = 100}, &jpeg));
    assert_true(jpeg.size > 40000);
    check_pixels(path, &jpeg, 2);
    tn_jpeg_free(&jpeg);
}

static void items(void **state)
{
    (void)state;
    tn_dataset *files = lab_open_set(lab_root), *packed = lab_open_set(lab_packed);
    for (int64_t i = 0; i < LAB_COUNT; i++) {
        tn_jpeg a, b;
        assert_ok(tn_dataset_jpeg(files, i, &(tn_jpeg_opts){.side = 16}, &a));
        assert_ok(tn_dataset_jpeg(packed, i, &(tn_jpeg_opts){.side = 16}, &b));
        assert_int_equal(a.width, 16);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.bytes, b.bytes, a.size);
        tn_jpeg_free(&a);
        tn_jpeg_free(&b);
    }
    tn_jpeg jpeg;
    assert_fails(tn_dataset_jpeg(files, -1, NULL, &jpeg), TN_ERR_ARGUMENT,
                 "item -1 is not one of the set's 12");
    assert_fails(tn_dataset_jpeg(packed, 12, NULL, &jpeg), TN_ERR_ARGUMENT, "item 12");
    tn_dataset_close(files);
    tn_dataset_close(packed);
}

static tn_status make_one(void *arg)
{
    const tn_dataset *packed = arg;
    tn_jpeg jpeg;
    TN_TRY(tn_image_jpeg(lab_path(folder, "large.png"), &(tn_jpeg_opts){.side = 300}, &jpeg));
    tn_jpeg_free(&jpeg);
    const tn_status status = tn_dataset_jpeg(packed, 3, NULL, &jpeg);
    tn_jpeg_free(&jpeg);
    return status;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    tn_dataset *packed = lab_open_set(lab_packed);
    assert_true(lab_fail_each_allocation(make_one, packed) > 5);
    tn_dataset_close(packed);
}

#else

static void says_what_is_missing(void **state)
{
    (void)state;
    const char *path = write_file("a.bmp", lab_bmp(20, 10));
    tn_jpeg jpeg;
    assert_fails(tn_image_jpeg(path, NULL, &jpeg), TN_ERR_UNSUPPORTED,
                 "a.bmp: as a JPEG of 20 x 10 pixels: this build lacks libjpeg-turbo");
    assert_null(jpeg.bytes);
}

#endif

static void errors_name_the_file(void **state)
{
    (void)state;
    lab_bytes b = lab_png(300, 200, 3);
    b.size -= 100; /* what is cut off is in the last rows */
    const char *cut = write_file("cut.png", b);
    tn_jpeg jpeg = {(uint8_t *)"x", 1, 2, 3};
    assert_fails(tn_image_jpeg(cut, &(tn_jpeg_opts){.side = 8}, &jpeg), TN_ERR_FORMAT, "cut.png: ");
    assert_null(jpeg.bytes);
    assert_fails(tn_image_jpeg("nowhere/x.png", NULL, &jpeg), TN_ERR_IO,
                 "nowhere/x.png: No such file");
    assert_fails(tn_image_jpeg(cut, &(tn_jpeg_opts){.side = -3}, &jpeg), TN_ERR_ARGUMENT,
                 "cut.png: a JPEG of side -3");
    assert_fails(tn_image_jpeg(cut, &(tn_jpeg_opts){.quality = 101}, &jpeg), TN_ERR_ARGUMENT,
                 "cut.png: a JPEG of quality 101");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TN_HAVE_JPEG
        cmocka_unit_test(sizes),
        cmocka_unit_test(upright_and_the_same_twice),
        cmocka_unit_test(large),
        cmocka_unit_test(items),
        cmocka_unit_test(each_allocation_fails),
#else
        cmocka_unit_test(says_what_is_missing),
#endif
        cmocka_unit_test(errors_name_the_file),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
