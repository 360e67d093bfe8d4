/*
 * dense and conv2d on a GPU without cuDNN, where a device's options matter: images that are unrolled a few at
 * a time, a workspace that is too small, products that cuBLASLt has not. The CPU has the answers.
 */
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"
#include "lab_sim.h"

enum { MOST = 1 << 15, MOST_PARAMS = 2 };

typedef struct layer {
    const char *why;
    tn_shape x;
    tn_conv2d_opts conv; /* no filters: dense */
    tn_dense_opts dense;
    bool relu;
    int cuts; /* that the images come in, with 1 MiB */
} layer;

typedef struct answers {
    int64_t y_count, x_count, w_count[MOST_PARAMS];
    float y[MOST], dx[MOST], dw[MOST_PARAMS][MOST];
    long products;
    size_t planned;
} answers;

/* The same numbers on every device, which f16 and bf16 hold too. */
static void draw(float *to, int64_t count, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)tn_random_below(&r, 129) / 64 - 1;
}

static tn_tensor drawn(tn_shape shape, uint64_t stream)
{
    static float numbers[MOST];
    draw(numbers, tn_elements(&shape), stream);
    return (tn_tensor){TN_F32, shape, numbers};
}

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, y, target;
    tn_plan *plan;
} rig;

static tn_status open(rig *r, const layer *l, const char *device, tn_precision precision, bool dry)
{
    *r = (rig){0};
    TN_TRY(tn_device_open(&r->device, device));
    TN_TRY(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, l->x);
    r->y = l->conv.filters ? tn_conv2d(r->g, r->x, &l->conv) : tn_dense(r->g, r->x, &l->dense);
    if (l->relu)
        r->y = tn_relu(r->g, r->y);
    tn_shape shape;
    TN_TRY(tn_value_shape(r->g, r->y, &shape));
    r->target = tn_input(r->g, "target", TN_F32, shape);
    const tn_plan_opts opts = {.loss = tn_mse(r->g, r->y, r->target),
                               .keep = &r->y,
                               .num_keep = 1,
                               .input_gradients = true,
                               .precision = precision,
                               .loss_scale = 64,
                               .dry = dry};
    return tn_plan_create(&r->plan, r->g, r->device, &opts);
}

static void close(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void answer(const layer *l, const char *device, tn_precision precision, answers *a)
{
    rig r;
    tn_shape y;
    tn_param_info info;
    const lab_sim *sim = lab_find_sim();
    *a = (answers){0};
    assert_ok(open(&r, l, device, precision, true));
    a->planned = tn_plan_memory(r.plan).total;
    close(&r);
    assert_ok(open(&r, l, device, precision, false));
    assert_int_equal(tn_plan_memory(r.plan).total, a->planned);
    assert_ok(tn_value_shape(r.g, r.y, &y));
    assert_ok(tn_plan_set(r.plan, r.x, drawn(l->x, 0)));
    assert_ok(tn_plan_set(r.plan, r.target, drawn(y, 1)));
    for (int i = 0; i < tn_plan_num_params(r.plan); i++) {
        assert_ok(tn_plan_param(r.plan, i, &info));
        assert_ok(
            tn_plan_param_set(r.plan, i, TN_PARAM_VALUE, drawn(info.shape, 2 + strlen(info.name))));
    }
    if (sim)
        sim->trace_begin();
    assert_ok(tn_plan_run(r.plan));
    if (sim)
        a->products = sim->trace_calls("cublasLtMatmul");
    a->y_count = tn_elements(&y);
    a->x_count = tn_elements(&l->x);
    assert_true(a->y_count <= MOST);
    assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, y, a->y}));
    assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, l->x, a->dx}));
    for (int i = 0; i < tn_plan_num_params(r.plan); i++) {
        assert_ok(tn_plan_param(r.plan, i, &info));
        a->w_count[i] = tn_elements(&info.shape);
        assert_ok(tn_plan_param_get(r.plan, i, TN_PARAM_GRADIENT,
                                    (tn_tensor){TN_F32, info.shape, a->dw[i]}));
    }
    close(&r);
}

