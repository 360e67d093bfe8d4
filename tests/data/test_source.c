/*
 * Loaders over a program's own source: batches of any arrays, the rules of bad items, errors in the source's words.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lab.h"
#include "lab_set.h"

enum { ITEMS = 10, POINTS = 3 };

typedef struct points {
    int bad;          /* the item that is, or -1 */
    tn_status status; /* what it is told as */
    const char *words;
    atomic_int begun, ended;
    int begin_fails_at;
    bool has_workers;
} points;

static tn_status begin(void *arg, void **worker)
{
    points *p = arg;
    if (atomic_fetch_add(&p->begun, 1) == p->begin_fails_at) {
        atomic_fetch_sub(&p->begun, 1);
        return tn_fail(TN_ERR_IO, "the data base is not there");
    }
    *worker = tn_alloc(1, sizeof(int));
    return *worker ? TN_OK : tn_no_memory("a worker", sizeof(int));
}

static void end(void *arg, void *worker)
{
    points *p = arg;
    atomic_fetch_add(&p->ended, 1);
    tn_free(worker);
}

/* A worker is never in two threads: the sanitizer for threads would see it here. */
static tn_status fill(void *arg, const tn_fill *at)
{
    const points *p = arg;
    if (p->has_workers)
        (*(int *)at->worker)++;
    if (at->item == p->bad)
        return p->words ? tn_fail(p->status, "%s", p->words) : p->status;
    float *x = at->row[0];
    for (int i = 0; i < POINTS; i++)
        x[i] = (float)at->item + (float)tn_fill_random(at, (uint64_t)i);
    *(int32_t *)at->row[1] = (int32_t)at->item * 10;
    *(uint8_t *)at->row[2] = (uint8_t)(1 + at->place);
    return TN_OK;
}

static tn_source make(points *p)
{
    return (tn_source){.name = "points.csv",
                       .items = ITEMS,
                       .array = {{.name = "x", .dtype = TN_F32, .row = TN_SHAPE(POINTS, 1)},
                                 {.name = "class", .dtype = TN_I32, .labels = true},
                                 {.name = "place", .dtype = TN_U8}},
                       .fill = fill,
                       .arg = p};
}

static tn_loader *open_points(points *p, const tn_loader_opts *opts)
{
    const tn_source source = make(p);
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open_source(&loader, &source, opts));
    return loader;
}

static void a_batch_has_all_arrays_and_says_which_rows_are_there(void **state)
{
    (void)state;
    points p = {.bad = -1};
    tn_loader *loader = open_points(&p, &(tn_loader_opts){.batch = 4, .threads = 3});
    assert_int_equal(tn_loader_batches(loader), 3);
    for (int epoch = 0; epoch < 2; epoch++) {
        tn_batch b;
        for (int k = 0; k < 3; k++) {
            assert_ok(tn_loader_next(loader, &b));
            assert_true(b.epoch == epoch && b.index == k && b.num_arrays == 3);
            assert_int_equal(b.count, k < 2 ? 4 : 2);
            assert_int_equal(b.own, b.count);
            assert_null(b.images.data);
            assert_null(b.labels.data);
            assert_string_equal(tn_shape_format(&b.array[0].shape).text, "4 x 3 x 1");
            assert_string_equal(tn_shape_format(&b.array[1].shape).text, "4");
            assert_true(b.array[0].dtype == TN_F32 && b.array[1].dtype == TN_I32 &&
                        b.array[2].dtype == TN_U8);
            for (int i = 0; i < 4; i++) {
                const int item = 4 * k + i;
                const float *x = (const float *)b.array[0].data + (ptrdiff_t)i * POINTS;
                assert_int_equal(((int32_t *)b.array[1].data)[i], item < ITEMS ? 10 * item : -1);
                assert_int_equal(((uint8_t *)b.array[2].data)[i], item < ITEMS ? 1 + item : 0);
                for (int j = 0; j < POINTS; j++)
                    assert_true(item < ITEMS ? floorf(x[j]) == (float)item : x[j] == 0);
            }
        }
        assert_int_equal(tn_loader_next(loader, &b), TN_END);
    }
    tn_loader_close(loader);
}

