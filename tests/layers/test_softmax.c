/* softmax: against loops in double, PyTorch, and where exp() overflows. */
#include <math.h>
#include <string.h>

#include "golden/softmax.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_softmax(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    const int64_t classes = r->x_shape[0].dim[1];
    for (int64_t n = 0; n < r->x_shape[0].dim[0]; n++) {
        const double *x = r->x[0] + n * classes;
        double max = x[0], sum = 0;
        for (int64_t k = 0; k < classes; k++)
            max = fmax(max, x[k]);
        for (int64_t k = 0; k < classes; k++)
            sum += exp(x[k] - max);
        for (int64_t k = 0; k < classes; k++)
            r->y[n * classes + k] = exp(x[k] - max) / sum;
    }
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {2, 3}}}}},
        {.why = "one class is certain", .x = {{{2, {4, 1}}}}},
        {.why = "ImageNet's classes", .x = {{{2, {3, 1000}}}}},
        {.why = "more classes than a warp takes", .x = {{{2, {3, 2048}}}}},
        {.why = "more, and no whole vectors", .x = {{{2, {3, 1031}}}}},
        {.why = "many rows", .x = {{{2, {301, 10}}}}},
        {.why = "exp(x) alone would overflow", .x = {{{2, {5, 7}}, .low = 9990, .high = 10000}}},
        {.why = "exp(x) alone would underflow", .x = {{{2, {5, 7}}, .low = -1e4, .high = -9990}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void run(const char *device, const float *x, tn_shape shape, float *y)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float in[64];
    int64_t count;
    assert_ok(tn_shape_count(&shape, &count));
    for (int64_t i = 0; i < count; i++)
        in[i] = x[i];
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, shape), b = tn_softmax(g, a, NULL);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &b, .num_keep = 1}));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, in}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, b, (tn_tensor){TN_F32, shape, y}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    float y[TN_COUNT(golden_softmax_y)];
    for (const char *const *device = lab_devices(); *device; device++) {
        run(*device, golden_softmax_x, TN_SHAPE(4, 6), y);
        lab_assert_close("y", y, golden_softmax_y, TN_COUNT(y), 0);
    }
}

/* What is no number stays none, in its own row only. */
static void passes_nan_on(void **unused)
{
    (void)unused;
    const float x[] = {1, NAN, 2, 1, INFINITY, 2, -INFINITY, -INFINITY, -INFINITY, -INFINITY, 0, 0};
    float y[12];
    for (const char *const *device = lab_devices(); *device; device++) {
        run(*device, x, TN_SHAPE(4, 3), y);
        /* cuDNN's, which one has to ask for, makes zeros of a row of -inf. */
        const bool cudnn = strstr(*device, "cudnn=all") != NULL;
        for (int i = 0; i < 9; i++)
            if (!isnan(y[i]) && !(cudnn && i >= 6 && y[i] == 0))
                fail_msg("%s: y[%d] is %g", *device, i, (double)y[i]);
        if (y[9] != 0 || y[10] != 0.5F || y[11] != 0.5F)
            fail_msg("%s: the last row is %g %g %g", *device, (double)y[9], (double)y[10],
                     (double)y[11]);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_softmax(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, 1, 1)), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "softmax softmax1: input 0 is 2 x 3 x 1 x 1");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
