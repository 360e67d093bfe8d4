/* realpath, symlink and mkfifo are POSIX. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"
#include "lab_image.h"
#include "lab_loader.h"
#include "lab_set.h"

enum { GOOD = 20, BAD = 4 };

/* A list of 24 files, every sixth of them bad in its own way: 1, 7, 13 and 19. */
static tn_dataset *with_bad_files(const char *folder)
{
    char list[2048];
    size_t used = 0;
    for (int i = 0; i < GOOD + BAD; i++) {
        const char *path = lab_path(folder, "%d.ppm", i);
        if (i == 1)
            lab_write_text(path, "no image at all");
        else if (i == 7)
            lab_write_text(path, "");
        else if (i == 13)
            assert_int_equal(mkfifo(path, 0600), 0);
        else if (i != 19) /* which is not there */
            lab_write_image(path, 20, 20, (unsigned)i);
        used += (size_t)snprintf(list + used, sizeof list - used, "%d.ppm %d\n", i, i % 2);
    }
    const char *path = lab_path(folder, "list.txt");
    lab_write_text(path, list);
    tn_dataset *bad = NULL;
    assert_ok(tn_dataset_open(&bad, &(tn_dataset_opts){.path = path}));
    return bad;
}

static void bad_files_are_skipped_counted_and_named(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *from = with_bad_files(folder);
    for (int threads = 1; threads <= 7; threads += 3) {
        tn_loader *loader = lab_open_loader(
            from, &(tn_loader_opts){.batch = 8,
                                    .height = 20,
                                    .width = 20,
                                    .threads = threads,
                                    .queue = 1, /* so that memory is used again and again */
                                    .max_bad = 20});
        for (int epoch = 0; epoch < 2; epoch++) {
            tn_batch b;
            for (int k = 0; k < 3; k++) {
                assert_ok(tn_loader_next(loader, &b));
                const int32_t *labels = b.labels.data;
                const uint8_t *images = b.images.data;
                int count = 0;
                for (int item = 8 * k; item < 8 * (k + 1); item++) {
                    if (item % 6 == 1)
                        continue;
                    uint8_t whole[20 * 20 * 3];
                    lab_pixels(whole, 20, 20, (unsigned)item);
                    assert_int_equal(labels[count], item % 2);
                    assert_memory_equal(images + count * sizeof whole, whole, sizeof whole);
                    count++;
                }
                assert_int_equal(b.count, count);
                for (int row = 0; row < count; row++)
                    assert_string_equal(tn_loader_item_name(loader, b.item[row]),
                                        tn_dataset_item_path(from, b.place[row]));
                for (int row = count; row < 8; row++) {
                    assert_int_equal(labels[row], -1);
                    for (int i = 0; i < 20 * 20 * 3; i++)
                        assert_int_equal(images[row * 20 * 20 * 3 + i], 0);
                }
                if (epoch == 0)
                    assert_int_equal(tn_loader_num_bad(loader), k == 0 ? 2 : k + 2);
            }
            assert_int_equal(tn_loader_next(loader, &b), TN_END);
            assert_int_equal(tn_loader_num_bad(loader), BAD);
        }
        static const char *const reasons[] = {"", "empty", "regular", "No such file"};
        for (int i = 0; i < BAD; i++) {
            assert_string_equal(tn_loader_bad_path(loader, i),
                                tn_dataset_item_path(from, 6 * i + 1));
            assert_non_null(strstr(tn_loader_bad_reason(loader, i), reasons[i]));
            assert_null(strstr(tn_loader_bad_reason(loader, i), folder));
        }
        assert_null(tn_loader_bad_path(loader, BAD));
        assert_null(tn_loader_bad_reason(loader, -1));
        tn_loader_close(loader);
    }
    tn_dataset_close(from);
    lab_remove(folder);
}