static uint64_t hash_next(tn_loader *loader)
{
    tn_batch b;
    tn_status status = tn_loader_next(loader, &b);
    if (status == TN_END)
        status = tn_loader_next(loader, &b);
    assert_ok(status);
    uint64_t h = (uint64_t)b.count;
    for (int i = 0; i < b.num_arrays; i++) {
        size_t bytes;
        assert_ok(tn_shape_bytes(&b.array[i].shape, b.array[i].dtype, &bytes));
        h = lab_hash(h, b.array[i].data, bytes);
    }
    return h;
}

static void threads_and_resuming_change_nothing(void **state)
{
    (void)state;
    enum { BATCHES = 9 };
    uint64_t first[BATCHES];
    for (int threads = 1; threads <= 7; threads += 3) {
        points p = {.bad = 4, .status = TN_ERR_FORMAT, .begin_fails_at = -1, .has_workers = true};
        tn_source source = make(&p);
        source.begin = begin;
        source.end = end;
        tn_loader *loader = NULL;
        assert_ok(tn_loader_open_source(
            &loader, &source,
            &(tn_loader_opts){
                .batch = 4, .shuffle = true, .seed = 3, .threads = threads, .queue = threads % 3}));
        for (int k = 0; k < BATCHES; k++) {
            const uint64_t h = hash_next(loader);
            if (threads == 1)
                first[k] = h;
            assert_true(h == first[k]);
        }
        for (int k = BATCHES; k-- > 0;) {
            assert_ok(tn_loader_seek(loader, k / 3, k % 3));
            assert_true(hash_next(loader) == first[k]);
        }
        tn_loader_close(loader);
        assert_int_equal(p.begun, threads);
        assert_int_equal(p.ended, threads);
    }
    for (int k = 1; k < BATCHES; k++)
        assert_true(first[k] != first[k - 1]);
}

static void bad_items_follow_the_rule_of_bad_files(void **state)
{
    (void)state;
    points p = {.bad = 2, .status = TN_ERR_FORMAT, .words = "the price is \"n/a\", no number"};
    tn_loader *loader = open_points(&p, &(tn_loader_opts){.batch = 4});
    tn_batch b;
    assert_ok(tn_loader_next(loader, &b));
    assert_int_equal(b.count, 3);
    const int32_t labels[] = {0, 10, 30, -1};
    assert_memory_equal(b.array[1].data, labels, sizeof labels);
    assert_true(((float *)b.array[0].data)[9] == 0);
    assert_int_equal(tn_loader_num_bad(loader), 1);
    assert_string_equal(tn_loader_bad_path(loader, 0), "points.csv[2]");
    assert_string_equal(tn_loader_bad_reason(loader, 0), "the price is \"n/a\", no number");
    tn_loader_close(loader);

    loader = open_points(&p, &(tn_loader_opts){.batch = 4, .max_bad = TN_ZERO});
    assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT,
                 "1 of 10 items are bad, where 0 (0 %) are allowed; the last is points.csv[2]: the "
                 "price is \"n/a\"");
    tn_loader_close(loader);
    loader = open_points(&p, &(tn_loader_opts){.batch = 4, .on_bad = TN_BAD_STOP});
    assert_fails(tn_loader_next(loader, &b), TN_ERR_FORMAT, "points.csv[2]: the price is");
    tn_loader_close(loader);
}

