/*
 * Plans of several devices that have their weights in common: copies that are never old, whoever changed them, in one thread
 * or several; and who may train.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "lab_op.h"
#include "plan/lab_weights.h"

enum { STEPS = 4 };

static void other_devices_have_what_is_newest(void **state)
{
    (void)state;
    float want[ROWS * K], y[ROWS * K];
    for (const char *const *device = lab_devices(); *device; device++) {
        lab_weighed n;
        tn_device *d = NULL, *cpu = NULL;
        tn_plan *train = NULL, *test = NULL;
        tn_weights *w = NULL;
        lab_build(&n);
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_device_open(&cpu, "cpu,reference"));
        assert_ok(tn_weights_create(&w));
        tn_plan_opts opts = lab_training(&n, w), tests = lab_testing(&n, w, 2);
        assert_ok(tn_plan_create(&train, n.g, d, &opts));
        assert_ok(tn_plan_create(&test, n.g, cpu, &tests));
        assert_true(tn_plan_memory(test).params > 0);
        for (int s = 0; s <= STEPS; s++) {
            if (s > 0)
                assert_ok(lab_step(train, &n));
            lab_want_after(*device, s, want);
            assert_ok(lab_answer(test, &n, 2, y));
            lab_near(*device, want, y, 2 * K, 2e-5F);
        }
        /* And back: what is set through the one is what the other trains on. */
        float bias[K] = {5, 6, 7}, now[K];
        const tn_tensor t = {TN_F32, TN_SHAPE(K), bias};
        assert_ok(tn_plan_param_set(test, tn_plan_find_param(test, "fc.bias"), TN_PARAM_VALUE, t));
        assert_ok(lab_step(train, &n));
        assert_ok(tn_weights_get(w, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(K), now}));
        lab_near("fc.bias", bias, now, K, 0.02F);
        /* The device goes, and what it had is there. */
        tn_plan_destroy(train);
        tn_device_close(d);
        float last[K];
        assert_ok(tn_weights_get(w, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(K), last}));
        assert_memory_equal(now, last, sizeof now);
        tn_weights_destroy(w); /* the plan still has them */
        assert_ok(lab_answer(test, &n, 2, y));
        tn_plan_destroy(test);
        tn_device_close(cpu);
        tn_graph_destroy(n.g);
    }
}

typedef struct pair {
    lab_weighed n;
    tn_plan *plan;
    tn_weights *weights;
    atomic_bool done;
} pair;

static void *train_on(void *arg)
{
    pair *p = arg;
    for (int i = 0; i < 40; i++)
        if (lab_step(p->plan, &p->n) != TN_OK)
            return p;
    return NULL;
}

