/*
 * The doctor of sets: what it says of files and of all pictures, doubted labels, and sets that are there.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir, open_memstream, popen */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lab.h"
#include "lab_check.h"
#include "lab_set.h"

/* ---- files -------------------------------------------------------------------------------------- */

/* Half a file of each kind, none, and what is no file: each is named with what a loader says of it. */
static void broken_files_are_told_as_a_loader_tells_them(void **state)
{
    (void)state;
    lab_make_clean();
    const lab_bytes whole[] = {
        lab_jpeg(&(lab_jpeg_opts){.width = 80, .height = 80}), lab_png(80, 80, 3), lab_bmp(80, 80),
        lab_jpeg(&(lab_jpeg_opts){.width = 80, .height = 80, .progressive = true})};
    int64_t count = 0;
    for (size_t i = 0; i < TN_COUNT(whole); i++) {
        char name[64];
        snprintf(name, sizeof name, "train/ape/half%zu.jpg", i);
        if (whole[i].data) {
            lab_write(lab_at(name), whole[i].data, whole[i].size / 2);
            count++;
        }
        free(whole[i].data);
    }
    static const char *const others[] = {
        "GIF89a", "RIFF    WEBPVP8 ", "P6 9 9 255 ", "P4 0 0 ", "BM", "II*\0", "%PDF", ""};
    for (size_t i = 0; i < TN_COUNT(others); i++, count++) {
        char name[64];
        snprintf(name, sizeof name, "train/bee/other%zu.png", i);
        lab_write(lab_at(name), others[i], strlen(others[i]));
    }
    lab_patient p = lab_check(2);
    tn_loader *loader;
    tn_batch batch;
    tn_dataset *set;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_at("train")}));
    assert_ok(tn_loader_open(
        &loader, set, &(tn_loader_opts){.batch = 8, .height = 8, .width = 8, .max_bad = 100}));
    while (tn_loader_next(loader, &batch) == TN_OK) {
    }
    const tn_finding *f = tn_check_finding(p.check, 0);
    assert_int_equal(f->kind, TN_FIND_BROKEN);
    assert_int_equal(f->count, count);
    assert_int_equal(f->count, tn_loader_num_bad(loader));
    for (int64_t i = 0; i < count; i++) {
        tn_checked item;
        assert_true(tn_check_item(p.check, f->suspect[i].item, &item));
        assert_string_equal(item.path, tn_loader_bad_path(loader, i));
        assert_string_equal(item.problem, tn_loader_bad_reason(loader, i));
        assert_string_equal(f->suspect[i].why, item.problem);
    }
    assert_int_equal(tn_check_num_findings(p.check), 1);
    tn_loader_close(loader);
    tn_dataset_close(set);
    tn_check_close(p.check);
    lab_remove(lab_folder);
}

static void what_a_file_is_is_told(void **state)
{
    (void)state;
    lab_make_clean();
    const lab_bytes png = lab_png(90, 80, 1);
    lab_write(lab_at("train/ape/a.png"), png.data, png.size);
    free(png.data);
    lab_write_jpeg("train/ape/b.jpg", 700,
                   (lab_jpeg_opts){.width = 100, .height = 70, .quality = 83, .orientation = 8});
    lab_patient p = lab_check(0);
    for (int64_t i = 0; i < tn_check_count(p.check); i++) {
        tn_checked item;
        assert_true(tn_check_item(p.check, i, &item));
        const char *name = strrchr(item.path, '/') + 1;
        assert_int_equal(item.val, i >= tn_check_side_of(p.check, false)->items);
        if (strcmp(name, "a.png") == 0) {
            assert_string_equal(item.format, "PNG");
            assert_int_equal(item.width, 90);
            assert_int_equal(item.height, 80);
            assert_true(item.grey);
            assert_int_equal(item.bytes, png.size);
            assert_int_equal(item.quality, 0);
        } else if (strcmp(name, "b.jpg") == 0) {
            assert_string_equal(item.format, "JPEG");
            assert_int_equal(item.width, 70);
            assert_int_equal(item.height, 100);
            assert_int_equal(item.orientation, 8);
            assert_int_equal(item.quality, 83);
            assert_false(item.grey);
        } else {
            assert_int_equal(item.quality, 90);
            assert_int_equal(item.orientation, 1);
        }
    }
    assert_false(tn_check_item(p.check, tn_check_count(p.check), NULL));
    tn_check_close(p.check);
    lab_remove(lab_folder);
}

