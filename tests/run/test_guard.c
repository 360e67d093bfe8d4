/*
 * The norm of gradients, and updates that are left out because it is not finite: as if their runs had never been.
 */
#include <math.h>
#include <string.h>

#include "run/lab_guarded.h"

static tn_optim momentum(void)
{
    return tn_sgd(&(tn_sgd_opts){.momentum = 0.9F, .weight_decay = 0.01F});
}

static tn_optim adam(void)
{
    return tn_adam(NULL);
}

static const struct {
    const char *why;
    tn_optim (*make)(void);
    int slots, accumulate;
    double ema;
} ways[] = {
    {"what momentum keeps", momentum, 1, 1, 0},
    {"Adam counts only the updates that are made", adam, 2, 1, 0},
    {"averages", momentum, 1, 1, 0.9},
    {"one bad run of two spoils the update of both", momentum, 1, 2, 0},
};

/* Batches 0, 1, ...; `bad`: and a bad update before number 3 and before number 5. */
static double train(const lab_kind *kind, size_t way, bool bad, lab_state *state)
{
    const tn_plan_opts opts = {.optim = ways[way].make(),
                               .guard = true,
                               .accumulate = ways[way].accumulate,
                               .loss_scale = 1024,
                               .ema = ways[way].ema};
    lab_guarded s;
    float norm;
    int64_t skipped, runs;
    double loss;
    lab_guarded_open(&s, kind, opts);
    for (int i = 0; i < 7; i++)
        for (int again = bad && (i == 3 || i == 5); again >= 0; again--) {
            for (int k = 0; k < opts.accumulate; k++) {
                lab_guarded_set(&s, i * opts.accumulate + k, again && k == 0);
                assert_ok(tn_plan_run(s.plan));
            }
            assert_ok(tn_plan_update(s.plan, 0.05F));
            if (!again && i != 5)
                continue; /* so that steps are also replayed without anybody looking */
            assert_ok(tn_plan_gradient_norm(s.plan, &norm));
            assert_true(again ? !isfinite(norm) : norm > 0 && isfinite(norm));
        }
    assert_ok(tn_plan_skipped(s.plan, &skipped));
    assert_int_equal(skipped, bad ? 2 : 0);
    assert_int_equal(tn_plan_updates(s.plan), bad ? 9 : 7);
    lab_guarded_state(&s, &opts, ways[way].slots, state);
    assert_ok(tn_plan_take_sum(s.plan, s.loss, &loss, &runs));
    assert_int_equal(runs, 7 * opts.accumulate);
    lab_guarded_close(&s);
    return loss;
}

static void an_update_left_out_leaves_no_trace(void **unused)
{
    (void)unused;
    static lab_state want, got;
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++)
        for (size_t i = 0; i < TN_COUNT(ways); i++) {
            if (kind->precision == TN_PRECISION_F16 && ways[i].accumulate > 1)
                continue; /* the other run of it would be of another scale */
            const double loss = train(kind, i, false, &want);
            if (train(kind, i, true, &got) != loss || memcmp(&want, &got, sizeof want) != 0)
                fail_msg("%s, %s", kind->device, ways[i].why);
            for (size_t j = 0; j < got.values; j++)
                assert_true(isfinite(got.value[j]));
        }
}

/* It is the norm that clipping sees, and of the gradients that a program reads. */
static void the_norm_is_that_of_the_gradients(void **unused)
{
    (void)unused;
    static float g[GUARDED_MOST];
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        float norm[3], last = 0;
        for (int way = 0; way < 3; way++) {
            lab_guarded s;
            lab_guarded_open(&s, kind,
                             (tn_plan_opts){.optim = momentum(),
                                            .gradient_norm = way == 0,
                                            .clip_norm = way == 1 ? 1e6F : 0,
                                            .guard = way == 2,
                                            .loss_scale = 1024});
            for (int i = 0; i < 4; i++)
                lab_guarded_step(&s, i, false);
            lab_guarded_set(&s, 4, false);
            assert_ok(tn_plan_run(s.plan));
            const size_t count = lab_guarded_params(&s, TN_PARAM_GRADIENT, g);
            double sum = 0;
            for (size_t i = 0; i < count; i++)
                sum += (double)g[i] * (double)g[i];
            assert_ok(tn_plan_update(s.plan, 0.05F));
            assert_ok(tn_plan_gradient_norm(s.plan, &norm[way]));
            assert_true(fabs((double)norm[way] - sqrt(sum)) < 1e-6 * sqrt(sum));
            assert_true(way == 0 || norm[way] == last);
            last = norm[way];
            lab_guarded_close(&s);
        }
    }
}

static void what_is_not_measured_is_not_told(void **unused)
{
    (void)unused;
    lab_guarded s;
    float norm;
    lab_guarded_open(&s, lab_kind_here(0), (tn_plan_opts){.optim = momentum()});
    lab_guarded_step(&s, 0, false);
    assert_fails(tn_plan_gradient_norm(s.plan, &norm), TN_ERR_ARGUMENT,
                 "only computed with clip_norm, gradient_norm or guard");
    lab_guarded_step(&s, 1, true); /* nobody guards it */
    float value[GUARDED_MOST];
    lab_guarded_params(&s, TN_PARAM_VALUE, value);
    assert_true(isnan(value[0]));
    lab_guarded_close(&s);
}

static void options_that_make_no_sense_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        tn_plan_opts opts;
        const char *error;
    } odd[] = {
        {{.ema = 1}, "ema is 1, not from 0 to below 1"},
        {{.ema = -0.5}, "ema is -0.5"},
        {{.ema = NAN}, "ema is nan"},
        {{.ema_warmup = true}, "ema_warmup needs an ema"},
        {{.ema = 0.9}, "ema needs a loss and an optimizer"},
        {{.guard = true}, "guard needs a loss and an optimizer"},
        {{.gradient_norm = true}, "gradient_norm needs a loss and an optimizer"},
    };
    lab_guarded s;
    tn_plan *plan = NULL;
    lab_guarded_open(&s, lab_kind_here(0), (tn_plan_opts){.optim = momentum()});
    for (size_t i = 0; i < TN_COUNT(odd); i++) {
        tn_plan_opts opts = odd[i].opts;
        opts.loss = s.loss;
        assert_fails(tn_plan_create(&plan, s.g, s.device, &opts), TN_ERR_ARGUMENT, odd[i].error);
    }
    assert_null(plan);
    lab_guarded_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_left_out_leaves_no_trace),
        cmocka_unit_test(the_norm_is_that_of_the_gradients),
        cmocka_unit_test(what_is_not_measured_is_not_told),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
