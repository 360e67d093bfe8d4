/*
 * dense and conv2d on a GPU without cuDNN, where a device's options matter: images that are unrolled a few at
 * a time, a workspace that is too small, products that cuBLASLt has not. The CPU has the answers.
 */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/lab_layer.h"
#include "lab_conv.h"
#include "lab_nan.h"
#include "lab_op.h"
#include "lab_sim.h"

/* The GPU that this build tests on without cuDNN, and more options; NULL: none. */
static const char *gpu_with(const char *options)
{
    static char name[128];
    const char *const *devices = lab_devices();
    if (!devices[1])
        return NULL;
    snprintf(name, sizeof name, "%s%s", devices[2], options);
    return name;
}

static lab_answer want, got;

/* With 1 MiB, half of it is cuBLASLt's. */
static void images_come_in_cuts(void **unused)
{
    (void)unused;
    static const lab_layer layers[] = {
        {.why = "3 images at a time, and the last alone",
         .x = {4, {7, 8, 14, 14}},
         .conv = {.filters = 8, .kernel = {5}, .pad = {2}},
         .relu = true,
         .cuts = 3},
        {.why = "one at a time",
         .x = {4, {3, 8, 26, 26}},
         .conv = {.filters = 5, .kernel = {5}, .pad = {1}},
         .cuts = 3},
        {.why = "groups; cuts of y that begin at odd addresses",
         .x = {4, {9, 6, 19, 13}},
         .conv = {.filters = 9, .kernel = {5}, .groups = 3},
         .relu = true,
         .cuts = 2},
        {.why = "3 channels, 4 in memory",
         .x = {4, {7, 3, 21, 21}},
         .conv = {.filters = 4, .kernel = {7}, .stride = {2}, .pad = {3}},
         .cuts = 2},
        {.why = "x is what is multiplied",
         .x = {4, {4, 16, 9, 9}},
         .conv = {.filters = 16, .kernel = {1}},
         .cuts = 1},
    };
    if (!gpu_with(""))
        skip();
    for (size_t i = 0; i < TN_COUNT(layers); i++)
        for (size_t p = 0; p < LAB_PRECISIONS; p++) {
            lab_layer_answer(&layers[i], "cpu", TN_PRECISION_F32, &want);
            lab_layer_answer(&layers[i], gpu_with(",workspace=1"), lab_precisions[p], &got);
            lab_layer_compare(&layers[i], &got, &want, lab_tolerances[p]);
            if (lab_counting_sim())
                assert_int_equal(got.products, 3 * layers[i].cuts);
        }
}

static void one_image_must_fit(void **unused)
{
    (void)unused;
    const lab_layer l = {.x = {4, {2, 64, 40, 40}},
                         .conv = {.name = "big", .filters = 4, .kernel = {3}}};
    if (!gpu_with(""))
        skip();
    lab_layer_rig r;
    assert_fails(lab_layer_open(&r, &l, gpu_with(",workspace=1"), TN_PRECISION_F32, true),
                 TN_ERR_UNSUPPORTED,
                 "one image of x 2 x 64 x 40 x 40 unrolled takes 3 MiB of the workspace's 1");
    lab_layer_close(&r);
    assert_ok(lab_layer_open(&r, &l, gpu_with(",workspace=8"), TN_PRECISION_F32, true));
    lab_layer_close(&r);
}

/* Where cuBLASLt has no product with a bias in it, that is added behind. */
static void bias_and_relu_may_come_behind(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const lab_layer layers[] = {
        {.why = "dense", .x = {2, {5, 9}}, .dense = {.units = 7}, .relu = true},
        {.why = "dense, no relu", .x = {2, {3, 64}}, .dense = {.units = 32}},
        {.why = "dense, no bias",
         .x = {2, {3, 9}},
         .dense = {.units = 8, .no_bias = true},
         .relu = true},
        {.why = "groups",
         .x = {4, {2, 6, 5, 5}},
         .conv = {.filters = 9, .kernel = {3}, .groups = 3},
         .relu = true},
        {.why = "images in cuts",
         .x = {4, {7, 8, 14, 14}},
         .conv = {.filters = 8, .kernel = {5}, .pad = {2}},
         .relu = true},
    };
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        lab_layer_answer(&layers[i], "cpu", TN_PRECISION_F32, &want);
        assert_true(sim->set_refusals("epilogues"));
        lab_layer_answer(&layers[i], "sim:0,cudnn=off,workspace=1", TN_PRECISION_F32, &got);
        assert_true(sim->set_refusals("none"));
        lab_layer_compare(&layers[i], &got, &want, lab_tolerances[0]);
    }
}

