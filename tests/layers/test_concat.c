/* concat: every input's channels in their place, in the layouts that come. */
#include <stdio.h>
#include <string.h>

#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)opts;
    return tn_concat(g, num_x, x, NULL);
}

/* One value twice: its gradient is the sum of two parts of dy. */
static tn_value build_twice(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_concat(g, 2, (tn_value[]){x[0], x[0]}, NULL);
}

static void join(const lab_ref *r, int count, const int *which)
{
    const tn_shape *y = &r->y_shape;
    int64_t pixels = 1, channel = 0;
    for (int i = 2; i < y->ndim; i++)
        pixels *= y->dim[i];
    for (int i = 0; i < count; i++) {
        const int64_t channels = r->x_shape[which[i]].dim[1];
        for (int64_t n = 0; n < y->dim[0]; n++)
            for (int64_t c = 0; c < channels; c++)
                for (int64_t p = 0; p < pixels; p++)
                    r->y[(n * y->dim[1] + channel + c) * pixels + p] =
                        r->x[which[i]][(n * channels + c) * pixels + p];
        channel += channels;
    }
}

static void reference(const lab_ref *r)
{
    join(r, r->num_x, (int[]){0, 1, 2, 3, 4, 5, 6, 7});
}

static void reference_twice(const lab_ref *r)
{
    join(r, 2, (int[]){0, 0});
}

