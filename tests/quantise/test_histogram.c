/* Counts of numbers and the scales that come of them: whatever the order and the batches, and the best there is. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab.h"
#include "quantise/histogram.h"

enum { COUNT = 20000, SEED = 7 };

/* Numbers of many sizes, most of them small. */
static void draw(float *x)
{
    tn_random r = tn_random_begin(SEED, TN_RANDOM_TEST, 0);
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(tn_random_normal(&r) * (i % 500 == 0 ? 8 : 1) * (i < COUNT / 2 ? 0.01 : 1));
    x[17] = 0;
}

static void depends_on_neither_order_nor_batch(void **unused)
{
    (void)unused;
    static float x[COUNT], back[COUNT];
    static tn_histogram all, parts, reverse;
    draw(x);
    for (int i = 0; i < COUNT; i++)
        back[i] = x[COUNT - 1 - i];
    assert_true(tn_histogram_add(&all, x, COUNT));
    for (int i = 0; i < COUNT; i += 160)
        assert_true(tn_histogram_add(&parts, x + i, 160));
    assert_true(tn_histogram_add(&reverse, back, COUNT));
    assert_memory_equal(&all, &parts, sizeof all);
    assert_memory_equal(&all, &reverse, sizeof all);
    int64_t counted = 0;
    for (int i = 0; i < TN_BINS; i++)
        counted += all.bin[i];
    assert_int_equal(counted, COUNT - 1); /* but 0 */
}

static double error_of(const float *x, double scale, int most)
{
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        const double size = fabs((double)x[i]), whole = fmin(rint(size / scale), most);
        sum += (size - whole * scale) * (size - whole * scale);
    }
    return sum;
}

/* Of all scales that one could try, none has an error that is much less; and with 127 steps it is not that of the largest number. */
static void finds_the_least_error(void **unused)
{
    (void)unused;
    static float x[COUNT];
    static tn_histogram h;
    float largest = 0;
    draw(x);
    memset(&h, 0, sizeof h);
    assert_true(tn_histogram_add(&h, x, COUNT));
    for (int i = 0; i < COUNT; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    for (int most = 7; most <= 255; most = 2 * most + 1) {
        const double got = error_of(x, (double)tn_histogram_scale(&h, most), most);
        double least = INFINITY;
        for (int i = 20; i <= 1000; i++)
            least = fmin(least, error_of(x, (double)largest * i / 1000 / most, most));
        if (!(got <= 1.02 * least))
            fail_msg("to %d: the error is %g, and could be %g", most, got, least);
        assert_true(most > 63 || got < 0.9 * error_of(x, (double)largest / most, most));
    }
}

static void what_has_no_scale(void **unused)
{
    (void)unused;
    static tn_histogram h;
    static const float zeros[3], bad[] = {1, NAN}, infinite[] = {-INFINITY},
                                 small[] = {1e-44F, 3e38F, 1e-30F};
    memset(&h, 0, sizeof h);
    assert_true(tn_histogram_add(&h, zeros, 3));
    assert_true(tn_histogram_scale(&h, 127) > 0);
    assert_false(tn_histogram_add(&h, bad, 2));
    assert_false(tn_histogram_add(&h, infinite, 1));
    memset(&h, 0, sizeof h);
    assert_true(tn_histogram_add(&h, small, 3));
    const double scale = (double)tn_histogram_scale(&h, 127);
    assert_true(scale > 2.3e36 && scale < 2.4e36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depends_on_neither_order_nor_batch),
        cmocka_unit_test(finds_the_least_error),
        cmocka_unit_test(what_has_no_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
