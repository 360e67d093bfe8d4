/*
 * Runs that diverge: stopped, with the value, the file and the batch at fault; going on without it; gone back to a checkpoint at
 * a lower rate. The same again after a resume.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lab_set.h"
#include "runs/lab_points.h"
#include "runs/lab_run.h"

static void a_run_stops_and_says_where_it_came_from(void **unused)
{
    (void)unused;
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        lab_points l = {.bad = 13};
        const char *folder = lab_make_folder();
        struct stat s;
        assert_ok(lab_points_begin(&l, kind, folder, (tn_run_opts){0}));
        assert_int_equal(lab_points_train(&l, 2, 100), TN_ERR_DIVERGED);
        const int64_t step = tn_plan_updates(l.net.plan);
        lab_assert_has(tn_error(), "first in the output of x (at ");
        lab_assert_has(tn_error(), ", of points[13]");
        lab_points_end(&l, TN_RUN_FAILED);
        const char *line = lab_run_line(folder, "diverged", 0);
        char at[80], kept[80];
        snprintf(at, sizeof at, "\"at\":%lld,\"what\":\"", (long long)step);
        snprintf(kept, sizeof kept, "guilty/step-%08lld", (long long)step);
        lab_assert_has(line, at);
        lab_assert_has(line, "\"part\":\"output\"");
        lab_assert_has(line, "\"value\":\"x\",\"count\":1,");
        lab_assert_has(line, "\"number\":\"nan\"");
        lab_assert_has(line, "\"file\":\"points[13]\",\"files\":[\"points[");
        lab_assert_has(line, kept);
        lab_assert_has(line, "\"did\":\"stop\"}");
        lab_assert_has(lab_run_line(folder, "end", 0), "points[13]");
        static const char *const files[] = {"json", "0.npy", "1.npy"};
        for (size_t i = 0; i < TN_COUNT(files); i++)
            assert_int_equal(stat(lab_path(folder, "%s.%s", kept, files[i]), &s), 0);
        lab_remove(folder);
    }
}

static int64_t count_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

/* Whichever of the two batches of a step it is in: the first one's gradients are in the sum alone when that is seen. */
static void of_several_batches_it_names_the_one(void **unused)
{
    (void)unused;
    const lab_kind *kind;
    int first = 0, found = 0;
    for (int k = 0; (kind = lab_kind_here(k)); k++)
        for (int64_t bad = 11; bad < 13; bad++, found++) {
            lab_points l = {.bad = bad, .accumulate = 2};
            const char *folder = lab_make_folder();
            char file[80], kept[80];
            struct stat s;
            snprintf(file, sizeof file, "\"file\":\"points[%d]\"", (int)bad);
            assert_ok(lab_points_begin(&l, kind, folder,
                                       (tn_run_opts){.guard = {.on = TN_DIVERGED_SKIP}}));
            assert_ok(lab_points_train(&l, 2, 100));
            lab_points_end(&l, TN_RUN_DONE);
            assert_int_equal(lab_run_lines(folder, "diverged", "\"what\":\"loss\",\"loss\":null"),
                             2);
            for (int i = 0; i < 2; i++) {
                const char *line = lab_run_line(folder, "diverged", i);
                lab_assert_has(line, file);
                const int64_t batch = count_of(line, "\"batch\":"),
                              step = count_of(line, "\"at\":");
                assert_true(batch == 2 * (step - 2 * i) || batch == 2 * (step - 2 * i) - 1);
                first += batch % 2;
                snprintf(kept, sizeof kept, "guilty/step-%08lld", (long long)step);
                assert_int_equal(stat(lab_path(folder, "%s.json", kept), &s), 0);
                assert_int_equal(stat(lab_path(folder, "%s.0.npy", kept), &s) == 0, batch % 2 == 0);
            }
            lab_remove(folder);
        }
    assert_true(first > 0 && first < 2 * found);
}

