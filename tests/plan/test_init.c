/*
 * How parameters start: the distribution of each kind, and what the numbers depend on.
 */
#include <math.h>
#include <string.h>

#include "lab.h"

enum { IN = 300, OUT = 500, COUNT = IN * OUT };

/* The weights that a dense layer of that name starts with. */
static void start(float *w, const char *name, tn_init init, uint64_t seed, bool second_layer)
{
    tn_graph *g = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, IN));
    if (second_layer)
        x = tn_dense(g, x, &(tn_dense_opts){.name = "before", .units = IN});
    x = tn_dense(g, x, &(tn_dense_opts){.name = name, .units = OUT, .weight = {.init = init}});
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &x, .num_keep = 1, .seed = seed}));
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, full), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(OUT, IN), w}));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_graph_destroy(g);
}

static void distributions(void **state)
{
    (void)state;
    const double he = sqrt(2.0 / IN), xavier = sqrt(6.0 / (IN + OUT)), fan = 1 / sqrt(IN);
    const struct {
        tn_init init;
        double deviation, bound; /* bound 0: a normal distribution */
        const char *why;
    } cases[] = {
        {{TN_INIT_DEFAULT, 0}, he, 0, "He is what weights get by default"},
        {{TN_INIT_HE, 0}, he, 0, "He"},
        {{TN_INIT_NORMAL, 0.01f}, 0.01, 0, "normal"},
        {{TN_INIT_UNIFORM, 0.25f}, 0.25 / sqrt(3), 0.25, "uniform"},
        {{TN_INIT_XAVIER, 0}, xavier / sqrt(3), xavier, "Xavier"},
        {{TN_INIT_FAN_IN, 0}, fan / sqrt(3), fan, "as PyTorch's layers"},
        {{TN_INIT_FAN_IN, sqrtf(3)}, fan, fan * sqrt(3), "Caffe's xavier"},
        {{TN_INIT_CONSTANT, 0.5f}, 0, 0.5, "constant"},
    };
    static float w[COUNT];
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        double sum = 0, squares = 0, fourth = 0, largest = 0;
        print_message("%s\n", cases[c].why);
        start(w, "fc", cases[c].init, 3, false);
        for (int i = 0; i < COUNT; i++) {
            sum += (double)w[i];
            largest = fmax(largest, fabs((double)w[i]));
        }
        const double mean = sum / COUNT, sigma = cases[c].deviation;
        for (int i = 0; i < COUNT; i++) {
            const double z = (double)w[i] - mean;
            squares += z * z;
            fourth += z * z * z * z;
        }
        const double variance = squares / COUNT;
        assert_true(fabs(sqrt(variance) - sigma) <= 0.01 * sigma);
        if (sigma == 0) {
            assert_true(mean == 0.5);
            continue;
        }
        assert_true(fabs(mean) < 0.015 * sigma); /* six times its own deviation */
        const double kurtosis = fourth / COUNT / (variance * variance);
        if (cases[c].bound > 0) {
            assert_true(largest <= cases[c].bound * 1.000001 && largest > cases[c].bound * 0.999);
            assert_true(fabs(kurtosis - 1.8) < 0.02);
        } else {
            assert_true(largest > 3.8 * sigma && largest < 6 * sigma);
            assert_true(fabs(kurtosis - 3) < 0.08);
        }
    }
}

static void numbers_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    static float a[COUNT], b[COUNT];
    const tn_init he = {TN_INIT_HE, 0};
    start(a, "fc", he, 3, false);
    start(b, "fc", he, 3, true);
    assert_memory_equal(a, b, sizeof a); /* a layer before it changes nothing */
    start(b, "fc", he, 4, false);
    assert_true(a[0] != b[0] && a[COUNT - 1] != b[COUNT - 1]);
    start(b, "fd", he, 3, false);
    assert_true(a[0] != b[0] && a[COUNT - 1] != b[COUNT - 1]);
}

static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_dense(
        g, tn_input(g, "x", TN_F32, TN_SHAPE(1, 2)),
        &(tn_dense_opts){.name = "fc", .units = 2, .weight = {.init = {(tn_init_kind)9, 0}}});
    assert_ok(tn_device_open(&d, "cpu"));
    assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &x, .num_keep = 1}),
                 TN_ERR_ARGUMENT, "dense fc: 9 is no way to start weight");
    tn_device_close(d);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions),
        cmocka_unit_test(numbers_depend_on_seed_and_name_alone),
        cmocka_unit_test(unknown_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
