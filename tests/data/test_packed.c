/* truncate is POSIX. */
#define _XOPEN_SOURCE 700

#include <string.h>
#include <unistd.h>

#include "data/filler.h"
#include "lab.h"
#include "lab_packed.h"
#include "lab_set.h"

static const char *const parts[] = {"images.npy", "labels.npy", "classes.txt"};

static size_t read_file(const char *path, uint8_t *bytes, size_t capacity)
{
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    const size_t size = fread(bytes, 1, capacity, from);
    fclose(from);
    return size;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void a_packed_set_is_a_set(void **state)
{
    (void)state;
    tn_dataset *set = lab_open_set(lab_packed), *files = lab_open_set(lab_root), *first, *second,
               *val = NULL;
    assert_int_equal(tn_dataset_side(set), LAB_SIDE);
    assert_int_equal(tn_dataset_count(set), 12);
    assert_int_equal(tn_dataset_classes(set), 3);
    assert_string_equal(tn_dataset_class_name(set, 1), "class1");
    assert_string_equal(tn_dataset_item_path(set, 11), "images.npy[11]");
    for (int i = 0; i < 12; i++)
        assert_int_equal(tn_dataset_item_label(set, i), tn_dataset_item_label(files, i));
    assert_ok(tn_dataset_split(set, 25, 3, &first, &second));
    assert_int_equal(tn_dataset_count(second), 3);
    assert_int_equal(tn_dataset_side(second), LAB_SIDE);
    lab_mkdir(lab_path(lab_packed, "extra"));
    assert_ok(tn_dataset_open(&val, &(tn_dataset_opts){.path = lab_packed, .classes_of = files}));
    tn_dataset_close(val);
    tn_dataset_close(set); /* the parts keep the images */
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open(&loader, second,
                             &(tn_loader_opts){.batch = 3, .height = LAB_SIDE, .width = LAB_SIDE}));
    tn_batch b;
    assert_ok(tn_loader_next(loader, &b));
    static uint8_t want[LAB_SIDE * LAB_SIDE * 3];
    static const unsigned seed[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 8, 9};
    for (int i = 0; i < 3; i++) {
        int row = -1;
        assert_int_equal(sscanf(tn_dataset_item_path(second, i), "images.npy[%d]", &row), 1);
        lab_pixels(want, LAB_SIDE, LAB_SIDE, seed[row]);
        assert_memory_equal((uint8_t *)b.images.data + (size_t)i * sizeof want, want, sizeof want);
        assert_int_equal(((int32_t *)b.labels.data)[i], row / 4);
    }
    tn_loader_close(loader);
    tn_dataset_close(first);
    tn_dataset_close(second);
    tn_dataset_close(files);
}

/* What packing does not scale, a loader sees the same from files and from the packed set. */
static void crops_are_those_of_the_files(void **state)
{
    (void)state;
    static const struct {
        tn_loader_opts opts;
        int slack;
        const char *why;
    } cases[] = {
        {{.height = 10, .width = 15, .resize = LAB_SIDE}, 0, "middle, no scaling"},
        {{.height = 10, .width = 15, .resize = LAB_SIDE, .flip = true}, 0, "turned around"},
        {{.height = 1, .width = 1, .resize = LAB_SIDE, .flip = true}, 0, "a pixel"},
        {{.height = LAB_SIDE, .width = LAB_SIDE, .crop = TN_CROP_RANDOM, .flip = true},
         0,
         "all of it"},
        {{.height = 9, .width = 9, .resize = LAB_SIDE, .crop = TN_CROP_RANDOM, .flip = true},
         0,
         "anywhere"},
        {{.height = 16, .width = 16, .crop = TN_CROP_RANDOM_RESIZED, .flip = true}, 1, "scaled"},
        {{.height = 12, .width = 12, .resize = 20}, 1, "scaled, then the middle"},
        {{.height = 30, .width = 30, .crop = TN_CROP_RANDOM, .resize = 32}, 1, "scaled up"},
        {{.height = 9, .width = 9, .resize = LAB_SIDE, .contrast = 0.5f, .lighting = 0.1f},
         0,
         "colours"},
    };
    tn_dataset *sets[] = {lab_open_set(lab_root), lab_open_set(lab_packed)};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        tn_loader_opts opts = cases[i].opts;
        opts.batch = 5;
        opts.shuffle = true;
        tn_loader *loader[2];
        for (int k = 0; k < 2; k++) {
            opts.threads = 1 + 2 * k;
            assert_ok(tn_loader_open(&loader[k], sets[k], &opts));
        }
        for (int n = 0; n < 9; n++) {
            tn_batch b[2];
            const tn_status status = tn_loader_next(loader[0], &b[0]);
            assert_int_equal(tn_loader_next(loader[1], &b[1]), status);
            if (status == TN_END)
                continue;
            assert_ok(status);
            const uint8_t *x = b[0].images.data, *y = b[1].images.data;
            for (int k = 0; k < 5 * opts.height * opts.width * 3; k++)
                assert_in_range(x[k] - y[k] + cases[i].slack, 0, 2 * cases[i].slack);
            assert_memory_equal(b[0].labels.data, b[1].labels.data, 5 * sizeof(int32_t));
        }
        tn_loader_close(loader[0]);
        tn_loader_close(loader[1]);
    }
    tn_dataset_close(sets[0]);
    tn_dataset_close(sets[1]);
}

