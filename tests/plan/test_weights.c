/*
 * Plans of one device that have their weights in common: one memory, whoever changes it.
 */
#include <string.h>

#include "lab_op.h"
#include "plan/lab_weights.h"

enum { STEPS = 4 };

/* Training at one batch and evaluating at others, in either order of making, on each device. */
static void plans_of_one_device_have_one_memory(void **state)
{
    (void)state;
    static const int64_t batches[] = {1, 2, ROWS};
    float want[ROWS * K], y[ROWS * K];
    for (const char *const *device = lab_devices(); *device; device++)
        for (int first = 0; first < 2; first++) {
            lab_weighed n;
            tn_device *d = NULL;
            tn_plan *train = NULL, *test[TN_COUNT(batches)];
            tn_weights *w = NULL;
            lab_build(&n);
            assert_ok(tn_device_open(&d, *device));
            assert_ok(tn_weights_create(&w));
            tn_plan_opts opts = lab_training(&n, w), tests = lab_testing(&n, w, 1);
            if (first) { /* what is tested first begins as the seed has it */
                tests.seed = 7;
                assert_ok(tn_plan_create(&test[0], n.g, d, &tests));
                assert_true(tn_plan_memory(test[0]).params > 0);
            }
            assert_ok(tn_plan_create(&train, n.g, d, &opts));
            assert_true((tn_plan_memory(train).params == 0) == (first == 1));
            for (size_t b = first ? 1 : 0; b < TN_COUNT(batches); b++) {
                tests = lab_testing(&n, w, batches[b]);
                assert_ok(tn_plan_create(&test[b], n.g, d, &tests));
                assert_int_equal(tn_plan_memory(test[b]).params, 0);
            }
            for (int s = 0; s <= STEPS; s++) {
                if (s > 0)
                    assert_ok(lab_step(train, &n));
                lab_want_after(*device, s, want);
                for (size_t b = 0; b < TN_COUNT(batches); b++) {
                    assert_ok(lab_answer(test[b], &n, batches[b], y));
                    lab_near(*device, want, y, (int)batches[b] * K, 2e-5F);
                }
            }
            for (size_t b = 0; b < TN_COUNT(batches); b++)
                tn_plan_destroy(test[b]);
            tn_plan_destroy(train);
            tn_weights_destroy(w);
            tn_device_close(d);
            tn_graph_destroy(n.g);
        }
}

/* Memory of a CPU is the library's own: what a second plan takes of it, to the byte. */
static void a_second_plan_takes_none_for_them(void **state)
{
    (void)state;
    lab_weighed n;
    tn_device *d = NULL;
    tn_plan *train = NULL, *alone = NULL, *shared = NULL;
    tn_weights *w = NULL;
    lab_build(&n);
    assert_ok(tn_device_open(&d, "cpu,reference"));
    assert_ok(tn_weights_create(&w));
    tn_plan_opts opts = lab_training(&n, w), tests = lab_testing(&n, NULL, 1);
    assert_ok(tn_plan_create(&train, n.g, d, &opts));
    assert_ok(tn_plan_create(&alone, n.g, d, &tests));
    tests.weights = w;
    assert_ok(tn_plan_create(&shared, n.g, d, &tests));
    assert_true(tn_plan_memory(alone).params > 0);
    assert_int_equal(tn_plan_memory(shared).params, 0);
    assert_int_equal(tn_plan_memory(shared).total,
                     tn_plan_memory(alone).total - tn_plan_memory(alone).params);
    tn_plan_destroy(shared);
    tests.dry = true;
    assert_ok(tn_plan_create(&shared, n.g, d, &tests));
    assert_int_equal(tn_plan_memory(shared).params, 0);
    tn_plan_destroy(shared);
    tn_plan_destroy(alone);
    tn_plan_destroy(train);
    tn_weights_destroy(w);
    tn_device_close(d);
    tn_graph_destroy(n.g);
}

/* What a plan has made of its weights, to keep it (a copy in half precision, transformed filters), it makes anew after
 * another plan has changed them. */
