/* What charts are made of: smoothing, thinning, ticks. */
#include <math.h>
#include <string.h>

#include "lab.h"
#include "run/chart.h"

static void smoothing_has_no_bias_and_keeps_gaps(void **state)
{
    (void)state;
    static const int64_t step[] = {1, 2, 3, 4, 5};
    static const double flat[] = {2, 2, 2, 2, 2}, gap[] = {1, NAN, 3, INFINITY, 3};
    curve c = curve_of(step, flat, 5), mean = curve_smooth(&c, 0.9);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(mean.y[i] - 2) < 1e-12); /* also the first ones */
    curve_free(&c);
    curve_free(&mean);
    c = curve_of(step, gap, 5);
    mean = curve_smooth(&c, 0.5);
    /* (1 - w) sum w^(n - i) y / (1 - w^n), over what is finite */
    assert_true(mean.y[0] == 1 && isnan(mean.y[1]) && isnan(mean.y[3]));
    assert_true(fabs(mean.y[2] - (0.5 * 1 + 3) / 1.5) < 1e-12);
    assert_true(fabs(mean.y[4] - (0.25 * 1 + 0.5 * 3 + 3) / 1.75) < 1e-12);
    curve_free(&c);
    curve_free(&mean);
}

static void thinning_loses_no_peak(void **state)
{
    (void)state;
    enum { POINTS = 100000, WIDTH = 500 };
    static double x[POINTS], y[POINTS];
    double low[WIDTH], high[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
        low[i] = INFINITY;
        high[i] = -INFINITY;
    }
    for (int i = 0; i < POINTS; i++) {
        x[i] = (double)i * WIDTH / POINTS;
        y[i] = sin(i * 0.37) + (i == 77777 ? 1000 : 0);
        const int pixel = (int)x[i];
        low[pixel] = fmin(low[pixel], y[i]);
        high[pixel] = fmax(high[pixel], y[i]);
    }
    const int64_t kept = curve_thin(POINTS, x, y);
    assert_true(kept <= 4 * WIDTH && kept >= 2 * WIDTH);
    double seen_low[WIDTH], seen_high[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
        seen_low[i] = INFINITY;
        seen_high[i] = -INFINITY;
    }
    for (int64_t i = 0; i < kept; i++) {
        const int pixel = (int)x[i];
        assert_true(i == 0 || x[i] > x[i - 1]);
        seen_low[pixel] = fmin(seen_low[pixel], y[i]);
        seen_high[pixel] = fmax(seen_high[pixel], y[i]);
    }
    assert_memory_equal(low, seen_low, sizeof low);
    assert_memory_equal(high, seen_high, sizeof high);

    double gx[] = {0, 0.1, 0.2, 0.3, 0.4}, gy[] = {1, 2, NAN, 3, 4};
    assert_int_equal(curve_thin(5, gx, gy), 5);
    assert_true(isnan(gy[2]) && gy[3] == 3);
}

static void ticks_are_round(void **state)
{
    (void)state;
    static const struct {
        double low, high;
        int count, want;
        double first, step;
    } cases[] = {
        {0, 1, 5, 6, 0, 0.2},           {-1, 1, 4, 5, -1, 0.5},   {0.13, 0.19, 6, 7, 0.13, 0.01},
        {1e-9, 9e-9, 4, 4, 2e-9, 2e-9}, {0, 1e12, 5, 6, 0, 2e11}, {5, 5, 4, 0, 0, 0},
        {0, INFINITY, 4, 0, 0, 0},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        double tick[CHART_TICKS];
        const int found = chart_ticks(cases[i].low, cases[i].high, cases[i].count, tick);
        if (found != cases[i].want)
            fail_msg("%g to %g: %d ticks, not %d", cases[i].low, cases[i].high, found,
                     cases[i].want);
        for (int k = 0; k < found; k++)
            assert_true(fabs(tick[k] - cases[i].first - k * cases[i].step) <
                        1e-9 * cases[i].step + 1e-18);
    }
    double tick[CHART_TICKS];
    assert_int_equal(chart_log_ticks(0.08, 30, tick), 3); /* 0.1 1 10 */
    assert_true(fabs(tick[0] - 0.1) < 1e-12);
    assert_int_equal(chart_log_ticks(0.5, 2, tick), 3); /* 0.5 1 2 */
    assert_true(chart_log_ticks(1e-300, 1e300, tick) <= 14);
}

static void ranges_pass_over_what_cannot_be_drawn(void **state)
{
    (void)state;
    int64_t x[1000];
    double y[1000], low, high;
    for (int i = 0; i < 1000; i++) {
        x[i] = i;
        y[i] = i == 500 ? 1e30 : i == 501 ? (double)NAN : i == 502 ? -5 : 1 + i % 2;
    }
    curve c = curve_of(x, y, 1000);
    assert_true(curve_range(&c, 0, 1000, true, false, &low, &high) && low == 1 && high == 2);
    assert_true(curve_range(&c, 0, 1000, false, false, &low, &high) && low == -5 && high == 1e30);
    assert_true(curve_range(&c, 501, 1000, false, true, &low, &high) && low == 1 && high == 2);
    assert_false(curve_range(&c, 501, 501, false, false, &low, &high));
    curve_free(&c);
}

static void texts_are_cut_to_fit(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(chart_fit("loss", 100), "loss");
    assert_true(chart_text_width(chart_fit("a name that is far too long for this", 80)) <= 80);
    const char *cut = chart_fit("\xE7\x94\xB2\xE8\x99\xAB\xE7\x94\xB2\xE8\x99\xAB", 40);
    assert_string_equal(cut, "\xE7\x94\xB2\xE8\x99\xAB\xE2\x80\xA6"); /* whole characters */
    char endless[2000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_true(strlen(chart_fit(endless, 1e9)) < 256);
    chart_short(text, 12500);
    assert_string_equal(text, "12.5k");
    chart_short(text, 3e-7);
    assert_string_equal(text, "3e-07");
    chart_short(text, 0);
    assert_string_equal(text, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smoothing_has_no_bias_and_keeps_gaps),
        cmocka_unit_test(thinning_loses_no_peak),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(ranges_pass_over_what_cannot_be_drawn),
        cmocka_unit_test(texts_are_cut_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