/* Damage done to a file of a good packed set, and what is said about it. */
typedef struct damage {
    const char *file;
    const char *find, *put; /* text in its place, of the same length; or */
    long cut;               /* bytes taken off the end, or added if negative */
    const char *error, *why;
} damage;

static void hurt(const char *folder, const damage *d)
{
    static uint8_t bytes[100000];
    const char *path = lab_path(folder, "%s", d->file);
    const size_t size = read_file(path, bytes, sizeof bytes);
    for (size_t i = 0; d->find && i + strlen(d->find) <= size; i++)
        if (memcmp(bytes + i, d->find, strlen(d->find)) == 0)
            memcpy(bytes + i, d->put, strlen(d->put));
    lab_write(path, bytes, (size_t)((long)size - d->cut));
}

static void damaged_sets_are_refused(void **state)
{
    (void)state;
    static const damage cases[] = {
        {"images.npy", "\x93NUMPY", "\x93NUMBY", 0, "does not begin as a numpy file", "no magic"},
        {"images.npy", "UMPY\x01", "UMPY\x07", 0, "version of the numpy format", "version 7"},
        {"images.npy", "PY\x01", "PY\x02", 0, "header is longer than the file", "length too big"},
        {"images.npy", "|u1", "<f4", 0, "elements are not '|u1'", "floats"},
        {"images.npy", "False", "True ", 0, "not in C order", "columns first"},
        {"images.npy", "12, 24, 24, 3", "12, 24, 12, 6", 0, "shape 12 x 24 x 12 x 6", "no square"},
        {"images.npy", "12, 24, 24, 3", " 9, 24, 24, 4", 0, "shape 9 x 24 x 24 x 4", "alpha"},
        {"images.npy", "12, 24, 24, 3", "-2, 24, 24, 3", 0, "shape makes no sense", "negative"},
        {"images.npy", "12, 24, 24, 3", "12, 24,  1728", 0, "3 dimensions, not 4", "no channels"},
        {"images.npy", "(12, 24, 24, 3, )", "(0, 24, 24, 3, ) ", 0, "dimension 0", "none"},
        {"images.npy", "12, 24, 24, 3", "13, 24, 24, 3", 0, "20736 bytes of data", "too few"},
        {"images.npy", NULL, NULL, 1, "20735 bytes of data, where 12 x 24", "cut short"},
        {"images.npy", NULL, NULL, -7, "20743 bytes of data", "too long"},
        {"images.npy", NULL, NULL, 256 + 20736, "empty", "nothing in it"},
        {"images.npy", NULL, NULL, 256 + 20736 - 5, "does not begin as", "five bytes"},
        {"labels.npy", "<i4", "<i8", 0, "elements are not '<i4'", "wide labels"},
        {"labels.npy", "(12, )", "(12,1)", 0, "2 dimensions, not 1", "a column"},
        {"labels.npy", NULL, NULL, 4, "44 bytes of data", "one label lost"},
        {"classes.txt", NULL, NULL, 7, "image 8 has label 2, but classes.txt has 2",
         "a class lost"},
        {"classes.txt", NULL, NULL, 21, "no class name", "no classes"},
    };
    static uint8_t bytes[100000];
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s: %s\n", cases[i].file, cases[i].why);
        const char *folder = lab_make_folder();
        for (size_t f = 0; f < TN_COUNT(parts); f++)
            lab_write(lab_path(folder, "%s", parts[f]), bytes,
                      read_file(lab_path(lab_packed, "%s", parts[f]), bytes, sizeof bytes));
        hurt(folder, &cases[i]);
        tn_dataset *set = NULL;
        const tn_status status = tn_dataset_open(&set, &(tn_dataset_opts){.path = folder});
        assert_fails(status, TN_ERR_FORMAT, cases[i].error);
        assert_non_null(strstr(tn_error(), cases[i].file));
        lab_remove(folder);
    }
    int32_t label = -1;
    const char *folder = lab_make_folder();
    for (size_t f = 0; f < TN_COUNT(parts); f++) {
        const size_t size = read_file(lab_path(lab_packed, "%s", parts[f]), bytes, sizeof bytes);
        if (f == 1)
            memcpy(bytes + size - sizeof label, &label, sizeof label);
        lab_write(lab_path(folder, "%s", parts[f]), bytes, size);
    }
    assert_fails(lab_try_open(folder, NULL), TN_ERR_FORMAT, "image 11 has label -1, but");
    lab_remove(folder);
    folder = lab_make_folder();
    lab_write_text(lab_path(folder, "images.npy"), "x");
    tn_dataset *set = NULL;
    assert_fails(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder}), TN_ERR_FORMAT,
                 "images.npy: ");
    lab_remove(folder);
}

