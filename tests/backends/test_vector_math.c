/* Functions of one number for loops that become vectors: how far they err, and what they make of what is no number. */
#include "backends/cpu/vector/math.h"
#include "lab.h"

enum { COUNT = 400000 };

/* The largest error of f over [low, high], in units of f32's rounding (2^-24 of the result, which is at least `least`). */
static double worst(float (*f)(float), double (*want)(double), double low, double high,
                    double least)
{
    double most = 0;
    for (int i = 0; i <= COUNT; i++) {
        const float x = (float)(low + (high - low) * i / COUNT);
        const double y = want((double)x), unit = fmax(fabs(y), least) * 0x1p-24;
        const double error = fabs((double)f(x) - y) / unit;
        if (!(error <= most))
            most = error;
    }
    return most;
}

static double below(double x)
{
    return erfc(-x / sqrt(2)) / 2;
}

static float normal_below(float x)
{
    float density;
    return tn_normal_below(x, &density);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void errs_by_a_few_roundings(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        float (*f)(float);
        double (*want)(double);
        double low, high, least, allowed;
    } cases[] = {
        {"exp", tn_exp_of, exp, -87, 88.7, 0, 2},
        {"exp, denormal", tn_exp_of, exp, -104, -87, 0x1p-126, 2},
        {"exp - 1", tn_expm1_below_0, expm1, -80, -1e-3, 0, 3},
        {"exp - 1 near 0", tn_expm1_below_0, expm1, -1e-3, -1e-6, 0, 3},
        {"log", tn_log_of, log, 1e-30, 4, 1e-3, 3},
        {"log of large numbers", tn_log_of, log, 1, 3e38, 1e-3, 3},
        {"log of denormal numbers", tn_log_of, log, 1e-44, 1e-38, 1e-3, 3},
        {"sigmoid", tn_sigmoid_of, sigmoid, -80, 80, 0, 4},
        {"tanh", tn_tanh_of, tanh, -20, 20, 1e-30, 6},
        {"tanh near 0", tn_tanh_of, tanh, 1e-6, 1e-2, 0, 6},
        {"the normal distribution", normal_below, below, -12, 12, 1, 6},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const double error =
            worst(cases[i].f, cases[i].want, cases[i].low, cases[i].high, cases[i].least);
        if (!(error <= cases[i].allowed))
            fail_msg("%s errs by %.3g, more than %g", cases[i].what, error, cases[i].allowed);
    }
}

static void takes_what_is_no_number(void **unused)
{
    (void)unused;
    assert_true(tn_exp_of(-INFINITY) == 0 && isinf(tn_exp_of(INFINITY)) && isnan(tn_exp_of(NAN)));
    assert_true(tn_exp_of(0) == 1 && isinf(tn_exp_of(88.8F)) && isfinite(tn_exp_of(88.7F)));
    assert_true(tn_expm1_below_0(-INFINITY) == -1 && isnan(tn_expm1_below_0(NAN)));
    assert_true(tn_log_of(0) == -INFINITY && isnan(tn_log_of(-1)) && isnan(tn_log_of(NAN)));
    assert_true(tn_log_of(1) == 0 && tn_log_of(INFINITY) == INFINITY);
    assert_true(tn_sigmoid_of(-INFINITY) == 0 && tn_sigmoid_of(INFINITY) == 1);
    assert_true(tn_tanh_of(INFINITY) == 1 && tn_tanh_of(-INFINITY) == -1 && isnan(tn_tanh_of(NAN)));
    assert_true(isnan(tn_sigmoid_of(NAN)) && isnan(normal_below(NAN)));
    assert_true(normal_below(-INFINITY) == 0 && normal_below(INFINITY) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errs_by_a_few_roundings),
        cmocka_unit_test(takes_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
