#include <string.h>

#include "lab.h"
#include "lab_loader.h"
#include "lab_set.h"

/* 3 classes of 5 images each, in a folder of its own that is removed at the end. */
static char root[1024];
static tn_dataset *set;

static int make_set(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s", lab_make_folder());
    lab_write_classes(root, 3, 5);
    return tn_dataset_open(&set, &(tn_dataset_opts){.path = root}) == TN_OK ? 0 : -1;
}

static int remove_set(void **state)
{
    (void)state;
    tn_dataset_close(set);
    lab_remove(root);
    return 0;
}

/* ---- what comes out ------------------------------------------------------------------------- */

static void an_epoch_is_the_set_in_order_and_padded(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    lab_mkdir(lab_path(folder, "a"));
    lab_mkdir(lab_path(folder, "b"));
    for (int i = 0; i < 5; i++)
        lab_write_image(lab_path(folder, "%s/%d.ppm", i < 3 ? "a" : "b", i), 12, 10, (unsigned)i);
    tn_dataset *small = NULL;
    assert_ok(tn_dataset_open(&small, &(tn_dataset_opts){.path = folder}));
    tn_loader *loader = lab_open_loader(
        small, &(tn_loader_opts){.batch = 2, .height = 10, .width = 12, .resize = 12});
    tn_loader_close(loader);
    loader = lab_open_loader(small, &(tn_loader_opts){.batch = 2, .height = 10, .width = 10});
    assert_int_equal(tn_loader_batches(loader), 3);
    uint8_t whole[12 * 10 * 3];
    for (int epoch = 0; epoch < 3; epoch++) {
        tn_batch b;
        for (int k = 0; k < 3; k++) {
            memset(&b, 0xEE, sizeof b);
            assert_ok(tn_loader_next(loader, &b));
            assert_int_equal(b.epoch, epoch);
            assert_int_equal(b.index, k);
            assert_int_equal(b.count, k < 2 ? 2 : 1);
            assert_string_equal(tn_shape_format(&b.images.shape).text, "2 x 10 x 10 x 3");
            assert_string_equal(tn_shape_format(&b.labels.shape).text, "2");
            assert_int_equal(b.images.dtype, TN_U8);
            assert_int_equal(b.labels.dtype, TN_I32);
            const uint8_t *got = b.images.data;
            const int32_t *labels = b.labels.data;
            for (int row = 0; row < 2; row++) {
                const int item = 2 * k + row;
                lab_pixels(whole, 12, 10, (unsigned)item);
                for (int y = 0; y < 10; y++)
                    for (int x = 0; x < 30; x++)
                        assert_int_equal(*got++, item < 5 ? whole[36 * y + x + 3] : 0);
                assert_int_equal(labels[row], item < 3 ? 0 : item < 5 ? 1 : -1);
            }
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    tn_loader_close(loader);
    tn_dataset_close(small);
    lab_remove(folder);
}

/* The items of one epoch, known by their label and bytes. */
static void read_epoch(tn_loader *loader, uint64_t *image, int32_t *label, int count)
{
    tn_batch b;
    int n = 0;
    while (tn_loader_next(loader, &b) == TN_OK)
        for (int row = 0; row < b.count; row++, n++) {
            assert_true(n < count);
            const size_t bytes = (size_t)(b.images.shape.dim[1] * b.images.shape.dim[2] * 3);
            image[n] = lab_hash(0, (const uint8_t *)b.images.data + (size_t)row * bytes, bytes);
            label[n] = ((const int32_t *)b.labels.data)[row];
        }
    assert_int_equal(n, count);
}

static bool is_permutation(const uint64_t *a, const uint64_t *b, int count)
{
    bool used[64] = {false};
    for (int i = 0; i < count; i++) {
        int j = 0;
        while (j < count && (used[j] || a[i] != b[j]))
            j++;
        if (j == count)
            return false;
        used[j] = true;
    }
    return true;
}

static void shuffling_gives_each_image_once_and_each_epoch_its_order(void **state)
{
    (void)state;
    enum { COUNT = 15 };
    tn_loader_opts opts = {.batch = 4, .height = 16, .width = 16};
    uint64_t plain[COUNT], image[3][COUNT];
    int32_t plain_label[COUNT], label[3][COUNT];
    tn_loader *loader = lab_open_loader(set, &opts);
    read_epoch(loader, plain, plain_label, COUNT);
    tn_loader_close(loader);
    opts.shuffle = true;
    loader = lab_open_loader(set, &opts);
    for (int epoch = 0; epoch < 2; epoch++)
        read_epoch(loader, image[epoch], label[epoch], COUNT);
    tn_loader_close(loader);
    opts.seed = 1;
    loader = lab_open_loader(set, &opts);
    read_epoch(loader, image[2], label[2], COUNT);
    tn_loader_close(loader);
    for (int k = 0; k < 3; k++) {
        assert_true(is_permutation(image[k], plain, COUNT));
        assert_memory_not_equal(image[k], plain, sizeof plain);
        assert_memory_not_equal(image[k], image[(k + 1) % 3], sizeof plain);
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COUNT; j++)
                if (image[k][i] == plain[j])
                    assert_int_equal(label[k][i], plain_label[j]);
    }
}

static void each_epoch_has_its_own_augmentation(void **state)
{
    (void)state;
    tn_loader_opts opts = lab_augmented();
    opts.shuffle = false; /* the same images, so only their crops and colours can differ */
    tn_loader *loader = lab_open_loader(set, &opts);
    uint64_t first[2];
    for (int epoch = 0; epoch < 2; epoch++) {
        tn_batch b;
        assert_ok(tn_loader_seek(loader, epoch, 0));
        assert_ok(tn_loader_next(loader, &b));
        first[epoch] = lab_hash(0, b.images.data, (size_t)4 * 16 * 20 * 3);
    }
    assert_true(first[0] != first[1]);
    tn_loader_close(loader);
}

static void short_batches_may_be_left_out(void **state)
{
    (void)state;
    tn_loader_opts opts = lab_augmented();
    opts.drop_last = true;
    tn_loader *loader = lab_open_loader(set, &opts);
    assert_int_equal(tn_loader_batches(loader), 3);
    tn_batch b;
    for (int i = 0; i < 3; i++) {
        assert_ok(tn_loader_next(loader, &b));
        assert_int_equal(b.count, 4);
    }
    assert_int_equal(tn_loader_next(loader, &b), TN_END);
    tn_loader_close(loader);
    opts.batch = 16;
    assert_fails(tn_loader_open(&loader, set, &opts), TN_ERR_ARGUMENT,
                 "15 images do not fill one batch of 16");
}

/* ---- the same whatever the threads ---------------------------------------------------------- */

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    enum { BATCHES = 12 };
    static const tn_crop crops[] = {TN_CROP_RANDOM_RESIZED, TN_CROP_RANDOM, TN_CROP_CENTRE};
    static const struct {
        int threads, queue;
    } cases[] = {{1, 1}, {2, 0}, {7, 0}, {7, 9}, {7, 1}};
    for (size_t c = 0; c < TN_COUNT(crops); c++) {
        uint64_t first[BATCHES];
        for (size_t i = 0; i < TN_COUNT(cases); i++) {
            tn_loader_opts opts = lab_augmented();
            opts.crop = crops[c];
            opts.threads = cases[i].threads;
            opts.queue = cases[i].queue;
            tn_loader *loader = lab_open_loader(set, &opts);
            for (int k = 0; k < BATCHES;) {
                tn_batch b;
                const tn_status status = tn_loader_next(loader, &b);
                if (status == TN_END)
                    continue;
                assert_ok(status);
                const uint64_t h = lab_hash_batch(&b);
                if (i == 0)
                    first[k] = h;
                assert_true(h == first[k]);
                k++;
            }
            tn_loader_close(loader);
        }
        for (int k = 1; k < BATCHES; k++)
            assert_true(first[k] != first[k - 1]);
    }
}