/* Cut short while it is read: an error that names it, where a map would have killed the process. */
static void a_set_cut_short_while_it_is_read_is_an_error(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    const char *folder = lab_make_folder();
    const char *path = lab_path(folder, "images.npy");
    for (size_t f = 0; f < TN_COUNT(parts); f++)
        lab_write(lab_path(folder, "%s", parts[f]), bytes,
                  read_file(lab_path(lab_packed, "%s", parts[f]), bytes, sizeof bytes));
    tn_dataset *set = lab_open_set(folder);
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open(
        &loader, set, &(tn_loader_opts){.batch = 4, .height = 9, .width = 9, .max_bad = 100}));
    tn_batch b;
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(truncate(path, 256 + 2 * LAB_SIDE * LAB_SIDE * 3), 0);
    assert_ok(tn_loader_seek(loader, 0, 0));
    for (int i = 0; i < 2; i++) /* the set itself is bad, not one of its images */
        assert_fails(tn_loader_next(loader, &b), TN_ERR_IO,
                     "images.npy: has become shorter while it is used: 3712 bytes, not 20992");
    assert_int_equal(tn_loader_num_bad(loader), 0);
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

/* Whatever crop and flip, a row's bytes and no others are written. */
static void rows_are_written_within_their_bounds(void **state)
{
    (void)state;
    static const tn_crop crops[] = {TN_CROP_CENTRE, TN_CROP_RANDOM, TN_CROP_RANDOM_RESIZED};
    enum { GUARD = 64 };
    tn_dataset *set = lab_open_set(lab_packed);
    tn_recipe recipe = {.set = set};
    for (int width = 1; width <= LAB_SIDE; width++)
        for (size_t c = 0; c < TN_COUNT(crops); c++) {
            const tn_loader_opts opts = {
                .batch = 1, .height = 3, .width = width, .crop = crops[c], .flip = true};
            const size_t size = 3 * (size_t)width * 3;
            uint8_t rgb[2 * GUARD + 3 * 3 * LAB_SIDE], guard[GUARD];
            tn_filler f;
            assert_ok(tn_augment_complete(&recipe.augment, &opts, LAB_SIDE));
            assert_ok(tn_filler_create(&f, &recipe));
            memset(guard, 0xA5, GUARD);
            for (int place = 0; place < 12; place++) {
                memset(rgb, 0xA5, sizeof rgb);
                assert_ok(tn_filler_fill(&f, &recipe, place, false, 0, place, rgb + GUARD));
                assert_memory_equal(rgb, guard, GUARD);
                assert_memory_equal(rgb + GUARD + size, guard, GUARD);
            }
            tn_filler_destroy(&f);
        }
    tn_dataset_close(set);
}

static tn_status open_and_load(void *arg)
{
    (void)arg;
    tn_dataset *set = NULL;
    tn_loader *loader = NULL;
    tn_batch b;
    TN_TRY(tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_packed}));
    tn_status status = tn_loader_open(
        &loader, set, &(tn_loader_opts){.batch = 12, .height = 9, .width = 9, .threads = 1});
    if (status == TN_OK)
        status = tn_loader_next(loader, &b);
    tn_loader_close(loader);
    tn_dataset_close(set);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(open_and_load, NULL) > 20);
}

static void batches_take_no_memory(void **state)
{
    (void)state;
    tn_dataset *set = lab_open_set(lab_packed);
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open(&loader, set,
                             &(tn_loader_opts){.batch = 4, .height = 9, .width = 9, .flip = true}));
    const long total = tn_alloc_total();
    tn_batch b;
    for (int i = 0; i < 50; i++)
        assert_true(tn_loader_next(loader, &b) <= TN_END);
    assert_int_equal(tn_alloc_total(), total);
    tn_loader_close(loader);
    tn_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_set_is_a_set),
        cmocka_unit_test(crops_are_those_of_the_files),
        cmocka_unit_test(damaged_sets_are_refused),
        cmocka_unit_test(a_set_cut_short_while_it_is_read_is_an_error),
        cmocka_unit_test(rows_are_written_within_their_bounds),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(batches_take_no_memory),
    };
    return cmocka_run_group_tests(tests, lab_make_packed, lab_remove_packed);
}
