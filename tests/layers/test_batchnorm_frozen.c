/* batchnorm whose parameters do not train: what training does with it, and leaves. */
#include <math.h>

#include "lab_op.h"

/* Weight and bias frozen: training leaves all of the layer as it is, on one device and on several, which then have
 * no sums to take. */
static void frozen_statistics_stay(void **unused)
{
    (void)unused;
    static const char *const groups[] = {"cpu:0-1", NULL};
    const char *const *const lists[] = {lab_devices(), groups};
    const tn_shape shape = TN_SHAPE(2, 3);
    float x[6] = {5, 6, 7, 8, 9, 10}, want[3] = {1, 2, 4}, got[3], y[6];
    for (size_t l = 0; l < TN_COUNT(lists); l++)
        for (const char *const *device = lists[l]; *device; device++) {
            tn_device *d;
            tn_graph *g;
            tn_plan *p;
            assert_ok(tn_device_open(&d, *device));
            assert_ok(tn_graph_create(&g));
            const tn_value in = tn_input(g, "x", TN_F32, shape);
            const tn_value out = tn_batchnorm(g, in,
                                              &(tn_batchnorm_opts){.name = "bn",
                                                                   .epsilon = 0x1p-20F,
                                                                   .weight = {.frozen = true},
                                                                   .bias = {.frozen = true}});
            const tn_value loss =
                tn_mse(g, tn_dense(g, out, &(tn_dense_opts){.units = 3}), in, NULL);
            assert_ok(tn_plan_create(&p, g, d,
                                     &(tn_plan_opts){.loss = loss,
                                                     .keep = &out,
                                                     .num_keep = 1,
                                                     .precision = TN_PRECISION_F32,
                                                     .sync_batchnorm = true}));
            const int mean = tn_plan_find_param(p, "bn.running_mean"),
                      var = tn_plan_find_param(p, "bn.running_var");
            const tn_tensor from = {TN_F32, TN_SHAPE(3), want}, to = {TN_F32, TN_SHAPE(3), got};
            assert_ok(tn_plan_param_set(p, mean, TN_PARAM_VALUE, from));
            assert_ok(tn_plan_param_set(p, var, TN_PARAM_VALUE, from));
            assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
            assert_ok(tn_plan_run(p));
            assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));
            for (int i = 0; i < 6; i++)
                assert_true(fabsf(y[i] - (x[i] - want[i % 3]) / sqrtf(want[i % 3])) < 1e-5F);
            assert_ok(tn_plan_evaluate(p));
            assert_ok(tn_plan_param_get(p, mean, TN_PARAM_VALUE, to));
            assert_memory_equal(got, want, sizeof want);
            assert_ok(tn_plan_param_get(p, var, TN_PARAM_VALUE, to));
            assert_memory_equal(got, want, sizeof want);
            tn_plan_destroy(p);
            tn_graph_destroy(g);
            tn_device_close(d);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frozen_statistics_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
