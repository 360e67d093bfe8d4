#include <string.h>

#include "base/random.h"
#include "base/thread.h"
#include "lab.h"

static void philox_known_answers(void **state)
{
    (void)state;
    /* Random123's kat_vectors: philox4x32 10. */
    const struct {
        uint64_t key, low, high;
        uint32_t want[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {UINT64_C(0x299f31d0a4093822),
         UINT64_C(0x85a308d3243f6a88),
         UINT64_C(0x0370734413198a2e),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const tn_random4 r = tn_philox(cases[i].key, cases[i].low, cases[i].high);
        assert_memory_equal(r.word, cases[i].want, sizeof r.word);
    }
}

static void random_numbers_have_their_moments(void **state)
{
    (void)state;
    tn_random r = tn_random_begin(7, TN_RANDOM_TEST, 3);
    double sum = 0, square = 0, mean = 0;
    int64_t below[3] = {0};
    enum { COUNT = 30000 };
    for (int i = 0; i < COUNT; i++) {
        const double z = tn_random_normal(&r);
        sum += z;
        square += z * z;
        const double u = tn_random_real(&r);
        assert_true(u >= 0 && u < 1);
        mean += u;
        below[tn_random_below(&r, 3)]++;
    }
    assert_true(sum / COUNT > -0.03 && sum / COUNT < 0.03);
    assert_true(square / COUNT > 0.96 && square / COUNT < 1.04);
    assert_true(mean / COUNT > 0.49 && mean / COUNT < 0.51);
    for (int i = 0; i < 3; i++)
        assert_true(below[i] > COUNT / 3 - 400 && below[i] < COUNT / 3 + 400);
    assert_true(tn_uniform(UINT32_MAX) < 1 && tn_uniform(0) >= 0);
}

static void shapes_are_checked(void **state)
{
    (void)state;
    int64_t count;
    size_t bytes;
    assert_ok(tn_shape_count(&TN_SHAPE(2, 3, 4), &count));
    assert_int_equal(count, 24);
    assert_ok(tn_shape_count(&(tn_shape){0}, &count));
    assert_int_equal(count, 1);
    assert_fails(tn_shape_count(&TN_SHAPE(2, 0), &count), TN_ERR_SHAPE,
                 "dimension 1 of 2 x 0 is 0");
    assert_fails(tn_shape_count(&TN_SHAPE(INT64_MAX, 2), &count), TN_ERR_SHAPE, "more elements");
    assert_fails(tn_shape_count(&(tn_shape){.ndim = 9}, &count), TN_ERR_SHAPE, "9 dimensions");
    assert_fails(tn_shape_bytes(&TN_SHAPE(INT64_MAX / 2), TN_F32, &bytes), TN_ERR_SHAPE,
                 "more bytes");
    assert_fails(tn_shape_bytes(&TN_SHAPE(1), (tn_dtype)9, &bytes), TN_ERR_ARGUMENT, "no dtype");
    assert_string_equal(tn_shape_format(&TN_SHAPE(128, 3, 224, 224)).text, "128 x 3 x 224 x 224");
    assert_string_equal(tn_dtype_name(TN_BF16), "bf16");
    assert_int_equal(tn_dtype_bytes(TN_F16), 2);
}

static void errors_nest(void **state)
{
    (void)state;
    tn_fail(TN_ERR_IO, "inner %d", 1);
    assert_fails(tn_fail(TN_ERR_IO, "outer: %s", tn_error()), TN_ERR_IO, "outer: inner 1");
}

static void allocations_are_counted(void **state)
{
    (void)state;
    const long live = tn_alloc_live();
    assert_null(tn_alloc(SIZE_MAX / 2, 4));
    tn_alloc_fail_at(2);
    void *a = tn_alloc(1, 1), *b = tn_alloc(1, 1), *c = tn_alloc_aligned(100);
    assert_non_null(a);
    assert_null(b);
    assert_int_equal((uintptr_t)c % 64, 0);
    tn_free(a), tn_free(b), tn_free(c);
    assert_int_equal(tn_alloc_live(), live);
    size_t capacity = 0;
    int *array = NULL;
    for (size_t i = 0; i < 100; i++) {
        assert_ok(tn_grow((void **)&array, i, &capacity, sizeof *array, "test"));
        array[i] = (int)i;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(array[i], i);
    tn_free(array);
    char *text = tn_format("%s-%d", "a", 5);
    assert_string_equal(text, "a-5");
    tn_free(text);
}

static void an_error_passed_over_leaves_no_trace(void **state)
{
    (void)state;
    tn_error_kept kept;
    tn_fail(TN_ERR_SHAPE, "100%% %s", "wrong");
    tn_error_keep(&kept);
    tn_fail(TN_ERR_DEVICE, "only a try");
    tn_error_put_back(&kept);
    assert_string_equal(tn_error(), "100% wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(random_numbers_have_their_moments),
        cmocka_unit_test(shapes_are_checked),
        cmocka_unit_test(errors_nest),
        cmocka_unit_test(an_error_passed_over_leaves_no_trace),
        cmocka_unit_test(allocations_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
