/*
 * As test_null.c, of sets, loaders and sources.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static tn_dataset *set;
static const char *folder;

static void write_image(const char *class_folder, int number)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, class_folder);
    mkdir(path, 0755); /* or it is there */
    snprintf(path, sizeof path, "%s/%s/%d.ppm", folder, class_folder, number);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f, "P6 2 2 255\n%s", "abcdefghijkl");
    fclose(f);
}

static int open_set(void **state)
{
    (void)state;
    folder = lab_make_folder();
    for (int i = 0; i < 4; i++)
        write_image(i % 2 ? "a" : "b", i);
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder}));
    return 0;
}

static int close_set(void **state)
{
    (void)state;
    tn_dataset_close(set);
    lab_remove(folder);
    return 0;
}

static void surfaces(uint8_t *rgb)
{
    const tn_fit_opts fit = {.height = 2, .width = 2};
    const tn_image_surface good = {.luma = rgb, .chroma = rgb}, dark = {.chroma = rgb},
                           grey = {.luma = rgb};
    tn_device *device = NULL;
    assert_ok(tn_device_open(&device, "cpu"));
    REFUSES(tn_image_fit_surface(NULL, &good, &fit, rgb), "device");
    REFUSES(tn_image_fit_surface(device, NULL, &fit, rgb), "surface");
    REFUSES(tn_image_fit_surface(device, &dark, &fit, rgb), "surface->luma");
    REFUSES(tn_image_fit_surface(device, &grey, &fit, rgb), "surface->chroma");
    REFUSES(tn_image_fit_surface(device, &good, NULL, rgb), "opts");
    REFUSES(tn_image_fit_surface(device, &good, &fit, NULL), "rgb");
    tn_device_close(device);
}

static void sets(void **state)
{
    (void)state;
    uint8_t rgb[12];
    tn_dataset *a = NULL, *b = NULL;
    REFUSES(tn_image_load(NULL, &(tn_fit_opts){.height = 2, .width = 2}, rgb), "path");
    REFUSES(tn_image_load("x", NULL, rgb), "opts");
    REFUSES(tn_image_load("x", &(tn_fit_opts){.height = 2, .width = 2}, NULL), "rgb");
    REFUSES(tn_image_decode(NULL, "x", 1, &(tn_fit_opts){.height = 2}, rgb), "name");
    REFUSES(tn_image_decode("x", NULL, 1, &(tn_fit_opts){.height = 2}, rgb), "bytes");
    REFUSES(tn_image_decode("x", "x", 1, NULL, rgb), "opts");
    REFUSES(tn_image_decode("x", "x", 1, &(tn_fit_opts){.height = 2}, NULL), "rgb");
    const tn_image_pixels pixels = {rgb, 1, 1, 0};
    REFUSES(tn_image_fit(NULL, &(tn_fit_opts){.height = 2}, rgb), "pixels");
    REFUSES(tn_image_fit(&(tn_image_pixels){NULL, 1, 1, 0}, &(tn_fit_opts){.height = 2}, rgb),
            "pixels->rgb");
    REFUSES(tn_image_fit(&pixels, NULL, rgb), "opts");
    REFUSES(tn_image_fit(&pixels, &(tn_fit_opts){.height = 2}, NULL), "rgb");
    REFUSES(tn_path_within(NULL), "path");
    surfaces(rgb);
    REFUSES(tn_dataset_open(NULL, &(tn_dataset_opts){.path = folder}), "out");
    REFUSES(tn_dataset_open(&a, NULL), "opts");
    assert_fails(tn_dataset_open(&a, &(tn_dataset_opts){0}), TN_ERR_ARGUMENT, "no path");
    REFUSES(tn_dataset_split(NULL, 50, 1, &a, &b), "set");
    REFUSES(tn_dataset_split(set, 50, 1, NULL, &b), "first");
    REFUSES(tn_dataset_split(set, 50, 1, &a, NULL), "second");
    REFUSES(tn_dataset_pack(NULL, &(tn_pack_opts){.folder = folder}), "set");
    REFUSES(tn_dataset_pack(set, NULL), "opts");
    assert_fails(tn_dataset_pack(set, &(tn_pack_opts){0}), TN_ERR_ARGUMENT, "no folder");
    assert_null(a);
    assert_null(b);
    REFUSES(tn_dataset_digest(NULL, (char[33]){0}), "set");
    REFUSES(tn_dataset_digest(set, NULL), "digest");
    assert_int_equal(tn_dataset_count(NULL), 0);
    assert_int_equal(tn_dataset_classes(NULL), 0);
    assert_int_equal(tn_dataset_side(NULL), 0);
    assert_null(tn_dataset_class_name(NULL, 0));
    assert_int_equal(tn_dataset_class_count(NULL, 0), 0);
    assert_null(tn_dataset_item_path(NULL, 0));
    assert_int_equal(tn_dataset_item_label(NULL, 0), -1);
    assert_int_equal(tn_dataset_num_notices(NULL), 0);
    assert_null(tn_dataset_notice(NULL, 0));
    assert_int_equal(tn_dataset_excluded(NULL), 0);
    REFUSES(tn_dataset_split_groups(NULL, 50, 1, NULL, &a, &b), "set");
    REFUSES(tn_dataset_split_groups(set, 50, 1, NULL, NULL, &b), "first");
    REFUSES(tn_dataset_split_groups(set, 50, 1, NULL, &a, NULL), "second");
    REFUSES(tn_dataset_write_list(NULL, "x"), "set");
    REFUSES(tn_dataset_write_list(set, NULL), "path");
    REFUSES(tn_exclude_write(NULL, NULL, 0), "path");
    REFUSES(tn_exclude_write("x", NULL, 1), "files");
    tn_jpeg jpeg;
    REFUSES(tn_image_jpeg(NULL, NULL, &jpeg), "path");
    REFUSES(tn_image_jpeg("x", NULL, NULL), "out");
    REFUSES(tn_dataset_jpeg(NULL, 0, NULL, &jpeg), "set");
    REFUSES(tn_dataset_jpeg(set, 0, NULL, NULL), "out");
    tn_jpeg_free(NULL);
}

