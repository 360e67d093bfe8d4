/*
 * Loaders used in unusual ways: sets that are closed early, tiny, or changing while they are read.
 */
#include <string.h>

#include "lab.h"
#include "lab_loader.h"
#include "lab_set.h"

static char root[1024];

static int make_files(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s", lab_make_folder());
    lab_write_classes(root, 2, 4);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    lab_remove(root);
    return 0;
}

static void a_set_may_be_closed_before_its_loaders(void **state)
{
    (void)state;
    const long live = tn_alloc_live();
    tn_dataset *set = lab_open_set(root);
    const tn_loader_opts opts = {
        .batch = 3, .height = 8, .width = 8, .shuffle = true, .threads = 3, .queue = 1};
    tn_loader *loader[2] = {lab_open_loader(set, &opts), lab_open_loader(set, &opts)};
    tn_dataset_close(set);
    uint64_t hash[2] = {0};
    for (int k = 0; k < 2; k++) {
        tn_batch b;
        for (int i = 0; i < 8; i++) {
            const tn_status status = tn_loader_next(loader[k], &b);
            assert_int_equal(status, i % 4 == 3 ? TN_END : TN_OK);
            hash[k] += status == TN_OK ? lab_hash_batch(&b) : 0;
        }
        tn_loader_close(loader[k]);
    }
    assert_true(hash[0] == hash[1]);
    assert_int_equal(tn_alloc_live(), live);
    set = lab_open_set(root); /* a loader that is not opened keeps nothing */
    assert_fails(tn_loader_open(&loader[0], set, &(tn_loader_opts){.batch = 1, .height = 8}),
                 TN_ERR_ARGUMENT, "width 0");
    tn_dataset_close(set);
    assert_int_equal(tn_alloc_live(), live);
}

static void a_batch_may_be_larger_than_the_set(void **state)
{
    (void)state;
    const char *one = lab_make_folder();
    lab_write_classes(one, 1, 1);
    const struct {
        const char *folder;
        int count;
    } cases[] = {{root, 8}, {one, 1}};
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        tn_dataset *set = lab_open_set(cases[c].folder);
        for (int threads = 1; threads <= 64; threads *= 8) {
            tn_loader *loader = lab_open_loader(
                set, &(tn_loader_opts){
                         .batch = 20, .height = 8, .width = 8, .threads = threads, .queue = 1});
            assert_int_equal(tn_loader_batches(loader), 1);
            for (int epoch = 0; epoch < 3; epoch++) {
                tn_batch b;
                assert_ok(tn_loader_next(loader, &b));
                assert_int_equal(b.count, cases[c].count);
                assert_int_equal(b.epoch, epoch);
                for (int i = 0; i < 20; i++)
                    assert_int_equal(((const int32_t *)b.labels.data)[i], i < b.count ? i / 4 : -1);
                assert_int_equal(tn_loader_next(loader, &b), TN_END);
            }
            tn_loader_close(loader);
        }
        tn_dataset_close(set);
    }
    lab_remove(one);
}

/* All files of a batch are bad: a batch without an image, not an endless search for one. */
static void a_batch_may_hold_no_image(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_write_classes(folder, 2, 4);
    for (int i = 0; i < 4; i++)
        lab_write_text(lab_path(folder, "class0/%d.ppm", i), "no image");
    tn_dataset *set = lab_open_set(folder);
    tn_loader *loader =
        lab_open_loader(set, &(tn_loader_opts){.batch = 4, .height = 8, .width = 8, .max_bad = 50});
    tn_batch b;
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int k = 0; k < 2; k++) {
            assert_ok(tn_loader_next(loader, &b));
            assert_int_equal(b.count, 4 * k);
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

/* A file that another program writes while it is read: a new picture, a longer file, half of one. */
static void files_that_change_are_read_anew(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_write_classes(folder, 1, 2);
    lab_write_image(lab_path(folder, "class0/0.ppm"), 8, 8, 1);
    tn_dataset *set = lab_open_set(folder);
    tn_loader *loader =
        lab_open_loader(set, &(tn_loader_opts){.batch = 2, .height = 8, .width = 8, .max_bad = 60});
    uint8_t want[8 * 8 * 3];
    tn_batch b;
    for (unsigned seed = 1; seed <= 3; seed++) {
        lab_write_image(lab_path(folder, "class0/0.ppm"), 8, 8 * (int)seed, seed);
        lab_write_image(lab_path(folder, "class0/0.ppm"), 8, 8, seed);
        assert_ok(tn_loader_seek(loader, seed, 0));
        assert_ok(tn_loader_next(loader, &b));
        lab_pixels(want, 8, 8, seed);
        assert_memory_equal(b.images.data, want, sizeof want);
    }
    lab_write_text(lab_path(folder, "class0/0.ppm"), "P6\n8 8\n255\nhalf");
    assert_ok(tn_loader_seek(loader, 4, 0));
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(b.count, 1);
    assert_non_null(strstr(tn_loader_bad_path(loader, 0), "class0/0.ppm"));
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

static void there_is_a_last_epoch(void **state)
{
    (void)state;
    tn_dataset *set = lab_open_set(root);
    tn_loader *loader = lab_open_loader(
        set, &(tn_loader_opts){.batch = 4, .height = 8, .width = 8, .shuffle = true});
    tn_batch b;
    assert_fails(tn_loader_seek(loader, INT64_MAX, 2), TN_ERR_ARGUMENT, "is above 2147483647");
    assert_ok(tn_loader_seek(loader, INT32_MAX, 1));
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(b.epoch, INT32_MAX);
    assert_int_equal(b.index, 1);
    assert_int_equal(tn_loader_next(loader, &b), TN_END);
    assert_fails(
        tn_loader_open(&loader, set,
                       &(tn_loader_opts){.batch = 4, .height = 8, .width = 8, .threads = 10000}),
        TN_ERR_ARGUMENT, "threads 10000 is not");
    tn_loader_close(loader);
    tn_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_may_be_closed_before_its_loaders),
        cmocka_unit_test(a_batch_may_be_larger_than_the_set),
        cmocka_unit_test(a_batch_may_hold_no_image),
        cmocka_unit_test(files_that_change_are_read_anew),
        cmocka_unit_test(there_is_a_last_epoch),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
