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

static void seeking_is_skipping(void **state)
{
    (void)state;
    const tn_loader_opts opts = lab_augmented();
    tn_loader *loader = lab_open_loader(set, &opts);
    uint64_t hash[3][5];
    tn_batch b;
    for (int epoch = 0; epoch < 3; epoch++) {
        for (int k = 0; k < 4; k++) {
            assert_ok(tn_loader_next(loader, &b));
            hash[epoch][k] = lab_hash_batch(&b);
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    for (int epoch = 2; epoch >= 0; epoch--)
        for (int from = 0; from <= 4; from++) {
            assert_ok(tn_loader_seek(loader, epoch, from));
            for (int k = from; k < 4; k++) {
                assert_ok(tn_loader_next(loader, &b));
                assert_true(lab_hash_batch(&b) == hash[epoch][k]);
            }
            assert_int_equal(tn_loader_next(loader, &b), TN_END);
            if (epoch == 2)
                continue;
            assert_ok(tn_loader_next(loader, &b));
            assert_true(lab_hash_batch(&b) == hash[epoch + 1][0]);
        }
    assert_fails(tn_loader_seek(loader, -1, 0), TN_ERR_ARGUMENT, "epoch -1, batch 0");
    assert_fails(tn_loader_seek(loader, 0, 5), TN_ERR_ARGUMENT, "an epoch has 4 batches");
    assert_fails(tn_loader_seek(loader, 0, -1), TN_ERR_ARGUMENT, "batch -1");
    tn_loader_close(loader);
}

static void seeking_waits_for_rows_being_filled(void **state)
{
    (void)state;
    tn_loader_opts opts = lab_augmented();
    opts.height = opts.width = 200; /* takes a while to fill */
    opts.threads = 7;
    opts.queue = 1;
    tn_loader *loader = lab_open_loader(set, &opts);
    uint64_t hash[4];
    tn_batch b;
    for (int k = 0; k < 4; k++) {
        assert_ok(tn_loader_next(loader, &b));
        hash[k] = lab_hash_batch(&b);
    }
    for (int i = 0; i < 24; i++) {
        for (int k = 0; k < 3; k++)
            assert_ok(tn_loader_seek(loader, k, i % 4));
        assert_ok(tn_loader_seek(loader, 0, i % 4));
        assert_ok(tn_loader_next(loader, &b));
        assert_true(lab_hash_batch(&b) == hash[i % 4]);
    }
    tn_loader_close(loader);
}

/* In the middle of a batch, of which some rows are claimed and others not yet. */
static void seeking_leaves_no_batch_half_claimed(void **state)
{
    (void)state;
    tn_loader_opts opts = lab_augmented();
    opts.height = opts.width = 64;
    opts.batch = 15;
    opts.threads = 2;
    tn_loader *loader = lab_open_loader(set, &opts);
    uint64_t hash[4];
    tn_batch b;
    for (int k = 0; k < 4; k++) {
        assert_ok(tn_loader_seek(loader, k, 0));
        assert_ok(tn_loader_next(loader, &b));
        hash[k] = lab_hash_batch(&b);
    }
    for (int i = 0; i < 8; i++) {
        assert_ok(tn_loader_seek(loader, i + 1, 0));
        assert_ok(tn_loader_seek(loader, i % 4, 0));
        assert_ok(tn_loader_next(loader, &b));
        assert_true(lab_hash_batch(&b) == hash[i % 4]);
    }
    tn_loader_close(loader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeking_is_skipping),
        cmocka_unit_test(seeking_waits_for_rows_being_filled),
        cmocka_unit_test(seeking_leaves_no_batch_half_claimed),
    };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
