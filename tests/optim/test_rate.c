#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

/* Reads the fields after "rate". */
static tn_rate parse_rate(char *line)
{
    tn_rate r = {0};
    assert_ok(tn_rate_find(strtok(line, " "), &r.policy));
    r.base = strtod(strtok(NULL, " "), NULL);
    r.gamma = strtod(strtok(NULL, " "), NULL);
    r.power = strtod(strtok(NULL, " "), NULL);
    r.period = strtoll(strtok(NULL, " "), NULL, 10);
    r.steps = strtoll(strtok(NULL, " "), NULL, 10);
    r.warmup = strtoll(strtok(NULL, " "), NULL, 10);
    int n = 0;
    for (const char *at; (at = strtok(NULL, " \n"));)
        r.at[n++] = strtoll(at, NULL, 10);
    return r;
}

static void assert_rate(const tn_rate *r, int64_t step, double got, double want)
{
    if (!(fabs(got - want) <= 2e-7 * want + 1e-40))
        fail_msg("%s: rate %lld is %.9g, not %.9g", tn_rate_name(r->policy), (long long)step, got,
                 want);
}

/* Corner values, and the sum over thousands of steps so that none goes unseen. */
static void rates_follow_the_formulas(void **state)
{
    (void)state;
    FILE *f = fopen(lab_golden("rate.txt"), "r");
    assert_non_null(f);
    char line[512];
    tn_rate r = {0};
    long long step;
    double want;
    int schedules = 0, values = 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "rate ", 5) == 0) {
            r = parse_rate(line + 5);
            assert_ok(tn_rate_check(&r));
            schedules++;
        } else if (sscanf(line, "sum %lld %lf", &step, &want) == 2) {
            double sum = 0;
            for (int64_t i = 0; i < step; i++)
                sum += (double)tn_rate_at(&r, i);
            assert_rate(&r, -1, sum, want);
        } else {
            assert_int_equal(sscanf(line, "at %lld %lf", &step, &want), 2);
            assert_rate(&r, step, (double)tn_rate_at(&r, step), want);
            values++;
        }
    }
    fclose(f);
    assert_int_equal(schedules, 18);
    assert_true(values > 200);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    const struct {
        const char *why, *says;
        tn_rate rate;
    } cases[] = {
        {"nothing given", "constant: base is 0", {0}},
        {"base is no number", "constant: base is nan", {.base = (double)NAN}},
        {"base goes up the hill", "constant: base is -1", {.base = -1}},
        {"no gamma", "step: gamma is 0", {.policy = TN_RATE_STEP, .base = 1, .period = 5}},
        {"no period", "step: period is 0", {.policy = TN_RATE_STEP, .base = 1, .gamma = 0.1}},
        {"no at", "multistep: at is empty", {.policy = TN_RATE_MULTISTEP, .base = 1, .gamma = 0.1}},
        {"at falls",
         "multistep: at[1] is 5",
         {.policy = TN_RATE_MULTISTEP, .base = 1, .gamma = 0.1, .at = {9, 5}}},
        {"at twice",
         "multistep: at[2] is 9",
         {.policy = TN_RATE_MULTISTEP, .base = 1, .gamma = 0.1, .at = {5, 9, 9}}},
        {"at before 0",
         "multistep: at[0] is -1",
         {.policy = TN_RATE_MULTISTEP, .base = 1, .gamma = 0.1, .at = {-1}}},
        {"a hole",
         "multistep: at[3] is 7",
         {.policy = TN_RATE_MULTISTEP, .base = 1, .gamma = 0.1, .at = {1, 2, 0, 7}}},
        {"no gamma", "exp: gamma is 0", {.policy = TN_RATE_EXP, .base = 1}},
        {"no gamma", "inv: gamma is 0", {.policy = TN_RATE_INV, .base = 1, .power = 1}},
        {"no power", "inv: power is 0", {.policy = TN_RATE_INV, .base = 1, .gamma = 1}},
        {"no power", "poly: power is 0", {.policy = TN_RATE_POLY, .base = 1, .steps = 5}},
        {"no steps", "poly: steps is 0", {.policy = TN_RATE_POLY, .base = 1, .power = 5}},
        {"no gamma", "sigmoid: gamma is 0", {.policy = TN_RATE_SIGMOID, .base = 1, .period = 5}},
        {"gamma is no number",
         "sigmoid: gamma is inf",
         {.policy = TN_RATE_SIGMOID, .base = 1, .gamma = (double)INFINITY}},
        {"no period", "sigmoid: period is 0", {.policy = TN_RATE_SIGMOID, .base = 1, .gamma = -1}},
        {"no steps", "cosine: steps is 0", {.policy = TN_RATE_COSINE, .base = 1}},
        {"steps below 0",
         "cosine: steps is -3",
         {.policy = TN_RATE_COSINE, .base = 1, .steps = -3}},
        {"warm-up below 0", "constant: warmup is -1", {.base = 1, .warmup = -1}},
        {"no policy", "99 is no policy", {.policy = (tn_rate_policy)99, .base = 1}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(tn_rate_check(&cases[i].rate), TN_ERR_ARGUMENT, cases[i].says);
}

static void policies_have_names(void **state)
{
    (void)state;
    tn_rate_policy p = TN_RATE_CONSTANT;
    for (int i = 0; tn_rate_name((tn_rate_policy)i); i++) {
        assert_ok(tn_rate_find(tn_rate_name((tn_rate_policy)i), &p));
        assert_int_equal(p, i);
    }
    assert_int_equal(p, TN_RATE_COSINE);
    assert_fails(
        tn_rate_find("cosinus", &p), TN_ERR_ARGUMENT,
        "\"cosinus\"; there are constant, step, multistep, exp, inv, poly, sigmoid, cosine");
    assert_int_equal(p, TN_RATE_COSINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_follow_the_formulas),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(policies_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
