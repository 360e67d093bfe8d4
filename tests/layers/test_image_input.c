/* image_input: against its formula in double, on every device; what it refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab_op.h"

typedef struct image_case {
    const char *why;
    tn_shape x;
    tn_image_input_opts opts;
} image_case;

/* ImageNet's usual numbers. */
#define IMAGENET                                                                               \
    {                                                                                          \
        .mean = {123.675F, 116.28F, 103.53F}, .scale = { 0.01712475F, 0.017507F, 0.01742919F } \
    }

static const image_case cases[] = {
    {"defaults: bytes as floats", {4, {2, 3, 4, 3}}, {0}},
    {"ImageNet's mean and scale", {4, {2, 9, 11, 3}}, IMAGENET},
    {"a full image", {4, {1, 224, 224, 3}}, IMAGENET},
    {"one channel: digits", {4, {3, 28, 28, 1}}, {.mean = {33.3F}, .scale = {0.0128F}}},
    {"two channels, only the second is scaled", {4, {1, 5, 6, 2}}, {.scale = {0, 0.5F}}},
    {"four channels", {4, {2, 3, 17, 4}}, {.mean = {1, 2, 3, 4}, .scale = {-1, 2, 3, 0.25F}}},
    {"one pixel", {4, {1, 1, 1, 3}}, IMAGENET},
};

/* What a case is run on. A half y is rounded once more than f32: by so much, compared to its largest. */
typedef struct manner {
    const char *device;
    tn_precision precision;
    double rounding;
} manner;
static const manner cpu = {"cpu", TN_PRECISION_F32, 0};

static tn_status run(const image_case *c, const manner *m, const uint8_t *x, float *y)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_status status = tn_device_open(&d, m->device);
    if (status == TN_OK)
        status = tn_graph_create(&g);
    if (status != TN_OK)
        goto out;
    const tn_value in = tn_input(g, "x", TN_U8, c->x);
    const tn_value out = tn_image_input(g, in, &c->opts);
    const tn_shape shape = TN_SHAPE(c->x.dim[0], c->x.dim[3], c->x.dim[1], c->x.dim[2]);
    status = tn_plan_create(
        &p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1, .precision = m->precision});
    if (status == TN_OK)
        status = tn_plan_set(p, in, (tn_tensor){TN_U8, c->x, (void *)(uintptr_t)x});
    if (status == TN_OK)
        status = tn_plan_evaluate(p);
    if (status == TN_OK)
        status = tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y});
out:
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return status;
}

static void reference(const image_case *c, const uint8_t *x, double *y)
{
    const int64_t N = c->x.dim[0], pixels = c->x.dim[1] * c->x.dim[2], C = c->x.dim[3];
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t k = 0; k < C; k++) {
                const double scale = c->opts.scale[k] == 0 ? 1 : (double)c->opts.scale[k];
                y[(n * C + k) * pixels + i] =
                    (x[(n * pixels + i) * C + k] - (double)c->opts.mean[k]) * scale;
            }
}

static void check(const image_case *c, const manner *m)
{
    int64_t count;
    char what[160];
    assert_ok(tn_shape_count(&c->x, &count));
    uint8_t *x = tn_alloc((size_t)count, 1);
    float *y = tn_alloc((size_t)count, sizeof *y);
    double *want = tn_alloc((size_t)count, sizeof *want);
    for (int64_t j = 0; j < count; j++) /* every byte is there, in a large image */
        x[j] = (uint8_t)(j * 37 + j / 256);
    memset(y, 0xFF, (size_t)count * sizeof *y);
    reference(c, x, want);
    assert_ok(run(c, m, x, y));
    snprintf(what, sizeof what, "%s (%s, %s)", c->why, m->device, tn_precision_name(m->precision));
    for (int64_t j = 0; m->rounding > 0 && j < count; j++)
        if (fabs((double)y[j] - want[j]) <= m->rounding * (fabs(want[j]) + 1e-5))
            y[j] = (float)want[j];
    lab_assert_close(what, y, want, count, 1);
    tn_free(x), tn_free(y), tn_free(want);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    for (const char *const *d = lab_devices(); *d; d++) {
        const manner manners[] = {{*d, TN_PRECISION_F32, 0},
                                  {*d, TN_PRECISION_F16, 0x1p-11},
                                  {*d, TN_PRECISION_BF16, 0x1p-8}};
        for (size_t i = 0; i < TN_COUNT(cases); i++)
            for (size_t m = 0; m < (d == lab_devices() ? 1 : TN_COUNT(manners)); m++)
                check(&cases[i], &manners[m]);
    }
}

static tn_status run_small(void *arg)
{
    const uint8_t x[2 * 3 * 4 * 3] = {0};
    float y[TN_COUNT(x)];
    (void)arg;
    return run(&cases[0], &cpu, x, y);
}

static void allocations_may_fail(void **unused)
{
    (void)unused;
    assert_true(lab_fail_each_allocation(run_small, NULL) > 0);
}

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        tn_dtype dtype;
        tn_shape x;
        tn_status status;
        const char *text;
    } wrong[] = {
        {TN_F32, {4, {1, 5, 5, 3}}, TN_ERR_ARGUMENT, "image_input i: x is f32, not u8"},
        {TN_U8, {3, {5, 5, 3}}, TN_ERR_SHAPE, "x is 5 x 5 x 3: 3 dimensions, not 4"},
        {TN_U8, {4, {1, 3, 5, 5}}, TN_ERR_SHAPE, "5 channels (the last dimension), not 1 to 4"},
    };
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_image_input(g, tn_input(g, "x", wrong[i].dtype, wrong[i].x),
                       &(tn_image_input_opts){.name = "i"});
        assert_fails(tn_graph_status(g), wrong[i].status, wrong[i].text);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