/* Two layers of a kind, so that which of them failed must be said. */
static void a_nan_stays_one_there(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    const lab_case layers[] = {
        {.why = "bias and relu",
         .x = {{{4, {2, 6, 5, 5}}}},
         .opts = RELU(.filters = 9, .kernel = {3})},
        {.why = "relu alone",
         .x = {{{4, {2, 6, 5, 5}}}},
         .opts = RELU(.filters = 9, .kernel = {3}, .groups = 3, .no_bias = true)},
    };
    assert_true(sim->set_refusals("epilogues"));
    for (size_t i = 0; i < TN_COUNT(layers); i++)
        lab_check_nan(&lab_conv_op, &layers[i], "sim:0,cudnn=off", false);
    assert_true(sim->set_refusals("none"));
}

static void errors_name_the_layer_and_the_call(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const lab_layer fc = {.x = {2, {5, 9}}, .dense = {.name = "fc7", .units = 7}};
    static const lab_layer conv = {.x = {4, {2, 6, 5, 5}},
                                   .conv = {.name = "conv3", .filters = 9, .kernel = {3}}};
    static const struct {
        const lab_layer *layer;
        const char *call, *says;
    } made[] = {
        {&fc, "cublasLtMatmulAlgoGetHeuristic",
         "dense fc7 on sim:0: cublasLtMatmulAlgoGetHeuristic: an internal operation failed"},
        {&fc, "cublasLtMatmulDescCreate",
         "dense fc7 on sim:0: cublasLtMatmulDescCreate: the resource allocation failed"},
        {&conv, "cublasLtMatrixLayoutCreate",
         "conv2d conv3 on sim:0: cublasLtMatrixLayoutCreate: the resource allocation failed"},
        {&conv, "cublasLtMatmulPreferenceSetAttribute",
         "conv2d conv3 on sim:0: cublasLtMatmulPreferenceSetAttribute: an internal"},
        {NULL, "cublasLtCreate", "cuBLASLt on sim:0: cublasLtCreate: the library was not"},
    };
    lab_layer_rig r;
    for (size_t i = 0; i < TN_COUNT(made); i++) {
        sim->fail_at(made[i].call, 1);
        const tn_status status = lab_layer_open(&r, made[i].layer ? made[i].layer : &fc,
                                                "sim:0,cudnn=off", TN_PRECISION_F32, false);
        assert_true(status == TN_ERR_DEVICE || status == TN_ERR_MEMORY);
        if (!strstr(tn_error(), made[i].says))
            fail_msg("%s: %s", made[i].call, tn_error());
        lab_layer_close(&r);
        sim->check_leaks();
    }
    assert_ok(lab_layer_open(&r, &conv, "sim:0,cudnn=off", TN_PRECISION_F32, false));
    const float zeros[1024] = {0};
    const tn_value inputs[] = {r.x, r.target};
    for (size_t i = 0; i < TN_COUNT(inputs); i++) {
        tn_shape shape;
        assert_ok(tn_value_shape(r.g, inputs[i], &shape));
        assert_ok(
            tn_plan_set(r.plan, inputs[i], (tn_tensor){TN_F32, shape, (void *)(uintptr_t)zeros}));
    }
    sim->fail_at("cublasLtMatmul", 1);
    assert_fails(tn_plan_evaluate(r.plan), TN_ERR_DEVICE,
                 "conv2d conv3 on sim:0: cublasLtMatmul: the function failed to launch on the GPU");
    lab_layer_close(&r);
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_come_in_cuts),
        cmocka_unit_test(one_image_must_fit),
        cmocka_unit_test(bias_and_relu_may_come_behind),
        cmocka_unit_test(a_nan_stays_one_there),
        cmocka_unit_test(errors_name_the_layer_and_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