/* Its batch, as if it had never been, in each epoch. */
static void a_run_goes_on_without_a_bad_batch(void **unused)
{
    (void)unused;
    static float want[GUARDED_MOST], got[GUARDED_MOST];
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        lab_points l = {.bad = 13};
        const char *folder = lab_make_folder();
        assert_ok(
            lab_points_begin(&l, kind, folder, (tn_run_opts){.guard = {.on = TN_DIVERGED_SKIP}}));
        assert_ok(lab_points_train(&l, 3, 100));
        lab_points_params(&l, got);
        lab_points_end(&l, TN_RUN_DONE);
        assert_int_equal(lab_run_lines(folder, "diverged", "\"did\":\"skip\""), 3);
        assert_int_equal(lab_run_lines(folder, "epoch", "\"images\":24}"), 3);
        assert_int_equal(lab_run_lines(folder, "step", "\"norm\":"), 3 * POINTS_BATCHES);
        assert_int_equal(lab_run_lines(folder, "step", "\"norm\":null"), 3);
        lab_remove(folder);

        lab_guarded net;
        tn_batch b;
        lab_guarded_open(
            &net, kind,
            (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}), .loss_scale = 1024});
        lab_points_loader(&l);
        for (int epoch = 0; epoch < 3;) {
            const tn_status status = tn_loader_next(l.loader, &b);
            bool bad = false;
            epoch += status == TN_END;
            for (int i = 0; i < GUARDED_ROWS && status == TN_OK; i++)
                bad |= b.item[i] == 13;
            if (status == TN_END || bad)
                continue;
            assert_ok(tn_plan_set(net.plan, net.x, b.array[0]));
            assert_ok(tn_plan_set(net.plan, net.label, b.array[1]));
            assert_ok(tn_plan_run(net.plan));
            assert_ok(tn_plan_update(net.plan, 0.02F));
        }
        memset(want, 0, sizeof want);
        lab_guarded_params(&net, TN_PARAM_VALUE, want);
        assert_memory_equal(want, got, sizeof want);
        tn_loader_close(l.loader);
        lab_guarded_close(&net);
    }
}

static void it_does_not_leave_out_all_there_is(void **unused)
{
    (void)unused;
    lab_points l = {.bad = POINTS_ITEMS};
    const char *folder = lab_make_folder();
    assert_ok(lab_points_begin(&l, lab_kind_here(0), folder,
                               (tn_run_opts){.guard = {.on = TN_DIVERGED_SKIP, .most = 6}}));
    assert_int_equal(lab_points_train(&l, 100, 1000), TN_ERR_DIVERGED);
    lab_assert_has(tn_error(), "as many updates in a row are left out as are allowed");
    assert_int_equal(tn_plan_updates(l.net.plan), 7);
    lab_points_end(&l, TN_RUN_FAILED);
    assert_int_equal(lab_run_lines(folder, "diverged", "\"did\":\"skip\""), 6);
    lab_remove(folder);
}

/* ---- back -------------------------------------------------------------------------------------- */

/* So high that one update is the end, until a guard has seen to it. */
static tn_run_opts high_rate(double factor)
{
    return (tn_run_opts){.set = {.rate_scale = 1e25},
                         .guard = {.on = TN_DIVERGED_BACK, .factor = factor, .most = 2}};
}

static void a_run_goes_back_and_on_at_a_lower_rate(void **unused)
{
    (void)unused;
    static float want[GUARDED_MOST], got[GUARDED_MOST];
    const lab_kind *kind;
    for (int k = 0; (kind = lab_kind_here(k)); k++) {
        lab_points l = {.bad = -1};
        const char *folder = lab_make_folder(), *plain = lab_make_folder();
        if (kind->precision != TN_PRECISION_F32)
            continue;
        assert_ok(lab_points_begin(&l, kind, folder, high_rate(1e-25)));
        assert_ok(lab_points_train(&l, 2, 100));
        lab_points_params(&l, got);
        assert_true(tn_run_current(l.run).set.rate_scale == 1e25 * 1e-25);
        lab_points_end(&l, TN_RUN_DONE);
        assert_int_equal(lab_run_lines(folder, "diverged", NULL), 1);
        lab_assert_has(lab_run_line(folder, "diverged", 0), "\"did\":\"back\",\"to\":0,\"rate\":1");
        assert_int_equal(lab_run_lines(folder, "resume", "\"back\":true"), 1);
        assert_ok(
            lab_points_begin(&l, kind, plain, (tn_run_opts){.set = {.rate_scale = 1e25 * 1e-25}}));
        assert_ok(lab_points_train(&l, 2, 100));
        lab_points_params(&l, want);
        lab_points_end(&l, TN_RUN_DONE);
        assert_memory_equal(want, got, sizeof want);
        lab_remove(plain);
        lab_remove(folder);
    }
}

