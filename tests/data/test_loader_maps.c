/*
 * A loader that keeps maps of JPEG files against one that does not: while files stay, change and break.
 */
/* utimensat is POSIX. */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lab.h"
#include "lab_image.h"
#include "lab_loader.h"
#include "lab_set.h"

#ifdef TN_HAVE_JPEG

enum { ITEMS = 9 };

static const char *item_path(const char *folder, int i)
{
    return lab_path(folder, "%d.jpg", i);
}

static void write_item(const char *folder, int i, int width, int orientation)
{
    const lab_bytes file = lab_jpeg(&(lab_jpeg_opts){.width = width,
                                                     .height = 90 + 10 * i,
                                                     .across = 1 + i % 2,
                                                     .down = 1 + i % 2,
                                                     .orientation = orientation});
    lab_write(item_path(folder, i), file.data, file.size);
    free(file.data);
}

static tn_dataset *write_set(const char *folder)
{
    char list[512];
    size_t used = 0;
    for (int i = 0; i < ITEMS; i++) {
        write_item(folder, i, 200, i == 3 ? 6 : 0);
        used += (size_t)snprintf(list + used, sizeof list - used, "%d.jpg %d\n", i, i % 2);
    }
    lab_write_text(lab_path(folder, "list.txt"), list);
    return lab_open_set(lab_path(folder, "list.txt"));
}

static void batches_are_the_same(tn_loader *a, tn_loader *b, int64_t epoch)
{
    assert_ok(tn_loader_seek(a, epoch, 0));
    assert_ok(tn_loader_seek(b, epoch, 0));
    for (int64_t i = 0; i < tn_loader_batches(a); i++) {
        tn_batch x, y;
        assert_ok(tn_loader_next(a, &x));
        assert_ok(tn_loader_next(b, &y));
        assert_int_equal(lab_hash_batch(&x), lab_hash_batch(&y));
    }
}

/* One byte of a table of quantization: same size, same time, same data, other pixels. */
static void change_in_place(const char *path)
{
    static const uint8_t table[5] = {0xFF, 0xDB, 0x00, 0x43, 0x00};
    struct stat before;
    lab_bytes file = lab_read(path);
    size_t at = 0;
    while (memcmp(file.data + at, table, sizeof table) != 0)
        at++;
    file.data[at + sizeof table] ^= 0x1F;
    assert_int_equal(stat(path, &before), 0);
    lab_write(path, file.data, file.size);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(file.data);
}

static void a_loader_with_maps_gives_the_same(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *set = write_set(folder);
    for (int megabytes = 0; megabytes <= 1; megabytes++) {
        tn_loader_opts opts = lab_augmented();
        opts.threads = 3;
        opts.jpeg_maps = megabytes;
        tn_loader *mapped = lab_open_loader(set, &opts);
        opts.jpeg_maps = TN_ZERO;
        tn_loader *plain = lab_open_loader(set, &opts);
        batches_are_the_same(mapped, plain, 0);
        batches_are_the_same(mapped, plain, 1);
        change_in_place(item_path(folder, 2));
        write_item(folder, 4, 150, 0);
        write_item(folder, 5, 200, 8);
        batches_are_the_same(mapped, plain, 2);
        batches_are_the_same(mapped, plain, 3);
        assert_int_equal(tn_loader_num_bad(mapped), 0);
        tn_loader_close(mapped);
        tn_loader_close(plain);
    }
    tn_dataset_close(set);
    lab_remove(folder);
}

/* What is bad anywhere is bad, and what was good and is broken later is bad only where somebody looks. */
static void the_judgement_is_that_without(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *set = write_set(folder);
    lab_bytes file = lab_read(item_path(folder, 1));
    file.data[file.size - 9] = 0xFF; /* a marker, in the last rows */
    file.data[file.size - 8] = 0x15;
    lab_write(item_path(folder, 1), file.data, file.size);
    free(file.data);
    tn_loader_opts opts = lab_augmented();
    opts.max_bad = 50;
    tn_loader *mapped = lab_open_loader(set, &opts);
    opts.jpeg_maps = TN_ZERO;
    tn_loader *plain = lab_open_loader(set, &opts);
    for (int epoch = 0; epoch < 3; epoch++) {
        batches_are_the_same(mapped, plain, epoch);
        assert_int_equal(tn_loader_num_bad(mapped), tn_loader_num_bad(plain));
        if (epoch == 0) {
            assert_int_equal(tn_loader_num_bad(plain), 1);
            file = lab_read(item_path(folder, 7));
            lab_write(item_path(folder, 7), file.data, file.size / 2);
            free(file.data);
        }
    }
    assert_int_equal(tn_loader_num_bad(plain), 2);
    assert_string_equal(tn_loader_bad_reason(mapped, 1), tn_loader_bad_reason(plain, 1));
    tn_loader_close(mapped);
    tn_loader_close(plain);
    tn_dataset_close(set);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loader_with_maps_gives_the_same),
        cmocka_unit_test(the_judgement_is_that_without),
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