static void rows_say_which_item_they_hold_and_what_made_it(void **state)
{
    (void)state;
    points p = {.bad = 7, .status = TN_ERR_FORMAT};
    tn_loader *loader =
        open_points(&p, &(tn_loader_opts){.batch = 4, .shuffle = true, .seed = 5, .max_bad = 10});
    for (int k = 0; k < 6; k++) {
        tn_batch b;
        if (tn_loader_next(loader, &b) == TN_END)
            assert_ok(tn_loader_next(loader, &b));
        assert_true(b.seed == 5);
        for (int i = 0; i < 4; i++) {
            const float *x = (const float *)b.array[0].data + (ptrdiff_t)i * POINTS;
            if (i >= b.count) { /* the bad one's row is not in between any more */
                assert_true(b.item[i] == -1 && b.place[i] == -1);
                continue;
            }
            const tn_fill at = {.seed = b.seed, .epoch = b.epoch, .place = b.place[i]};
            assert_int_equal(((int32_t *)b.array[1].data)[i], b.item[i] * 10);
            assert_int_equal(((uint8_t *)b.array[2].data)[i], 1 + b.place[i]);
            assert_true(x[0] == (float)b.item[i] + (float)tn_fill_random(&at, 0));
        }
    }
    assert_string_equal(tn_loader_item_name(loader, 3), "points.csv[3]");
    assert_string_equal(tn_loader_item_name(loader, 9), "points.csv[9]");
    assert_null(tn_loader_item_name(loader, ITEMS));
    assert_null(tn_loader_item_name(loader, -1));
    tn_loader_close(loader);
}

static void what_is_no_bad_item_ends_the_run(void **state)
{
    (void)state;
    static const struct {
        tn_status status, told;
        const char *words, *text, *why;
    } cases[] = {
        {TN_ERR_DEVICE, TN_ERR_DEVICE, "no more handles", "points.csv[6]: no more handles",
         "its words"},
        {TN_ERR_MEMORY, TN_ERR_MEMORY, NULL, "points.csv[6]: out of memory",
         "it said nothing: the status' sentence, and none of an earlier call"},
        {TN_END, TN_ERR_ARGUMENT, NULL, "points.csv[6]: no more items",
         "it would be taken for the end of the epoch"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        points p = {.bad = 6, .status = cases[i].status, .words = cases[i].words};
        tn_loader *loader =
            open_points(&p, &(tn_loader_opts){.batch = 4, .threads = 1, .max_bad = 100});
        tn_batch b;
        assert_ok(tn_loader_next(loader, &b));
        for (int again = 0; again < 2; again++)
            assert_fails(tn_loader_next(loader, &b), cases[i].told, cases[i].text);
        tn_loader_close(loader);
    }
}

static void a_source_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const tn_array x = {.name = "x", .dtype = TN_F32};
    static const struct {
        tn_source source;
        tn_loader_opts opts;
        tn_status status;
        const char *error;
    } cases[] = {
        {{.items = 1}, {.batch = 1}, TN_ERR_ARGUMENT, "it has no name"},
        {{.name = "s", .items = 1}, {.batch = 1}, TN_ERR_ARGUMENT, "source s: it has no fill()"},
        {{.name = "s", .fill = fill}, {.batch = 1}, TN_ERR_ARGUMENT, "0 items are not above 0"},
        {{.name = "s", .items = 1, .fill = fill}, {.batch = 1}, TN_ERR_ARGUMENT, "has no array"},
        {{.name = "s", .items = 1, .fill = fill, .array = {x, x}},
         {.batch = 1},
         TN_ERR_ARGUMENT,
         "two arrays are named x"},
        {{.name = "s", .items = 1, .fill = fill, .array = {{.name = "x", .dtype = (tn_dtype)77}}},
         {.batch = 1},
         TN_ERR_ARGUMENT,
         "array x: dtype 77"},
        {{.name = "s", .items = 1, .fill = fill, .array = {{.name = "x", .labels = true}}},
         {.batch = 1},
         TN_ERR_ARGUMENT,
         "array x: labels are i32, not f32"},
        {{.name = "s", .items = 1, .fill = fill, .array = {{.name = "x", .row = {8, {1}}}}},
         {.batch = 1},
         TN_ERR_SHAPE,
         "a row of 8 dimensions"},
        {{.name = "s", .items = 1, .fill = fill, .array = {{.name = "x", .row = {2, {3, 0}}}}},
         {.batch = 2},
         TN_ERR_SHAPE,
         "source s: array x, 2 rows: "},
        {{.name = "s", .items = 1, .fill = fill, .array = {{.name = "x", .row = {1, {1ll << 61}}}}},
         {.batch = 2},
         TN_ERR_SHAPE,
         "source s: array x, 2 rows: "},
        {{.name = "s", .items = 1, .fill = fill, .array = {x}},
         {.batch = 1, .height = 8},
         TN_ERR_ARGUMENT,
         "height is for sets of images; the source s makes its rows itself"},
        {{.name = "s", .items = 1, .fill = fill, .array = {x}},
         {.batch = 1, .flip = true},
         TN_ERR_ARGUMENT,
         "flip is for sets"},
        {{.name = "s", .items = 3, .fill = fill, .array = {x}},
         {.batch = 4, .drop_last = true},
         TN_ERR_ARGUMENT,
         "3 items do not fill one batch of 4"},
    };
    tn_loader *loader = NULL;
    const long live = tn_alloc_live();
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_loader_open_source(&loader, &cases[i].source, &cases[i].opts),
                     cases[i].status, cases[i].error);
    points p = {.begin_fails_at = 2};
    tn_source source = make(&p);
    source.begin = begin;
    source.end = end;
    assert_fails(
        tn_loader_open_source(&loader, &source, &(tn_loader_opts){.batch = 1, .threads = 4}),
        TN_ERR_IO, "the data base is not there");
    assert_true(p.begun == 2 && p.ended == 2);
    assert_null(loader);
    assert_int_equal(tn_alloc_live(), live);
}

