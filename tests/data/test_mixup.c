/*
 * Mixup: pixels, partners and shares against the same batches unmixed, for any number of threads, after a seek, beside a bad
 * file and at an epoch's odd end; the distribution of the shares.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/source.h>

#include "base/random.h"
#include "data/sampler.h"
#include "lab.h"
#include "lab_loader.h"
#include "lab_set.h"

enum { FILES = 15, BAD = 6, BATCH = 4, BATCHES = 4, BYTES = 16 * 20 * 3 };

static tn_loader_opts mixed(int threads)
{
    tn_loader_opts opts = lab_augmented();
    opts.mixup = 0.4F;
    opts.threads = threads;
    opts.max_bad = 20;
    return opts;
}

/* Each file a class of its own, so that a label says which one it is; one cannot be read. */
static tn_dataset *make_set(const char *folder)
{
    char list[1024];
    size_t used = 0;
    for (int i = 0; i < FILES; i++) {
        const char *path = lab_path(folder, "%d.ppm", i);
        if (i == BAD)
            lab_write_text(path, "no image at all");
        else
            lab_write_image(path, 24, 20, (unsigned)i);
        used += (size_t)snprintf(list + used, sizeof list - used, "%d.ppm %d\n", i, i);
    }
    const char *path = lab_path(folder, "list.txt");
    lab_write_text(path, list);
    return lab_open_set(path);
}

static const uint8_t *row_of(const tn_batch *b, int label)
{
    for (int i = 0; i < b->count; i++)
        if (((const int32_t *)b->labels.data)[i] == label)
            return (const uint8_t *)b->images.data + (size_t)i * BYTES;
    return NULL;
}

/* With whom an item shares its place's pair: its own number if with nobody. */
static int partner_of(const int64_t *item, int label)
{
    for (int i = 0; i < BATCH; i++)
        if (item[i] == label)
            return item[i ^ 1] < 0 || item[i ^ 1] == BAD ? label : (int)item[i ^ 1];
    return -1;
}

static void assert_mixed(const tn_batch *m, const tn_batch *plain, const int64_t *item)
{
    float share = -1;
    assert_int_equal(m->count, plain->count);
    for (int i = 0; i < BATCH; i++) {
        const int label = ((const int32_t *)m->labels.data)[i];
        const int partner = ((const int32_t *)m->partners.data)[i];
        const float own = ((const float *)m->shares.data)[i];
        const uint8_t *got = (const uint8_t *)m->images.data + (size_t)i * BYTES;
        assert_int_equal(label, ((const int32_t *)plain->labels.data)[i]);
        if (i >= m->count) {
            assert_int_equal(label, -1);
            assert_int_equal(partner, -1);
            continue;
        }
        assert_int_equal(partner, partner_of(item, label));
        const uint8_t *a = row_of(plain, label), *b = row_of(plain, partner);
        if (partner == label)
            assert_true(own == 1);
        else if (share < 0)
            share = own;
        else
            assert_true(own == share); /* one of the whole batch */
        assert_true(256 * own == floorf(256 * own));
        for (int k = 0; k < BYTES; k++)
            assert_int_equal(got[k],
                             (int)floor((double)own * a[k] + (1 - (double)own) * b[k] + 0.5));
    }
}

static void rows_are_mixed_in_pairs(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *set = make_set(folder);
    float last = -1;
    int alone = 0, differ = 0;
    tn_sampler sampler;
    assert_ok(tn_sampler_create(&sampler, FILES, "images", BATCH, true, false, mixed(1).seed));
    for (int threads = 1; threads <= 5; threads += 2) {
        const tn_loader_opts opts = mixed(threads);
        tn_loader_opts unmixed = opts;
        unmixed.mixup = 0;
        tn_loader *loader = lab_open_loader(set, &opts), *plain = lab_open_loader(set, &unmixed);
        for (int epoch = 0; epoch < 3; epoch++) {
            tn_batch b, p;
            for (int k = 0; k < BATCHES; k++) {
                int64_t item[BATCH];
                tn_sampler_batch(&sampler, epoch, k, item);
                assert_ok(tn_loader_next(loader, &b));
                assert_ok(tn_loader_next(plain, &p));
                assert_null(p.partners.data);
                assert_null(p.shares.data);
                assert_int_equal(b.num_arrays, 4);
                assert_mixed(&b, &p, item);
                const float *share = b.shares.data;
                for (int i = 0; i < b.count; i++) {
                    alone += share[i] == 1;
                    differ += share[i] != last;
                    last = share[i];
                }
            }
            assert_int_equal(tn_loader_next(loader, &b), TN_END);
            assert_int_equal(tn_loader_next(plain, &p), TN_END);
        }
        tn_loader_close(loader);
        tn_loader_close(plain);
    }
    assert_true(alone >= 3 * 3 && differ > 9); /* the set is odd; and shares are not the same */
    tn_sampler_destroy(&sampler);
    tn_dataset_close(set);
    lab_remove(folder);
}

static uint64_t hash_next(tn_loader *loader)
{
    tn_batch b;
    assert_ok(tn_loader_next(loader, &b));
    const uint64_t h = lab_hash(lab_hash_batch(&b), b.partners.data, BATCH * sizeof(int32_t));
    return lab_hash(h, b.shares.data, BATCH * sizeof(float));
}