/* Mean and deviation of all pixels, where nothing is scaled, to the last digits. */
static void mean_and_deviation_are_those_of_the_pixels(void **state)
{
    (void)state;
    enum { COUNT = 20, WIDTH = 80, HEIGHT = 100 };
    double sum[3] = {0}, square[3] = {0};
    lab_folder = lab_make_folder();
    assert_int_equal(mkdir(lab_at("train"), 0755), 0);
    assert_int_equal(mkdir(lab_at("train/a"), 0755), 0);
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "train/a/%d.ppm", i);
        uint8_t *rgb = lab_draw((uint64_t)i, WIDTH, HEIGHT);
        for (int k = 0; k < 3 * WIDTH * HEIGHT; k++) {
            sum[k % 3] += rgb[k];
            square[k % 3] += rgb[k] * rgb[k];
        }
        lab_write_ppm(name, rgb, WIDTH, HEIGHT);
        free(rgb);
    }
    tn_dataset *set;
    tn_check *c;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_at("train")}));
    assert_ok(tn_check_set(&c, set, NULL));
    const tn_check_side *side = tn_check_side_of(c, false);
    for (int k = 0; k < 3; k++) {
        const double n = (double)COUNT * WIDTH * HEIGHT, mean = sum[k] / n;
        /* The mean is that of bytes that were rounded; the deviation's part between pictures, too. */
        assert_true(fabs(side->mean[k] - mean) < 0.1);
        assert_true(fabs(side->deviation[k] - sqrt(square[k] / n - mean * mean)) < 0.1);
    }
    assert_null(tn_check_side_of(c, true));
    assert_true(side->width.least == WIDTH && side->height.most == HEIGHT);
    tn_check_close(c);
    tn_dataset_close(set);
    lab_remove(lab_folder);
}

/* ---- labels that a model doubts ------------------------------------------------------------------ */

static tn_status doubt(void *arg)
{
    lab_patient *p = arg;
    float share[3 * VAL][3];
    for (int i = 0; i < 3 * VAL; i++)
        for (int j = 0; j < 3; j++)
            share[i][j] = i / VAL == j ? 0.8F : 0.1F;
    memcpy(share[1], (float[3]){0.1F, 0.85F, 0.05F},
           sizeof share[1]); /* an ape that looks like a bee */
    memcpy(share[7], (float[3]){0.3F, 0.2F, 0.5F},
           sizeof share[7]); /* not as sure as of other cats */
    return tn_check_doubt(p->check, true, share[0]);
}

static void doubtful_labels_are_found(void **state)
{
    (void)state;
    lab_make_clean();
    lab_patient p = lab_check(0);
    for (long n = 1;; n++) { /* what fails adds nothing */
        tn_alloc_fail_at(n);
        const tn_status status = doubt(&p);
        tn_alloc_fail_at(0);
        if (status == TN_OK)
            break;
        assert_int_equal(status, TN_ERR_MEMORY);
        assert_int_equal(tn_check_num_findings(p.check), 0);
    }
    assert_int_equal(tn_check_num_findings(p.check), 1);
    const tn_finding *f = tn_check_finding(p.check, 0);
    assert_int_equal(f->kind, TN_FIND_DOUBTFUL);
    assert_int_equal(f->count, 1);
    assert_int_equal(f->suspect[0].item, 3 * PER_CLASS + 1);
    assert_string_equal(f->suspect[0].why, "labelled ape (10.0 %), looks like bee (85.0 %)");
    tn_check_close(p.check);
    lab_remove(lab_folder);
}

/* ---- sets that are there -------------------------------------------------------------------------- */

