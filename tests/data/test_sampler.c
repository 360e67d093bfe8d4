#include <math.h>

#include "data/sampler.h"
#include "lab.h"

/* The shuffle of four as one number, base 4. */
static int order_of_four(tn_sampler *s, int64_t epoch)
{
    int64_t item[4];
    tn_sampler_batch(s, epoch, 0, item);
    int order = 0, seen = 0;
    for (int i = 0; i < 4; i++) {
        order = 4 * order + (int)item[i];
        seen |= 1 << item[i];
    }
    assert_int_equal(seen, 15);
    return order;
}

static void every_order_is_as_likely(void **state)
{
    (void)state;
    enum { EPOCHS = 24000 };
    tn_sampler s;
    assert_ok(tn_sampler_create(&s, 4, "images", 4, true, false, 3));
    int count[256] = {0}, orders = 0;
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
        count[order_of_four(&s, epoch)]++;
    double chi_square = 0;
    for (int i = 0; i < 256; i++) {
        orders += count[i] > 0;
        if (count[i])
            chi_square += pow(count[i] - EPOCHS / 24.0, 2) / (EPOCHS / 24.0);
    }
    assert_int_equal(orders, 24);
    /* 23 degrees of freedom: above 49.7 once in a thousand. */
    assert_true(chi_square < 49.7);
    tn_sampler_destroy(&s);
}

static void an_order_is_had_without_those_before_it(void **state)
{
    (void)state;
    tn_sampler walked, jumped;
    assert_ok(tn_sampler_create(&walked, 100, "images", 100, true, false, 3));
    assert_ok(tn_sampler_create(&jumped, 100, "images", 30, true, false, 3));
    int64_t all[100], some[30];
    for (int64_t epoch = 0; epoch <= 5; epoch++)
        tn_sampler_batch(&walked, epoch, 0, all);
    for (int64_t index = 3; index >= 0; index--) {
        tn_sampler_batch(&jumped, 5, index, some);
        for (int row = 0; row < 30; row++)
            assert_int_equal(some[row], 30 * index + row < 100 ? all[30 * index + row] : -1);
    }
    tn_sampler_destroy(&walked);
    tn_sampler_destroy(&jumped);
}

static void epochs_have_whole_batches(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        int batch;
        bool drop_last;
        int64_t batches;
    } cases[] = {{10, 4, false, 3}, {10, 4, true, 2}, {8, 4, false, 2}, {8, 4, true, 2},
                 {1, 4, false, 1},  {4, 4, true, 1},  {3, 1, true, 3}};
    tn_sampler s;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        assert_ok(tn_sampler_create(&s, cases[i].count, "images", cases[i].batch, false,
                                    cases[i].drop_last, 0));
        assert_int_equal(s.batches, cases[i].batches);
        tn_sampler_destroy(&s);
    }
    assert_fails(tn_sampler_create(&s, 3, "images", 4, false, true, 0), TN_ERR_ARGUMENT,
                 "3 images do not fill one batch of 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_is_as_likely),
        cmocka_unit_test(an_order_is_had_without_those_before_it),
        cmocka_unit_test(epochs_have_whole_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