static void a_batch_is_had_without_those_before_it(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *set = make_set(folder);
    uint64_t all[3][BATCHES];
    const tn_loader_opts one = mixed(1), many = mixed(4);
    tn_loader *loader = lab_open_loader(set, &one);
    for (int epoch = 0; epoch < 3; epoch++) {
        tn_batch b;
        for (int k = 0; k < BATCHES; k++)
            all[epoch][k] = hash_next(loader);
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    tn_loader_close(loader);
    loader = lab_open_loader(set, &many);
    for (int epoch = 2; epoch >= 0; epoch--)
        for (int k = BATCHES - 1; k >= 0; k--) {
            assert_ok(tn_loader_seek(loader, epoch, k));
            assert_true(hash_next(loader) == all[epoch][k]);
        }
    tn_loader_close(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

/* ---- shares --------------------------------------------------------------------------------- */

static double uniform_below(double x)
{
    return x;
}

static double arcsine_below(double x)
{
    return 2 / 3.141592653589793 * asin(sqrt(x));
}

static double square_below(double x)
{
    return 3 * x * x - 2 * x * x * x;
}

static void shares_are_of_beta(void **state)
{
    (void)state;
    enum { DRAWS = 20000, BINS = 20 };
    static const struct {
        double alpha;
        double (*below)(double); /* NULL: only its moments are looked at */
    } cases[] = {
        {1, uniform_below}, {0.5, arcsine_below}, {2, square_below}, {0.2, NULL}, {30, NULL}};
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        tn_random r = tn_random_begin(9, TN_RANDOM_TEST, c);
        double sum = 0, squares = 0, count[BINS] = {0}, chi_square = 0;
        for (int i = 0; i < DRAWS; i++) {
            const double x = tn_random_beta(&r, cases[c].alpha);
            assert_true(x >= 0 && x <= 1);
            sum += x;
            squares += (x - 0.5) * (x - 0.5);
            count[x < 1 ? (int)(BINS * x) : BINS - 1]++;
        }
        const double variance = 1 / (4 * (2 * cases[c].alpha + 1));
        /* Five deviations of a mean of so many; (x - 1/2)^2 is at most 1/4 off its mean. */
        assert_true(fabs(sum / DRAWS - 0.5) < 5 * sqrt(variance / DRAWS));
        assert_true(fabs(squares / DRAWS - variance) < 5 * sqrt(variance / 4 / DRAWS));
        for (int i = 0; i < BINS && cases[c].below; i++) {
            const double share =
                cases[c].below((i + 1) / (double)BINS) - cases[c].below(i / (double)BINS);
            chi_square += pow(count[i] - share * DRAWS, 2) / (share * DRAWS);
        }
        /* 19 degrees of freedom: above 43.8 once in a thousand. */
        assert_true(chi_square < 43.8);
    }
}

static void a_small_alpha_leaves_rows_alone(void **state)
{
    (void)state;
    tn_random r = tn_random_begin(9, TN_RANDOM_TEST, 0);
    int ends = 0;
    for (int i = 0; i < 1000; i++) {
        const double x = tn_random_beta(&r, 1e-5);
        assert_true(x >= 0 && x <= 1);
        ends += x < 1e-6 || x > 1 - 1e-6;
    }
    assert_true(ends > 990);
}

/* ---- errors --------------------------------------------------------------------------------- */

static tn_status nothing(void *arg, const tn_fill *at)
{
    (void)arg;
    (void)at;
    return TN_OK;
}

static void what_cannot_be_mixed_is_refused(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    tn_dataset *set = make_set(folder);
    tn_loader *loader = NULL;
    tn_loader_opts opts = mixed(1);
    uint8_t rgb[BYTES];
    const tn_fill at = {0};
    assert_fails(tn_fill_image(&at, &opts, "x.ppm", "P6", 2, rgb), TN_ERR_ARGUMENT,
                 "x.ppm: mixup 0.4 is for batches");
    opts.shuffle = false;
    assert_fails(tn_loader_open(&loader, set, &opts), TN_ERR_ARGUMENT, "without shuffle");
    opts.mixup = -1;
    assert_fails(tn_loader_open(&loader, set, &opts), TN_ERR_ARGUMENT, "mixup -1 is not from 0");
    opts.mixup = NAN;
    assert_fails(tn_loader_open(&loader, set, &opts), TN_ERR_ARGUMENT, "mixup nan is not from 0");
    const tn_source source = {
        .name = "s", .items = 4, .array = {{"x", TN_F32, {0}, false}}, .fill = nothing};
    assert_fails(
        tn_loader_open_source(&loader, &source, &(tn_loader_opts){.batch = 2, .mixup = 0.2F}),
        TN_ERR_ARGUMENT, "mixup is for sets of images");
    assert_null(loader);
    tn_dataset_close(set);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_mixed_in_pairs),
        cmocka_unit_test(a_batch_is_had_without_those_before_it),
        cmocka_unit_test(shares_are_of_beta),
        cmocka_unit_test(a_small_alpha_leaves_rows_alone),
        cmocka_unit_test(what_cannot_be_mixed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