/* What 64 x 64 pixels of all and larger ones of some say of the deviation, beside all pixels of all. */
static void photos_have_the_deviation_that_they_have(void **state)
{
    (void)state;
    lab_need_data("val");
    enum { PHOTO = 224 };
    tn_dataset *set;
    tn_check *c;
    double sum[3] = {0}, square[3] = {0};
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_data("val")}));
    assert_ok(tn_check_set(&c, set, NULL));
    uint8_t *rgb = malloc(3 * PHOTO * PHOTO);
    const int64_t count = tn_dataset_count(set);
    for (int64_t i = 0; i < count; i++) {
        assert_ok(tn_image_load(tn_dataset_item_path(set, i),
                                &(tn_fit_opts){.width = PHOTO, .height = PHOTO}, rgb));
        for (int k = 0; k < 3 * PHOTO * PHOTO; k++) {
            sum[k % 3] += rgb[k];
            square[k % 3] += rgb[k] * rgb[k];
        }
    }
    for (int k = 0; k < 3; k++) {
        const double n = (double)count * PHOTO * PHOTO, mean = sum[k] / n;
        const double deviation = sqrt(square[k] / n - mean * mean);
        const tn_check_side *side = tn_check_side_of(c, false);
        print_message("mean %.2f, told %.2f; deviation %.2f, told %.2f\n", mean, side->mean[k],
                      deviation, side->deviation[k]);
        assert_true(fabs(side->mean[k] / mean - 1) < 0.005);
        assert_true(fabs(side->deviation[k] / deviation - 1) < 0.01);
    }
    assert_int_equal(tn_check_num_findings(c), 0); /* photos are no near duplicates */
    free(rgb);
    tn_check_close(c);
    tn_dataset_close(set);
}

/* One number a picture, as gzip has it. */
static uint8_t *unpacked(const char *name, size_t bytes)
{
    char command[1200];
    uint8_t *all = malloc(bytes);
    snprintf(command, sizeof command, "gzip -dc '%s'", lab_data(name));
    FILE *from = popen(command, "r");
    assert_non_null(from);
    assert_int_equal(fread(all, 1, bytes, from), bytes);
    pclose(from);
    return all;
}

static void digits_look_too_much_alike(void **state)
{
    (void)state;
    lab_need_data("mnist");
    enum { DIGITS = 1500, PIXELS = 28 * 28 };
    uint8_t *pixels = unpacked("mnist/t10k-images-idx3-ubyte.gz", 16 + DIGITS * PIXELS);
    uint8_t *labels = unpacked("mnist/t10k-labels-idx1-ubyte.gz", 8 + DIGITS);
    lab_folder = lab_make_folder();
    assert_int_equal(mkdir(lab_at("train"), 0755), 0);
    for (int i = 0; i < DIGITS; i++) {
        char name[64];
        snprintf(name, sizeof name, "train/%d", labels[8 + i]);
        mkdir(lab_at(name), 0755); /* or it is there */
        snprintf(name, sizeof name, "train/%d/%04d.pgm", labels[8 + i], i);
        FILE *f = fopen(lab_at(name), "wb");
        assert_non_null(f);
        fprintf(f, "P5 28 28 255\n");
        fwrite(pixels + 16 + i * PIXELS, 1, PIXELS, f);
        fclose(f);
    }
    free(pixels);
    free(labels);
    tn_dataset *set;
    tn_check *c;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_at("train")}));
    assert_ok(tn_check_set(&c, set, &(tn_check_opts){.size = 28}));
    print_message("%s\n", tn_check_limit_of(c)->text);
    assert_int_equal(tn_check_limit_of(c)->bits, -1);
    assert_int_equal(tn_check_limit_of(c)->pairs, 200000);
    assert_true(tn_check_limit_of(c)->alike[0] > 200 && tn_check_limit_of(c)->alike[1] > 2);
    for (int64_t i = 0; i < tn_check_num_findings(c); i++)
        assert_int_not_equal(tn_check_finding(c, i)->kind, TN_FIND_ALIKE);
    tn_check_close(c);
    tn_dataset_close(set);
    lab_remove(lab_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files_are_told_as_a_loader_tells_them),
        cmocka_unit_test(what_a_file_is_is_told),
        cmocka_unit_test(mean_and_deviation_are_those_of_the_pixels),
        cmocka_unit_test(doubtful_labels_are_found),
        cmocka_unit_test(photos_have_the_deviation_that_they_have),
        cmocka_unit_test(digits_look_too_much_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