static void too_many_bad_files_are_an_error_in_the_same_batch(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *from = with_bad_files(folder);
    for (int threads = 1; threads <= 7; threads += 2) {
        tn_loader_opts opts = {
            .batch = 3, .height = 16, .width = 16, .threads = threads, .max_bad = 9};
        tn_loader *loader = lab_open_loader(from, &opts);
        tn_batch b;
        for (int k = 0; k < 4; k++) /* 9 % of 24: two */
            assert_ok(tn_loader_next(loader, &b));
        for (int again = 0; again < 2; again++)
            assert_fails(tn_loader_next(loader, &b), TN_ERR_IO,
                         "3 of 24 images are bad, where 2 (9 %) are allowed; the last is ");
        assert_non_null(strstr(tn_error(), "/13.ppm: "));
        assert_ok(tn_loader_seek(loader, 0, 0));
        assert_ok(tn_loader_next(loader, &b));
        tn_loader_close(loader);
        opts.max_bad = 0; /* 1 % of 24 is none, but one is always allowed */
        loader = lab_open_loader(from, &opts);
        assert_ok(tn_loader_next(loader, &b));
        assert_ok(tn_loader_next(loader, &b));
        assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT, "where 1 (1 %) are allowed");
        tn_loader_close(loader);
        opts.max_bad = TN_ZERO;
        loader = lab_open_loader(from, &opts);
        assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT,
                     "1 of 24 images are bad, where 0 (0 %) are allowed");
        tn_loader_close(loader);
        opts.on_bad = TN_BAD_STOP;
        loader = lab_open_loader(from, &opts);
        assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT, "/1.ppm: ");
        assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT, "/1.ppm: ");
        assert_int_equal(tn_loader_num_bad(loader), 0);
        assert_ok(tn_loader_seek(loader, 0, 1));
        assert_ok(tn_loader_next(loader, &b));
        assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT, "/7.ppm: ");
        tn_loader_close(loader);
    }
    tn_dataset_close(from);
    lab_remove(folder);
}

/* A row that failed is a good or an empty one in the batch that takes its memory. */
static void what_failed_in_a_row_is_forgotten(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_write_classes(folder, 1, 5);
    lab_write_text(lab_path(folder, "class0/1.ppm"), "no image");
    tn_dataset *set = lab_open_set(folder);
    tn_loader *loader =
        lab_open_loader(set, &(tn_loader_opts){.batch = 2, .height = 8, .width = 8, .queue = 1});
    static const int counts[] = {1, 2, 1}; /* 0 and the bad one; 2, 3; 4 and padding */
    tn_batch b;
    for (int epoch = 0; epoch < 3; epoch++) {
        for (int k = 0; k < 3; k++) {
            assert_ok(tn_loader_next(loader, &b));
            assert_int_equal(b.count, counts[k]);
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    tn_loader_close(loader);
    loader =
        lab_open_loader(set, &(tn_loader_opts){.batch = 2, .height = 8, .width = 8, .queue = 1});
    assert_ok(tn_loader_next(loader, &b));
    assert_ok(tn_loader_seek(loader, 0, 2)); /* into the memory of the first */
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(b.count, 1);
    assert_int_equal(tn_loader_num_bad(loader), 1);
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

/* The images of an epoch, in order, as a number; how many there are. */
static uint64_t read_epoch(tn_loader *loader, int64_t epoch, int *count)
{
    tn_batch b;
    tn_status status;
    uint64_t h = 0;
    *count = 0;
    assert_ok(tn_loader_seek(loader, epoch, 0));
    while ((status = tn_loader_next(loader, &b)) == TN_OK) {
        h += lab_hash_batch(&b);
        *count += b.count;
    }
    assert_int_equal(status, TN_END);
    return h;
}

/* Once named a file stays out, though it can be read again, and in epochs that were seen before. */
static void once_bad_is_bad(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_write_classes(folder, 2, 5);
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = folder}));
    tn_loader_opts opts = {.batch = 4,
                           .height = 16,
                           .width = 16,
                           .crop = TN_CROP_RANDOM_RESIZED,
                           .shuffle = true,
                           .max_bad = 20};
    tn_loader *loader = lab_open_loader(set, &opts);
    int count;
    read_epoch(loader, 0, &count);
    assert_int_equal(count, 10);
    char away[1100];
    const char *file = tn_dataset_item_path(set, 3);
    snprintf(away, sizeof away, "%s.away", file);
    assert_int_equal(rename(file, away), 0);
    read_epoch(loader, 1, &count);
    assert_int_equal(count, 9);
    assert_int_equal(rename(away, file), 0);
    for (int64_t epoch = 3; epoch >= 0; epoch--) {
        read_epoch(loader, epoch, &count);
        assert_int_equal(count, 9);
    }
    assert_int_equal(tn_loader_num_bad(loader), 1);
    assert_string_equal(tn_loader_bad_path(loader, 0), file);
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

#ifdef TN_HAVE_JPEG
enum { FILES = 12, EPOCHS = 6 };

/* A JPEG file the end of whose data is missing: small crops above that look well. */
static void write_damaged(const char *path)
{
    const lab_bytes b = lab_jpeg(&(lab_jpeg_opts){.width = 90, .height = 300, .across = 1});
    const size_t size = b.size - b.size / 6;
    memcpy(b.data + size - 2, "\xFF\xD9", 2);
    lab_write(path, b.data, size);
    free(b.data);
}

/* Also where no crop has shown the damage yet; so batches are the same whatever was read before. */
static void damage_beside_the_crop_is_found_in_the_first_epoch(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char text[FILES * 32] = "";
    for (int i = 0; i < FILES; i++) {
        const char *path = lab_path(folder, "%d.jpg", i);
        if (i % 3 == 1)
            write_damaged(path);
        else
            lab_write_image(path, 90, 70, (unsigned)i);
        snprintf(text + strlen(text), 32, "%d.jpg %d\n", i, i % 2);
    }
    const char *list = lab_path(folder, "list.txt");
    lab_write_text(list, text);
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = list}));
    uint64_t first[EPOCHS];
    for (int threads = 1; threads <= 7; threads += 3) {
        tn_loader_opts opts = {.batch = 5,
                               .height = 16,
                               .width = 16,
                               .crop = TN_CROP_RANDOM_RESIZED,
                               .area = {0.05f, 0.1f},
                               .shuffle = true,
                               .threads = threads,
                               .max_bad = 50};
        tn_loader *loader = lab_open_loader(set, &opts);
        for (int i = 0; i < EPOCHS; i++) {
            const int epoch = threads == 4 ? EPOCHS - 1 - i : i;
            int count;
            const uint64_t h = read_epoch(loader, epoch, &count);
            assert_int_equal(count, FILES - FILES / 3);
            assert_int_equal(tn_loader_num_bad(loader), FILES / 3);
            if (threads == 1)
                first[epoch] = h;
            assert_true(first[epoch] == h);
        }
        tn_loader_close(loader);
        opts.max_bad = 30; /* so that a run ends in its first epoch, if it has to */
        loader = lab_open_loader(set, &opts);
        tn_batch b;
        tn_status status;
        while ((status = tn_loader_next(loader, &b)) == TN_OK)
            assert_int_equal(b.epoch, 0);
        assert_int_equal(status, TN_ERR_FORMAT);
        tn_loader_close(loader);
    }
    tn_dataset_close(set);
    lab_remove(folder);
}
#endif