static tn_status load_some(void *arg)
{
    tn_loader *loader = NULL;
    TN_TRY(tn_loader_open_source(&loader, arg,
                                 &(tn_loader_opts){.batch = 4, .threads = 1, .queue = 1}));
    tn_status status = TN_OK;
    tn_batch b;
    for (int i = 0; status == TN_OK && i < 3; i++)
        status = tn_loader_next(loader, &b);
    tn_loader_close(loader);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    points p = {.bad = 5, .status = TN_ERR_FORMAT, .begin_fails_at = -1, .has_workers = true};
    tn_source source = make(&p);
    source.begin = begin;
    source.end = end;
    assert_true(lab_fail_each_allocation(load_some, &source) > 10);
}

static void random_numbers_of_a_row_are_its_own(void **state)
{
    (void)state;
    const tn_fill at[] = {{.seed = 1, .epoch = 2, .place = 3},
                          {.seed = 1, .epoch = 2, .place = 4},
                          {.seed = 1, .epoch = 3, .place = 3},
                          {.seed = 2, .epoch = 2, .place = 3}};
    double sum = 0;
    for (uint64_t n = 0; n < 4000; n++) {
        const double r = tn_fill_random(&at[0], n);
        assert_true(r >= 0 && r < 1 && r == tn_fill_random(&at[0], n));
        for (size_t k = 1; k < TN_COUNT(at); k++)
            assert_true(r != tn_fill_random(&at[k], n));
        sum += r;
    }
    assert_true(fabs(sum / 4000 - 0.5) < 0.02); /* four deviations */
    assert_true(isnan(tn_fill_random(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_all_arrays_and_says_which_rows_are_there),
        cmocka_unit_test(threads_and_resuming_change_nothing),
        cmocka_unit_test(bad_items_follow_the_rule_of_bad_files),
        cmocka_unit_test(rows_say_which_item_they_hold_and_what_made_it),
        cmocka_unit_test(what_is_no_bad_item_ends_the_run),
        cmocka_unit_test(a_source_that_makes_no_sense_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(random_numbers_of_a_row_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