static void what_is_made_of_them_is_made_anew(void **state)
{
    (void)state;
    enum { WIDE = 8, MANY = 512, PICTURE = WIDE * 12 * 12 };
    static const char *const cpus[] = {"cpu,prefer=winograd", NULL};
    const char *const *const lists[] = {lab_can_prefer() ? cpus : cpus + 1, lab_devices() + 1};
    static float x[PICTURE], weight[WIDE * WIDE * 9], y[MANY], want[MANY];
    for (int i = 0; i < PICTURE; i++)
        x[i] = (float)(i * 7 % 23) / 11 - 1;
    for (size_t i = 0; i < TN_COUNT(weight); i++)
        weight[i] = (float)(i * 5 % 13) / 13 - 0.5F;
    for (size_t l = 0; l < TN_COUNT(lists); l++)
        for (const char *const *device = lists[l]; *device; device++) {
            tn_device *d = NULL;
            tn_graph *g = NULL;
            tn_plan *p[3] = {0};
            tn_weights *w = NULL;
            assert_ok(tn_device_open(&d, *device));
            assert_ok(tn_graph_create(&g));
            assert_ok(tn_weights_create(&w));
            const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(1, WIDE, 12, 12));
            const tn_value v =
                tn_conv2d(g, in, &(tn_conv2d_opts){.name = "conv", .filters = WIDE, .kernel = {3}});
            const tn_value out = tn_dense(g, v, &(tn_dense_opts){.name = "fc", .units = MANY});
            tn_plan_opts opts = {.keep = &out, .num_keep = 1, .seed = 3};
            opts.precision = l == 0 ? TN_PRECISION_F32 : TN_PRECISION_BF16;
            for (int i = 0; i < 3; i++) {
                opts.weights = i < 2 ? w : NULL;
                assert_ok(tn_plan_create(&p[i], g, d, &opts));
                assert_ok(tn_plan_set(p[i], in, (tn_tensor){TN_F32, TN_SHAPE(1, WIDE, 12, 12), x}));
            }
            const tn_tensor made = {TN_F32, TN_SHAPE(WIDE, WIDE, 3, 3), weight};
            const int index = tn_plan_find_param(p[0], "conv.weight");
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 3; i++) {
                    assert_ok(tn_plan_evaluate(p[i]));
                    assert_ok(tn_plan_get(
                        p[i], out, (tn_tensor){TN_F32, TN_SHAPE(1, MANY), i < 2 ? y : want}));
                }
                assert_memory_equal(y, want, sizeof y); /* of the second one */
                weight[round] += 1;
                assert_ok(tn_plan_param_set(p[0], index, TN_PARAM_VALUE, made));
                assert_ok(tn_plan_param_set(p[2], index, TN_PARAM_VALUE, made));
            }
            for (int i = 0; i < 3; i++)
                tn_plan_destroy(p[i]);
            tn_weights_destroy(w);
            tn_graph_destroy(g);
            tn_device_close(d);
        }
}

static void what_is_there_is_not_drawn(void **state)
{
    (void)state;
    lab_weighed n;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    tn_weights *w = NULL;
    tn_shape shape;
    float x[K * FEATURES] = {0.5F}, y[K * FEATURES];
    const tn_tensor fc = {TN_F32, TN_SHAPE(K, FEATURES), x};
    lab_build(&n);
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_weights_create(&w));
    assert_int_equal(tn_weights_count(w), 0);
    assert_ok(tn_weights_set(w, "fc.weight", fc));
    assert_ok(tn_weights_set(w, "of another net", (tn_tensor){TN_F32, TN_SHAPE(2), x}));
    tn_plan_opts opts = lab_training(&n, w);
    assert_ok(tn_plan_create(&p, n.g, d, &opts));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "fc.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(K, FEATURES), y}));
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(tn_weights_count(w), 2 + tn_plan_num_params(p) - 1);
    assert_string_equal(tn_weights_name(w, 0, &shape), "fc.weight");
    assert_int_equal(shape.dim[1], FEATURES);
    assert_null(tn_weights_name(w, 99, NULL));
    tn_plan_destroy(p);

    assert_fails(tn_weights_get(w, "nobody", fc), TN_ERR_ARGUMENT, "weights: there is no nobody");
    assert_fails(tn_weights_set(w, "fc.weight", (tn_tensor){TN_F32, TN_SHAPE(2), x}), TN_ERR_SHAPE,
                 "weights: fc.weight is 3 x 16, not 2");
    assert_fails(tn_weights_get(w, "fc.weight", (tn_tensor){TN_I32, TN_SHAPE(K, FEATURES), x}),
                 TN_ERR_SHAPE, "fc.weight is f32, but the tensor given is i32");
    tn_weights_destroy(w);
    assert_ok(tn_weights_create(&w));
    assert_ok(tn_weights_set(w, "fc.weight", (tn_tensor){TN_F32, TN_SHAPE(2), x}));
    opts.weights = w;
    assert_fails(tn_plan_create(&p, n.g, d, &opts), TN_ERR_SHAPE,
                 "plan: weights: fc.weight is 2, not 3 x 16");
    tn_device_close(d);
    assert_ok(tn_device_open(&d, "cpu:0-1"));
    assert_fails(tn_plan_create(&p, n.g, d, &opts), TN_ERR_UNSUPPORTED, "cpu:0-1 is several");
    tn_device_close(d);
    tn_weights_destroy(w);
    tn_graph_destroy(n.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_of_one_device_have_one_memory),
        cmocka_unit_test(a_second_plan_takes_none_for_them),
        cmocka_unit_test(what_is_made_of_them_is_made_anew),
        cmocka_unit_test(what_is_there_is_not_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