static void threads_train_and_evaluate(void **state)
{
    (void)state;
    lab_weighed n;
    tn_device *d[2] = {0};
    tn_plan *train = NULL, *test = NULL;
    tn_weights *w = NULL;
    pthread_t thread;
    void *failed;
    float want[ROWS * K], y[ROWS * K];
    lab_build(&n);
    assert_ok(tn_weights_create(&w));
    for (int i = 0; i < 2; i++)
        assert_ok(tn_device_open(&d[i], "cpu,threads=1"));
    tn_plan_opts opts = lab_training(&n, w), tests = lab_testing(&n, w, 2);
    assert_ok(tn_plan_create(&train, n.g, d[0], &opts));
    assert_ok(tn_plan_create(&test, n.g, d[1], &tests));
    pair p = {.n = n, .plan = train};
    assert_int_equal(pthread_create(&thread, NULL, train_on, &p), 0);
    for (int i = 0; i < 40; i++) {
        assert_ok(lab_answer(test, &n, 2, y));
        assert_true(isfinite(y[0]));
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    lab_want_after("cpu,threads=1", 40, want);
    assert_ok(lab_answer(test, &n, 2, y));
    lab_near("two threads", want, y, 2 * K, 1e-5F);
    tn_plan_destroy(train);
    tn_plan_destroy(test);
    tn_weights_destroy(w);
    tn_device_close(d[0]);
    tn_device_close(d[1]);
    tn_graph_destroy(n.g);
}

/* A device comes and goes, with the plan that trained there. */
static void *come_and_go(void *arg)
{
    pair *p = arg;
    tn_plan_opts opts = lab_training(&p->n, p->weights);
    tn_status status = TN_OK;
    for (int i = 0; i < 40 && status == TN_OK; i++) {
        tn_device *d = NULL;
        tn_plan *plan = NULL;
        status = tn_device_open(&d, "cpu,threads=1");
        if (status == TN_OK)
            status = tn_plan_create(&plan, p->n.g, d, &opts);
        for (int s = 0; s < STEPS && status == TN_OK; s++)
            status = lab_step(plan, &p->n);
        tn_plan_destroy(plan);
        tn_device_close(d);
    }
    atomic_store(&p->done, true);
    return status == TN_OK ? NULL : p;
}

static void a_device_may_go_while_others_read(void **state)
{
    (void)state;
    pair p = {0};
    tn_device *d = NULL;
    tn_plan *test = NULL;
    pthread_t thread;
    void *failed;
    float y[2 * K], bias[K];
    lab_build(&p.n);
    assert_ok(tn_weights_create(&p.weights));
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    tn_plan_opts tests = lab_testing(&p.n, p.weights, 2);
    assert_ok(tn_plan_create(&test, p.n.g, d, &tests));
    assert_int_equal(pthread_create(&thread, NULL, come_and_go, &p), 0);
    while (!atomic_load(&p.done)) {
        assert_ok(lab_answer(test, &p.n, 2, y));
        assert_ok(tn_weights_get(p.weights, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(K), bias}));
        assert_true(isfinite(y[0]) && isfinite(bias[0]));
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    tn_plan_destroy(test);
    tn_weights_destroy(p.weights);
    tn_device_close(d);
    tn_graph_destroy(p.n.g);
}

/* ---- who trains, and who begins --------------------------------------------------------------------- */

static void plans_of_one_device_may_all_train(void **state)
{
    (void)state;
    lab_weighed n;
    tn_device *d = NULL, *other = NULL;
    tn_plan *p[3] = {0};
    tn_weights *w = NULL;
    float before[K * FEATURES], after[K * FEATURES], bias[K] = {1, 2, 3}, same[K];
    const tn_tensor t = {TN_F32, TN_SHAPE(K, FEATURES), before};
    lab_build(&n);
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_device_open(&other, "cpu,threads=1"));
    assert_ok(tn_weights_create(&w));
    tn_plan_opts opts = lab_training(&n, w);
    assert_ok(tn_plan_create(&p[0], n.g, d, &opts));
    opts.freeze = "fc.bias"; /* trained parameters lie in other places now */
    assert_ok(tn_plan_create(&p[1], n.g, d, &opts));
    opts.freeze = NULL;
    assert_ok(tn_plan_create(&p[2], n.g, other, &opts));
    assert_ok(lab_step(p[0], &n));
    assert_ok(tn_weights_set(w, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(K), bias}));
    assert_ok(tn_weights_get(w, "fc.weight", t));
    assert_ok(lab_step(p[1], &n));
    assert_ok(tn_weights_get(w, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(K), same}));
    assert_memory_equal(bias, same, sizeof bias);
    assert_ok(tn_weights_get(w, "fc.weight", (tn_tensor){TN_F32, TN_SHAPE(K, FEATURES), after}));
    assert_true(memcmp(before, after, sizeof after) != 0);
    lab_near("a step of Adam", before, after, K * FEATURES, 0.0101F);
    assert_fails(
        lab_step(p[2], &n), TN_ERR_ARGUMENT,
        "weights: a plan on cpu,threads=1 trains them; on cpu,threads=1 another would undo "
        "its updates");
    tn_plan_destroy(p[0]);
    assert_fails(lab_step(p[2], &n), TN_ERR_ARGUMENT, "would undo its updates");
    tn_plan_destroy(p[1]);
    assert_ok(lab_step(p[2], &n)); /* the others have gone */
    tn_plan_destroy(p[2]);
    tn_weights_destroy(w);
    tn_device_close(d);
    tn_device_close(other);
    tn_graph_destroy(n.g);
}

static tn_status all_of_it(void *unused)
{
    (void)unused;
    lab_weighed n;
    tn_device *d = NULL, *other = NULL;
    tn_plan *train = NULL, *test = NULL, *far = NULL;
    tn_weights *w = NULL;
    float y[2 * K];
    lab_build(&n);
    tn_plan_opts opts = lab_training(&n, NULL), tests = lab_testing(&n, NULL, 2);
    tn_status status = n.g ? tn_weights_create(&w) : TN_ERR_MEMORY;
    opts.weights = tests.weights = w;
    if (status == TN_OK)
        status = tn_device_open(&d, "cpu,reference");
    if (status == TN_OK)
        status = tn_device_open(&other, "cpu,reference");
    if (status == TN_OK)
        status = tn_plan_create(&train, n.g, d, &opts);
    if (status == TN_OK)
        status = tn_plan_create(&test, n.g, d, &tests);
    if (status == TN_OK)
        status = tn_plan_create(&far, n.g, other, &tests);
    if (status == TN_OK)
        status = lab_step(train, &n);
    if (status == TN_OK)
        status = lab_answer(far, &n, 2, y);
    tn_weights_destroy(w);
    tn_plan_destroy(train);
    tn_plan_destroy(far);
    tn_plan_destroy(test);
    tn_device_close(other);
    tn_device_close(d);
    tn_graph_destroy(n.g);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(all_of_it, NULL) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_devices_have_what_is_newest),
        cmocka_unit_test(threads_train_and_evaluate),
        cmocka_unit_test(a_device_may_go_while_others_read),
        cmocka_unit_test(plans_of_one_device_may_all_train),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