/* ---- being opened and closed ---------------------------------------------------------------- */

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        tn_loader_opts opts;
        const char *error;
    } cases[] = {
        {{.height = 8, .width = 8}, "batch 0 is not above 0"},
        {{.batch = 4, .height = 8, .width = 8, .threads = -1}, "threads -1 is not"},
        {{.batch = 4, .height = 8, .width = 8, .threads = 5000}, "threads 5000 is not"},
        {{.batch = 4, .height = 8, .width = 8, .queue = -2}, "queue -2 is not"},
        {{.batch = 4, .height = 8, .width = 8, .max_bad = 101}, "max_bad 101 is not"},
        {{.batch = 4, .height = 8, .width = 8, .on_bad = (tn_on_bad)2}, "on_bad 2 is no"},
        {{.batch = 4, .height = 8}, "height 8 and width 0"},
    };
    tn_loader *loader = NULL;
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_loader_open(&loader, set, &cases[i].opts), TN_ERR_ARGUMENT, cases[i].error);
    assert_fails(tn_loader_open(&loader, NULL, &cases[0].opts), TN_ERR_ARGUMENT,
                 "the argument set is NULL");
    assert_null(loader);
    tn_loader_close(NULL);
}

static void closing_does_not_wait_for_batches(void **state)
{
    (void)state;
    const long live = tn_alloc_live();
    for (int i = 0; i < 24; i++) {
        tn_loader_opts opts = lab_augmented();
        opts.threads = 1 + i % 7;
        opts.queue = 1 + i % 3;
        tn_loader *loader = lab_open_loader(set, &opts);
        tn_batch b;
        for (int k = 0; k < i % 6; k++)
            assert_true(tn_loader_next(loader, &b) <= TN_END);
        if (i % 4 == 3)
            assert_ok(tn_loader_seek(loader, i, 1));
        tn_loader_close(loader);
    }
    assert_int_equal(tn_alloc_live(), live);
}

