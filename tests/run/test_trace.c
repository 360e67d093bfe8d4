/*
 * Profiles of plans: every step of the plan is in them, once a run, within its pass; on devices that work on their own their times come
 * from stamps; while none is taken nothing is kept, and what was recorded is replayed again after.
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/profile.h>

#include "base/trace.h"
#include "group/lab_group.h"
#include "lab_sim.h"

enum { STEPS = 3 };

/* How often it is in the file. */
static int count(const char *text, const char *word)
{
    int found = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        found++;
    return found;
}

static char *write_profile(const tn_profile *p)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    assert_ok(tn_profile_write(p, f));
    fclose(f);
    return text;
}

/* Some steps on that device, the later of them replayed if it can; a profile of STEPS of them. */
static tn_profile *take(lab_group *s, const char *device)
{
    tn_profile *p = NULL;
    float loss;
    const tn_plan_opts opts = {.optim = tn_sgd(NULL), .precision = TN_PRECISION_F32};
    assert_ok(lab_group_open(s, device, LAB_LENET, opts));
    for (int i = 0; i < 3; i++)
        assert_ok(lab_group_step(s, i, 1));
    assert_ok(tn_profile_begin(&p, NULL));
    for (int i = 0; i < STEPS; i++)
        assert_ok(lab_group_step(s, i, 1));
    assert_ok(lab_group_loss(s, &loss));
    tn_profile_stop(p);
    return p;
}

/* Each step of the plan has been seen, STEPS times on each device. */
static void assert_whole(tn_profile *p, const lab_group *s, int devices)
{
    const int steps = tn_plan_num_steps(s->plan), layers = tn_profile_num_layers(p);
    int64_t all = 0;
    for (int i = 0; i < layers; i++) {
        tn_profile_layer l;
        assert_ok(tn_profile_layer_at(p, i, &l));
        assert_true(l.count % STEPS == 0 && l.seconds >= 0);
        all += l.count;
    }
    assert_int_equal(all, STEPS * steps * devices);
    assert_int_equal(tn_profile_lost(p), 0);
}

static void a_profile_has_each_step(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int devices;
    } cases[] = {{"cpu", 1}, {"cpu:0-1", 2}, {"sim:0", 1}, {"sim:0-1", 2}};
    const lab_sim *sim = lab_find_sim();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const bool simulated = strncmp(cases[i].name, "sim", 3) == 0;
        lab_group s;
        if (simulated && !sim)
            continue;
        if (simulated)
            sim->set_devices(2);
        print_message("%s\n", cases[i].name);
        tn_profile *p = take(&s, cases[i].name);
        assert_whole(p, &s, cases[i].devices);
        char *text = write_profile(p);
        assert_int_equal(count(text, "\"cat\":\"step\""), STEPS);
        assert_int_equal(count(text, "\"name\":\"update\",\"ts\""), STEPS);
        assert_int_equal(count(text, "\"cat\":\"pass\",\"name\":\"backward\""),
                         STEPS * cases[i].devices);
        assert_true(count(text, "\"cat\":\"copy\"") >= STEPS * cases[i].devices);
        assert_true(cases[i].devices == 1 || count(text, "\"cat\":\"sum\"") >= STEPS);
        free(text);
        const int64_t spans = tn_profile_spans(p);
        assert_ok(lab_group_step(&s, 0, 1));
        assert_int_equal(tn_profile_spans(p), spans); /* it was stopped */
        tn_profile_destroy(p);
        lab_group_close(&s);
        if (simulated)
            sim->check_leaks();
    }
}

/* Recorded before, and not in vain. */
static void recordings_are_replayed_again(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    lab_group s;
    float loss;
    tn_profile *p = take(&s, "sim:0");
    assert_ok(lab_group_loss(&s, &loss));
    sim->trace_begin();
    assert_ok(lab_group_step(&s, 0, 1));
    assert_int_equal(sim->trace_calls("cudaGraphLaunch"), 1);
    assert_int_equal(sim->trace_calls("cudaEventElapsedTime"), 0);
    tn_profile_destroy(p);
    lab_group_close(&s);
    sim->check_leaks();
}