/* Several in one batch, the last of which is one too many: a program can name them all. */
static void all_bad_files_of_a_batch_are_named(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *from = with_bad_files(folder);
    tn_loader *loader = lab_open_loader(
        from, &(tn_loader_opts){.batch = 24, .height = 16, .width = 16, .max_bad = 9});
    tn_batch b;
    assert_fails(tn_loader_next(loader, &b), TN_ERR_IO, "4 of 24 images are bad, where 2 (9 %)");
    assert_non_null(strstr(tn_error(), "/19.ppm: No such file"));
    assert_int_equal(tn_loader_num_bad(loader), BAD);
    for (int i = 0; i < BAD; i++)
        assert_string_equal(tn_loader_bad_path(loader, i), tn_dataset_item_path(from, 6 * i + 1));
    tn_loader_close(loader);
    tn_dataset_close(from);
    lab_remove(folder);
}

static void odd_files_harm_nobody(void **state)
{
    (void)state;
    lab_need_data("odd-sample");
    const char *folder = lab_make_folder();
    char at[4096];
    assert_non_null(realpath(lab_data("odd-sample"), at));
    assert_int_equal(symlink(at, lab_path(folder, "odd")), 0);
    tn_dataset *odd = NULL;
    assert_ok(tn_dataset_open(&odd, &(tn_dataset_opts){.path = folder}));
    uint64_t hash = 0;
    for (int threads = 1; threads <= 4; threads += 3) {
        tn_loader *loader = lab_open_loader(odd, &(tn_loader_opts){.batch = 32,
                                                                   .height = 64,
                                                                   .width = 64,
                                                                   .crop = TN_CROP_RANDOM_RESIZED,
                                                                   .threads = threads,
                                                                   .max_bad = 50});
        tn_batch b;
        assert_ok(tn_loader_next(loader, &b));
        assert_int_equal(tn_loader_num_bad(loader), tn_dataset_count(odd) - b.count);
        assert_in_range(tn_loader_num_bad(loader), 3, 9);
        for (int64_t i = 0; i < tn_loader_num_bad(loader); i++)
            assert_true(strlen(tn_loader_bad_reason(loader, i)) > 3);
        if (threads == 1)
            hash = lab_hash_batch(&b);
        assert_true(lab_hash_batch(&b) == hash);
        tn_loader_close(loader);
    }
    tn_dataset_close(odd);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_skipped_counted_and_named),
        cmocka_unit_test(too_many_bad_files_are_an_error_in_the_same_batch),
        cmocka_unit_test(all_bad_files_of_a_batch_are_named),
        cmocka_unit_test(what_failed_in_a_row_is_forgotten),
        cmocka_unit_test(once_bad_is_bad),
#ifdef TN_HAVE_JPEG
        cmocka_unit_test(damage_beside_the_crop_is_found_in_the_first_epoch),
#endif
        cmocka_unit_test(odd_files_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
