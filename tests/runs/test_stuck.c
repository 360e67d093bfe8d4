/*
 * What counts as a loss that stands still at ln(classes), and what does not.
 */
#include <math.h>

#include "base/random.h"
#include "lab.h"
#include "runs/guard.h"

/* Noise of a batch, about normal, of deviation 1. */
static double noise(tn_random *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)tn_uniform(tn_random_next(r));
    return sum;
}

/* Losses from step 0 on begin at `from` times ln(classes) and end at `to` times it, with noise of that deviation. */
static const struct {
    const char *why;
    int classes;
    double from, to, deviation;
    bool stuck;
} cases[] = {
    {"dead units: the same answer for all", 1000, 1, 1, 0, true},
    {"so, with what batches differ by", 1000, 1, 1, 0.02, true},
    {"two classes, dead", 2, 1, 1, 0.01, true},
    {"beaten flat, a little above", 10, 1.005, 1.005, 0.02, true},
    {"two classes that are slowly learnt", 2, 1, 0.97, 0.01, false},
    {"two classes, much noise, slowly learnt", 2, 1, 0.9, 0.1, false},
    {"1000 classes, slowly learnt", 1000, 1, 0.99, 0.01, false},
    {"it falls at last, steeply", 10, 1.02, 0.98, 0.01, false},
    {"learnt, and no further", 10, 0.3, 0.3, 0.05, false},
    {"worse than nothing: another trouble", 10, 1.5, 1.5, 0.05, false},
    {"three classes half learnt, no further", 3, 0.9, 0.9, 0.05, false},
};

static bool is_stuck(size_t i, uint64_t seed, int64_t steps, int64_t epoch)
{
    const tn_run_guard g = {.stuck = steps, .classes = cases[i].classes};
    tn_random r = tn_random_begin(seed, TN_RANDOM_TEST, i);
    tn_run_stuck s = {0};
    bool stuck = false;
    for (int64_t k = 0; k < steps; k++) {
        const double at = (double)k / (double)(steps - 1);
        const double share = cases[i].from + at * (cases[i].to - cases[i].from);
        const double loss =
            (share + cases[i].deviation * noise(&r)) * log((double)cases[i].classes);
        stuck = tn_run_is_stuck(&s, &g, epoch, loss);
        assert_true(!stuck || k == steps - 1); /* once, at the end */
    }
    assert_true(epoch == 0 || s.half[0].count == 0); /* and it begins anew */
    return stuck;
}

static void what_stands_still_is_told_from_what_falls(void **state)
{
    (void)state;
    enum { TIMES = 200 };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        for (int64_t steps = 200; steps <= 2000; steps *= 10) {
            int stuck = 0;
            for (uint64_t seed = 0; seed < TIMES; seed++)
                stuck += is_stuck(i, seed, steps, 1);
            /* Chance makes the second half lower by one deviation once in six times. */
            if (cases[i].stuck ? stuck < TIMES * 3 / 4 : stuck > TIMES / 50)
                fail_msg("%s, %d steps: stuck %d times of %d", cases[i].why, (int)steps, stuck,
                         TIMES);
        }
}

static void the_first_epoch_and_few_steps_are_not_judged(void **state)
{
    (void)state;
    tn_run_stuck s = {0};
    const tn_run_guard none = {.classes = 10}, one = {.stuck = 1, .classes = 10};
    assert_false(is_stuck(0, 1, 200, 0));
    for (int i = 0; i < 1000; i++) {
        assert_false(tn_run_is_stuck(&s, &none, 5, log(10)));
        assert_false(tn_run_is_stuck(&s, &one, 5, log(10)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_still_is_told_from_what_falls),
        cmocka_unit_test(the_first_epoch_and_few_steps_are_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