static void loaders(void **state)
{
    (void)state;
    tn_loader *loader = NULL;
    tn_batch batch;
    const tn_loader_opts opts = {.batch = 2, .height = 2, .width = 2, .threads = 1};
    REFUSES(tn_loader_open(NULL, set, &opts), "out");
    REFUSES(tn_loader_open(&loader, NULL, &opts), "set");
    REFUSES(tn_loader_open(&loader, set, NULL), "opts");
    const tn_source source = {.name = "s"};
    const tn_fill at = {0};
    uint8_t rgb[12];
    REFUSES(tn_fill_image(NULL, &opts, "x", "x", 1, rgb), "at");
    REFUSES(tn_fill_image(&at, NULL, "x", "x", 1, rgb), "opts");
    REFUSES(tn_fill_image(&at, &opts, NULL, "x", 1, rgb), "name");
    REFUSES(tn_fill_image(&at, &opts, "x", NULL, 1, rgb), "bytes");
    REFUSES(tn_fill_image(&at, &opts, "x", "x", 1, NULL), "rgb");
    assert_true(isnan(tn_fill_random(NULL, 0)));
    REFUSES(tn_loader_open_source(NULL, &source, &opts), "out");
    REFUSES(tn_loader_open_source(&loader, NULL, &opts), "source");
    REFUSES(tn_loader_open_source(&loader, &source, NULL), "opts");
    REFUSES(tn_loader_next(NULL, &batch), "loader");
    REFUSES(tn_loader_seek(NULL, 0, 0), "loader");
    assert_ok(tn_loader_open(&loader, set, &opts));
    REFUSES(tn_loader_next(loader, NULL), "out");
    tn_loader_close(loader);
    assert_int_equal(tn_loader_batches(NULL), 0);
    assert_int_equal(tn_loader_num_bad(NULL), 0);
    assert_null(tn_loader_bad_path(NULL, 0));
    assert_null(tn_loader_bad_reason(NULL, 0));
    assert_null(tn_loader_item_name(NULL, 0));
    REFUSES(tn_npy_save(NULL, (tn_tensor){TN_U8, TN_SHAPE(12), rgb}), "path");
    assert_true(tn_loader_time(NULL).waited == 0 && tn_loader_time(NULL).elapsed == 0);
}

static void checks(void **state)
{
    (void)state;
    tn_check *c = NULL;
    tn_checked item;
    float share = 1;
    REFUSES(tn_check_set(NULL, set, NULL), "out");
    REFUSES(tn_check_set(&c, NULL, NULL), "set");
    REFUSES(tn_check_doubt(NULL, false, &share), "check");
    assert_fails(tn_check_set(&c, set, &(tn_check_opts){.threads = -1}), TN_ERR_ARGUMENT,
                 "-1 threads");
    assert_null(c);
    tn_check_close(NULL);
    assert_int_equal(tn_check_num_findings(NULL), 0);
    assert_null(tn_check_finding(NULL, 0));
    assert_null(tn_check_limit_of(NULL));
    assert_null(tn_check_side_of(NULL, false));
    assert_int_equal(tn_check_count(NULL), 0);
    assert_int_equal(tn_check_class_count(NULL, false, 0), 0);
    assert_false(tn_check_item(NULL, 0, &item));
    assert_null(tn_find_name(TN_FINDS));
    assert_ok(tn_check_set(&c, set, NULL));
    REFUSES(tn_check_doubt(c, false, NULL), "share");
    assert_fails(tn_check_doubt(c, true, &share), TN_ERR_ARGUMENT, "there is no val");
    assert_null(tn_check_finding(c, tn_check_num_findings(c)));
    assert_null(tn_check_finding(c, -1));
    assert_null(tn_check_side_of(c, true));
    assert_int_equal(tn_check_class_count(c, false, 0), 2);
    assert_int_equal(tn_check_class_count(c, true, 0), 0);
    assert_int_equal(tn_check_class_count(c, false, 2), 0);
    assert_false(tn_check_item(c, 4, &item));
    assert_false(tn_check_item(c, 0, NULL));
    tn_check_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets),
        cmocka_unit_test(checks),
        cmocka_unit_test(loaders),
    };
    return cmocka_run_group_tests(tests, open_set, close_set);
}