/* got is want, by the lab's rule or, in coarser numbers, by that of four roundings. */
static void close_enough(const layer *l, const char *what, const float *got, const float *want,
                         int64_t count, double unit, double tolerance)
{
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const double size = want[i] < 0 ? -(double)want[i] : (double)want[i];
        const double off = (double)got[i] - (double)want[i], error = off < 0 ? -off : off;
        largest = size > largest ? size : largest;
        worst = error <= worst ? worst : error; /* a NaN is the worst */
    }
    if (!(worst <= tolerance * (largest + unit)))
        fail_msg("%s: %s: off by %g, allowed %g", l->why, what, worst,
                 tolerance * (largest + unit));
}

static void compare(const layer *l, const answers *got, const answers *want, double tolerance)
{
    const double unit = 1 / (double)want->y_count;
    close_enough(l, "y", got->y, want->y, want->y_count, 1, tolerance);
    close_enough(l, "dx", got->dx, want->dx, want->x_count, unit, tolerance);
    for (int i = 0; i < MOST_PARAMS; i++)
        close_enough(l, i ? "dw1" : "dw0", got->dw[i], want->dw[i], want->w_count[i], unit,
                     tolerance);
}

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

static answers want, got;

static const double tolerances[] = {1e-5, 4.0 / 2048, 4.0 / 256};
static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_F16, TN_PRECISION_BF16};

/* With 1 MiB, half of it is cuBLASLt's. */
static void images_come_in_cuts(void **unused)
{
    (void)unused;
    static const layer layers[] = {
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
        for (size_t p = 0; p < TN_COUNT(precisions); p++) {
            answer(&layers[i], "cpu", TN_PRECISION_F32, &want);
            answer(&layers[i], gpu_with(",workspace=1"), precisions[p], &got);
            compare(&layers[i], &got, &want, tolerances[p]);
            if (lab_find_sim())
                assert_int_equal(got.products, 3 * layers[i].cuts);
        }
}

static void one_image_must_fit(void **unused)
{
    (void)unused;
    const layer l = {.x = {4, {2, 64, 40, 40}},
                     .conv = {.name = "big", .filters = 4, .kernel = {3}}};
    if (!gpu_with(""))
        skip();
    rig r;
    assert_fails(open(&r, &l, gpu_with(",workspace=1"), TN_PRECISION_F32, true), TN_ERR_UNSUPPORTED,
                 "one image of x 2 x 64 x 40 x 40 unrolled takes 3 MiB of the workspace's 1");
    close(&r);
    assert_ok(open(&r, &l, gpu_with(",workspace=8"), TN_PRECISION_F32, true));
    close(&r);
}

/* Where cuBLASLt has no product with a bias in it, that is added behind. */
static void bias_and_relu_may_come_behind(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const layer layers[] = {
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
        answer(&layers[i], "cpu", TN_PRECISION_F32, &want);
        assert_true(sim->set_refusals("epilogues"));
        answer(&layers[i], "sim:0,cudnn=off,workspace=1", TN_PRECISION_F32, &got);
        assert_true(sim->set_refusals("none"));
        compare(&layers[i], &got, &want, tolerances[0]);
    }
}

/* Two layers of a kind, so that which of them failed must be said. */
static void errors_name_the_layer_and_the_call(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const layer fc = {.x = {2, {5, 9}}, .dense = {.name = "fc7", .units = 7}};
    static const layer conv = {.x = {4, {2, 6, 5, 5}},
                               .conv = {.name = "conv3", .filters = 9, .kernel = {3}}};
    static const struct {
        const layer *layer;
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
    rig r;
    for (size_t i = 0; i < TN_COUNT(made); i++) {
        sim->fail_at(made[i].call, 1);
        const tn_status status = open(&r, made[i].layer ? made[i].layer : &fc, "sim:0,cudnn=off",
                                      TN_PRECISION_F32, false);
        assert_true(status == TN_ERR_DEVICE || status == TN_ERR_MEMORY);
        if (!strstr(tn_error(), made[i].says))
            fail_msg("%s: %s", made[i].call, tn_error());
        close(&r);
        sim->check_leaks();
    }
    assert_ok(open(&r, &conv, "sim:0,cudnn=off", TN_PRECISION_F32, false));
    sim->fail_at("cublasLtMatmul", 1);
    assert_fails(tn_plan_evaluate(r.plan), TN_ERR_DEVICE,
                 "conv2d conv3 on sim:0: cublasLtMatmul: the function failed to launch on the GPU");
    close(&r);
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_come_in_cuts),
        cmocka_unit_test(one_image_must_fit),
        cmocka_unit_test(bias_and_relu_may_come_behind),
        cmocka_unit_test(errors_name_the_layer_and_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