static void joins(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_case cases[] = {
        {.why = "two of three dimensions", .x = {{{3, {2, 3, 4}}}, {{3, {2, 1, 4}}}}},
        {.why = "one alone", .x = {{{4, {2, 3, 4, 5}}}}},
        {.why = "rows", .x = {{{2, {3, 4}}}, {{2, {3, 1}}}, {{2, {3, 2}}}}},
        {.why = "no whole blocks of channels",
         .x = {{{4, {2, 5, 3, 3}}}, {{4, {2, 20, 3, 3}}}, {{4, {2, 16, 3, 3}}}}},
        {.why = "GoogLeNet's inception 3a",
         .x = {{{4, {1, 64, 4, 4}}},
               {{4, {1, 128, 4, 4}}},
               {{4, {1, 32, 4, 4}}},
               {{4, {1, 32, 4, 4}}}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void joins_one_twice(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_twice, .reference = reference_twice};
    static const lab_case cases[] = {{.why = "x beside x", .x = {{{4, {2, 3, 2, 2}}}}}};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* A convolution writes a layout of its own, blocked in channels: concat(conv(x0), conv(x0), x1). */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const int *filters = opts;
    const tn_value y =
        tn_conv2d(g, x[0], &(tn_conv2d_opts){.filters = *filters, .kernel = {1}, .no_bias = true});
    return tn_concat(g, num_x + 1, (tn_value[]){y, y, x[num_x - 1]}, NULL);
}

/* `order`: of the convolution, 0, and the image, 1. */
static void reference_in_order(const lab_ref *r, int *order)
{
    const int64_t images = r->x_shape[0].dim[0], channels = r->x_shape[0].dim[1];
    const int64_t filters = r->w_shape[0].dim[0];
    const int64_t pixels = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    double *conv = calloc((size_t)(images * filters * pixels), sizeof *conv);
    assert_non_null(conv);
    for (int64_t n = 0; n < images; n++)
        for (int64_t k = 0; k < filters; k++)
            for (int64_t c = 0; c < channels; c++)
                for (int64_t p = 0; p < pixels; p++)
                    conv[(n * filters + k) * pixels + p] +=
                        r->w[0][k * channels + c] * r->x[0][(n * channels + c) * pixels + p];
    lab_ref joined = *r;
    joined.x[0] = conv;
    joined.x_shape[0].dim[1] = filters;
    join(&joined, r->num_x + 1, order);
    free(conv);
}

static void reference_behind(const lab_ref *r)
{
    reference_in_order(r, (int[]){0, 0, 1});
}

static void reference_around(const lab_ref *r)
{
    reference_in_order(r, (int[]){0, 1, 0});
}

/* The image, which needs no gradient, lies between: concat(conv(x0), x1, conv(x0)). */
static tn_value build_around(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const int *filters = opts;
    const tn_value y =
        tn_conv2d(g, x[0], &(tn_conv2d_opts){.filters = *filters, .kernel = {1}, .no_bias = true});
    return tn_concat(g, num_x + 1, (tn_value[]){y, x[1], y}, NULL);
}

static void joins_blocked_layouts(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    static const int whole = 32, part = 20;
    static const lab_case cases[] = {
        {.why = "whole blocks stay blocks", .x = {{{4, {2, 16, 3, 3}}}}, .opts = &whole},
        {.why = "padding in the middle", .x = {{{4, {2, 16, 3, 3}}}}, .opts = &part},
        {.why = "the last one is canonical",
         .x = {{{4, {2, 16, 3, 3}}}, {{4, {2, 3, 3, 3}}}},
         .opts = &whole},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
    static const lab_op around = {
        .build = build_around, .reference = reference_around, .param = {{"weight"}}};
    lab_check_op(&around, &cases[2], 1);
}

/* Between convolutions nothing is reordered on a concat's account; the image may be. */
static void keeps_layouts(void **unused)
{
    (void)unused;
    static const tn_conv2d_opts wide = {.filters = 32, .kernel = {3}, .pad = {1}};
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    char line[512];
    int reorders = 0;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_conv2d(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, 8, 8)), &wide);
    const tn_value y = tn_concat(g, 2, (tn_value[]){tn_conv2d(g, x, &wide), x}, NULL);
    const tn_value z = tn_conv2d(g, y, &wide);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &z, .num_keep = 1}));
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(p, TN_DESCRIBE_TEXT, f));
    rewind(f);
    while (fgets(line, sizeof line, f))
        reorders += strstr(line, " reorder ") != NULL;
    fclose(f);
    assert_true(reorders <= 1);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape a, b;
        const char *text;
    } cases[] = {
        {{2, {2, 3}}, {2, {3, 3}}, "input 1 is 3 x 3, input 0 2 x 3"},
        {{3, {2, 3, 4}}, {2, {2, 3}}, "input 1 is 2 x 3, input 0 2 x 3 x 4"},
        {{1, {2}}, {1, {2}}, "input 0 has 1 dimensions, not 2 or more"},
        {{4, {1, 2, 3, 4}}, {4, {1, 2, 3, 5}}, "they may differ in dimension 1 only"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_concat(g, 2,
                  (tn_value[]){tn_input(g, "a", TN_F32, cases[i].a),
                               tn_input(g, "b", TN_F32, cases[i].b)},
                  NULL);
        assert_fails(tn_graph_status(g), TN_ERR_SHAPE, cases[i].text);
        tn_graph_destroy(g);
    }
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_concat(g, 0, NULL, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "0 inputs, not 1 to 16");
    tn_graph_destroy(g);

    enum { MANY = 17 };
    tn_value x[MANY];
    assert_ok(tn_graph_create(&g));
    for (int i = 0; i < MANY; i++)
        x[i] = tn_input(g, (char[]){(char)('a' + i), '\0'}, TN_F32, TN_SHAPE(1, INT64_C(1) << 60));
    assert_ok(tn_graph_status(g));
    tn_concat(g, 8, x, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "concat1: more than 2^63 channels");
    tn_graph_destroy(g);
    assert_ok(tn_graph_create(&g));
    for (int i = 0; i < MANY; i++)
        x[i] = tn_input(g, (char[]){(char)('a' + i), '\0'}, TN_F32, TN_SHAPE(1, 2));
    tn_concat(g, MANY, x, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "17 inputs, not 1 to 16");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(joins_one_twice),
        cmocka_unit_test(joins_blocked_layouts),
        cmocka_unit_test(keeps_layouts),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