/* Killed behind that, in a copy of its own: as the one that was not. */
static void a_lower_rate_outlives_the_process(void **unused)
{
    (void)unused;
    static float want[GUARDED_MOST], got[GUARDED_MOST];
    for (int killed = 0; killed < 2; killed++) {
        lab_points l = {.bad = -1};
        const char *folder = lab_make_folder();
        tn_run_opts opts = high_rate(1e-25);
        assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
        assert_ok(lab_points_train(&l, 3, killed ? 3 : 100));
        if (killed) { /* what is not saved is lost */
            lab_points_end(&l, TN_RUN_FAILED);
            opts.resume = true;
            assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
            assert_true(l.orders.set.rate_scale == 1e25 * 1e-25);
            assert_int_equal(tn_plan_updates(l.net.plan), 0);
            assert_ok(lab_points_train(&l, 3, 100));
        }
        lab_points_params(&l, killed ? got : want);
        lab_points_end(&l, TN_RUN_DONE);
        assert_int_equal(lab_run_lines(folder, "diverged", NULL), 1);
        lab_remove(folder);
    }
    assert_memory_equal(want, got, sizeof want);
}

static void it_goes_back_so_often_and_no_more(void **unused)
{
    (void)unused;
    lab_points l = {.bad = -1};
    const char *folder = lab_make_folder();
    assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, high_rate(1)));
    assert_int_equal(lab_points_train(&l, 2, 100), TN_ERR_DIVERGED);
    lab_assert_has(tn_error(), "it has gone back as often as is allowed");
    lab_points_end(&l, TN_RUN_FAILED);
    assert_int_equal(lab_run_lines(folder, "diverged", "\"did\":\"back\""), 2);
    assert_int_equal(lab_run_lines(folder, "diverged", "\"did\":\"stop\""), 1);
    lab_remove(folder);
}

/* ---- no way on --------------------------------------------------------------------------------- */

/* All logits are the same for ever: the loss of each epoch but the first is judged. */
static void a_loss_that_is_stuck_ends_a_run(void **unused)
{
    (void)unused;
    static float zeros[GUARDED_CLASSES * 16];
    lab_points l = {.bad = -1};
    const char *folder = lab_make_folder();
    const tn_run_guard guard = {
        .on = TN_DIVERGED_SKIP, .stuck = 2 * POINTS_BATCHES, .classes = GUARDED_CLASSES};
    const tn_run_opts opts = {.guard = guard, .set = {.rate_scale = TN_ZERO}};
    assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
    assert_ok(tn_plan_param_set(l.net.plan, tn_plan_find_param(l.net.plan, "fc2.weight"),
                                TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(GUARDED_CLASSES, 16), zeros}));
    assert_int_equal(lab_points_train(&l, 10, 100), TN_ERR_DIVERGED);
    lab_assert_has(tn_error(), "step 12: the loss has stood still at ln(4), as of a net that tells "
                               "nothing apart, for 8 steps");
    lab_points_end(&l, TN_RUN_FAILED);
    lab_assert_has(lab_run_line(folder, "diverged", 0), "\"what\":\"stuck\",\"loss\":1.38629");
    lab_assert_has(lab_run_line(folder, "diverged", 0), "\"kept\":null,\"did\":\"stop\"}");
    lab_remove(folder);
}