/* Of two plans on one device, which is done with the first for a while before the second comes, and then the first again. */
static void plans_of_a_device_keep_their_times(void **unused)
{
    (void)unused;
    enum { PAUSE = 100000 /* microseconds */ };
    lab_need_sim(sim);
    lab_group s, other;
    tn_profile *p = NULL;
    float loss;
    assert_ok(lab_group_open(&s, "sim:0", LAB_LENET, (tn_plan_opts){.optim = tn_sgd(NULL)}));
    other = s;
    assert_ok(tn_plan_create(&other.plan, s.g, s.device,
                             &(tn_plan_opts){.loss = s.loss.loss, .optim = tn_sgd(NULL)}));
    assert_ok(lab_group_step(&other, 0, 1));
    assert_ok(tn_profile_begin(&p, NULL));
    assert_ok(lab_group_step(&s, 0, 1));
    nanosleep(&(struct timespec){.tv_nsec = PAUSE * 1000L}, NULL);
    assert_ok(lab_group_step(&other, 1, 1));
    assert_ok(lab_group_step(&s, 2, 1));
    assert_ok(lab_group_loss(&s, &loss));
    assert_ok(lab_group_loss(&other, &loss));
    tn_profile_stop(p);
    char *text = write_profile(p);
    const char *const pass = "\"cat\":\"pass\",\"name\":\"forward\",\"ts\":";
    double begins[8], first = INFINITY;
    int passes = 0, late = 0;
    for (const char *at = text; passes < 8 && (at = strstr(at, pass)); passes++) {
        begins[passes] = strtod(at += strlen(pass), NULL);
        first = fmin(first, begins[passes]);
    }
    for (int i = 0; i < passes; i++)
        late += begins[i] >= first + PAUSE;
    assert_int_equal(passes, 3);
    assert_int_equal(late, 2);
    free(text);
    tn_profile_destroy(p);
    tn_plan_destroy(other.plan);
    lab_group_close(&s);
    sim->check_leaks();
}

/* The same numbers with it and without. */
static void a_profile_changes_nothing(void **unused)
{
    (void)unused;
    lab_group s;
    float with, without;
    tn_profile *p = take(&s, "cpu");
    assert_ok(lab_group_loss(&s, &with));
    tn_profile_destroy(p);
    lab_group_close(&s);
    assert_ok(lab_group_open(&s, "cpu", LAB_LENET,
                             (tn_plan_opts){.optim = tn_sgd(NULL), .precision = TN_PRECISION_F32}));
    for (int i = 0; i < 3; i++)
        assert_ok(lab_group_step(&s, i, 1));
    for (int i = 0; i < STEPS; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_ok(lab_group_loss(&s, &without));
    lab_group_close(&s);
    assert_true(with == without);
}

/* Layers whose names are long and begin alike are two. */
static void long_names_are_told_apart(void **unused)
{
    (void)unused;
    static const char *const names[] = {
        "/backbone/encoder/layers/encoder_layer_0/self_attention/output/dense",
        "/backbone/encoder/layers/encoder_layer_0/self_attention/output/bias"};
    tn_profile *p = NULL;
    tn_profile_layer l[2];
    assert_ok(tn_profile_begin(&p, NULL));
    for (int i = 0; i < 4; i++)
        tn_trace(&(tn_trace_span){.kind = "forward",
                                  .on = "cpu",
                                  .name = names[i % 2],
                                  .detail = "dense",
                                  .begin = tn_now(),
                                  .end = tn_now()});
    tn_profile_stop(p);
    assert_int_equal(tn_profile_num_layers(p), 2);
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_profile_layer_at(p, i, &l[i]));
        assert_int_equal(l[i].count, 2);
        assert_non_null(strstr(l[i].node, i ? "/output/bias" : "/output/dense"));
    }
    tn_profile_destroy(p);
}

static void there_is_one_and_it_has_an_end(void **unused)
{
    (void)unused;
    tn_profile *p = NULL, *other = NULL;
    tn_profile_layer l;
    lab_group s;
    float loss;
    assert_ok(tn_profile_begin(&p, &(tn_profile_opts){.most = 7}));
    assert_fails(tn_profile_begin(&other, NULL), TN_ERR_ARGUMENT, "another is being taken");
    assert_ok(lab_group_open(&s, "cpu", LAB_LENET, (tn_plan_opts){.optim = tn_sgd(NULL)}));
    assert_ok(lab_group_step(&s, 0, 1));
    assert_ok(lab_group_loss(&s, &loss));
    assert_int_equal(tn_profile_spans(p), 7);
    assert_true(tn_profile_lost(p) > 0);
    lab_group_close(&s);
    assert_true(tn_profile_num_layers(p) < 7);
    assert_fails(tn_profile_layer_at(p, 7, &l), TN_ERR_ARGUMENT, "layer 7 of");
    tn_profile_destroy(p);
    assert_ok(tn_profile_begin(&p, NULL));
    assert_int_equal(tn_profile_spans(p), 0);
    tn_profile_destroy(p);
    assert_fails(tn_profile_begin(&p, &(tn_profile_opts){.most = -1}), TN_ERR_ARGUMENT, "-1 spans");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_has_each_step),
        cmocka_unit_test(recordings_are_replayed_again),
        cmocka_unit_test(plans_of_a_device_keep_their_times),
        cmocka_unit_test(a_profile_changes_nothing),
        cmocka_unit_test(long_names_are_told_apart),
        cmocka_unit_test(there_is_one_and_it_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