static void waiting_is_counted(void **state)
{
    (void)state;
    const tn_loader_opts opts = lab_augmented();
    tn_loader *loader = lab_open_loader(set, &opts);
    tn_loader_times t = tn_loader_time(loader);
    assert_true(t.waited == 0 && t.elapsed == 0);
    tn_batch b;
    for (int i = 0; i < 4; i++)
        assert_ok(tn_loader_next(loader, &b));
    t = tn_loader_time(loader);
    assert_true(t.waited > 0 && t.waited <= t.elapsed && t.elapsed < 60);
    tn_loader_close(loader);
}

static tn_status load_some(void *arg)
{
    (void)arg;
    tn_loader_opts opts = lab_augmented();
    opts.threads = 1;
    opts.queue = 1;
    tn_loader *loader = NULL;
    TN_TRY(tn_loader_open(&loader, set, &opts));
    tn_status status = TN_OK;
    tn_batch b;
    for (int i = 0; status == TN_OK && i < 4; i++)
        status = tn_loader_next(loader, &b);
    const int64_t num_bad = tn_loader_num_bad(loader);
    tn_loader_close(loader);
    if (num_bad != 0) /* no file is bad: that memory ran out is never told as if one were */
        fail_msg("a good file is called bad: %s", tn_error());
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(load_some, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_is_the_set_in_order_and_padded),
        cmocka_unit_test(shuffling_gives_each_image_once_and_each_epoch_its_order),
        cmocka_unit_test(each_epoch_has_its_own_augmentation),
        cmocka_unit_test(short_batches_may_be_left_out),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(closing_does_not_wait_for_batches),
        cmocka_unit_test(waiting_is_counted),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