/* Validations that are told as they come: the best is the second. */
static void one_epoch(lab_points *l, double loss)
{
    const tn_run_score val = {.loss = loss, .images = 1};
    assert_ok(tn_run_epoch(l->run, NULL, &val));
}

static void patience_ends_a_run_also_after_a_resume(void **unused)
{
    (void)unused;
    static const double losses[] = {3, 2, 2.5, NAN, 2};
    for (size_t cut = 0; cut < TN_COUNT(losses); cut++) {
        lab_points l = {.bad = -1};
        const char *folder = lab_make_folder();
        tn_run_opts opts = {.set = {.patience = 3}};
        assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
        for (size_t i = 0; i < TN_COUNT(losses); i++) {
            assert_false(tn_run_current(l.run).enough);
            one_epoch(&l, losses[i]);
            if (i != cut)
                continue;
            lab_points_end(&l, TN_RUN_STOPPED);
            opts.resume = true;
            assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
        }
        assert_true(tn_run_current(l.run).enough);
        assert_int_equal(tn_run_best_so_far(l.run).epoch, 2);
        lab_points_end(&l, TN_RUN_DONE);
        assert_int_equal(lab_run_lines(folder, "end", "\"reason\":\"no better epoch in 3\""), 1);
        lab_remove(folder);
    }
}

/* ---- exactly ----------------------------------------------------------------------------------- */

/* Stopped after so many updates and resumed, it comes to the same numbers, and tells of the same. */
static void a_resumed_run_leaves_out_the_same(void **unused)
{
    (void)unused;
    static float want[GUARDED_MOST], got[GUARDED_MOST];
    for (int64_t cut = 0; cut < 10; cut += 3) {
        lab_points l = {.bad = 13};
        const char *folder = lab_make_folder();
        tn_run_opts opts = {.guard = {.on = TN_DIVERGED_SKIP, .most = 2}, .save_steps = 1};
        assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
        assert_ok(lab_points_train(&l, 3, cut ? cut : 100));
        if (cut) {
            lab_points_end(&l, TN_RUN_FAILED);
            opts.resume = true;
            assert_ok(lab_points_begin(&l, lab_kind_here(0), folder, opts));
            assert_ok(lab_points_train(&l, 3, 100));
        }
        lab_points_params(&l, cut ? got : want);
        lab_points_end(&l, TN_RUN_DONE);
        assert_int_equal(lab_run_lines(folder, "epoch", "\"images\":24}"), 3);
        lab_remove(folder);
        if (cut)
            assert_memory_equal(want, got, sizeof want);
    }
}

static void guards_that_make_no_sense_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        tn_run_guard guard;
        const char *error;
    } odd[] = {
        {{.on = (tn_on_divergence)7}, "on 7"},
        {{.factor = 2}, "factor 2"},
        {{.most = -1}, "most -1"},
        {{.stuck = 10}, "classes, of which there are 0"},
    };
    for (size_t i = 0; i < TN_COUNT(odd); i++) {
        lab_points l = {.bad = -1};
        const char *folder = lab_make_folder();
        assert_fails(
            lab_points_begin(&l, lab_kind_here(0), folder, (tn_run_opts){.guard = odd[i].guard}),
            TN_ERR_ARGUMENT, odd[i].error);
        lab_points_end(&l, TN_RUN_FAILED);
        lab_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_stops_and_says_where_it_came_from),
        cmocka_unit_test(of_several_batches_it_names_the_one),
        cmocka_unit_test(a_run_goes_on_without_a_bad_batch),
        cmocka_unit_test(it_does_not_leave_out_all_there_is),
        cmocka_unit_test(a_run_goes_back_and_on_at_a_lower_rate),
        cmocka_unit_test(a_lower_rate_outlives_the_process),
        cmocka_unit_test(it_goes_back_so_often_and_no_more),
        cmocka_unit_test(a_loss_that_is_stuck_ends_a_run),
        cmocka_unit_test(patience_ends_a_run_also_after_a_resume),
        cmocka_unit_test(a_resumed_run_leaves_out_the_same),
        cmocka_unit_test(guards_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
