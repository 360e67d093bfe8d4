/* concat: every input's channels in their place, in the layouts that come. */
#include <stdio.h>
#include <string.h>

#include "lab_index.h"

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

/* ---- along other axes, and of many ----------------------------------------------------------- */

static tn_value build_along(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return tn_concat(g, num_x, x, opts);
}

static void reference_along(const lab_ref *r)
{
    const tn_concat_opts *o = r->opts;
    const int axis = o->axis == TN_ZERO ? 0 : (o->axis + r->y_shape.ndim) % r->y_shape.ndim;
    int64_t begin = 0;
    for (int k = 0; k < r->num_x; k++) {
        int64_t count;
        assert_ok(tn_shape_count(&r->x_shape[k], &count));
        for (int64_t i = 0; i < count; i++) {
            int64_t at[TN_MAX_DIMS];
            lab_index(&r->x_shape[k], i, at);
            at[axis] += begin;
            r->y[lab_number(&r->y_shape, at)] = r->x[k][i];
        }
        begin += r->x_shape[k].dim[axis];
    }
}

static void joins_along_other_axes(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_along, .reference = reference_along};
#define ALONG(a)              \
    .opts = &(tn_concat_opts) \
    {                         \
        .axis = (a)           \
    }
    const lab_case cases[] = {
        {.why = "rows",
         .x = {{{2, {2, 3}}, .no_batch = true}, {{2, {1, 3}}, .no_batch = true}},
         ALONG(TN_ZERO)},
        {.why = "the last", .x = {{{3, {2, 3, 4}}}, {{3, {2, 3, 1}}}, {{3, {2, 3, 7}}}}, ALONG(-1)},
        {.why = "images below each other",
         .x = {{{4, {2, 3, 4, 5}}}, {{4, {2, 3, 2, 5}}}},
         ALONG(2)},
        {.why = "one dimension",
         .x = {{{1, {3}}, .no_batch = true}, {{1, {8}}, .no_batch = true}},
         ALONG(TN_ZERO)},
        {.why = "a token in front", .x = {{{3, {2, 1, 24}}}, {{3, {2, 16, 24}}}}, ALONG(1)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* x so many times. */
static tn_value build_many(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const int *count = opts;
    tn_value many[100];
    (void)num_x;
    for (int i = 0; i < *count; i++)
        many[i] = x[0];
    return tn_concat(g, *count, many, &(tn_concat_opts){.name = "all"});
}

static void reference_many(const lab_ref *r)
{
    const int *count = r->opts;
    const int64_t rows = r->x_shape[0].dim[0], width = r->x_shape[0].dim[1];
    for (int64_t n = 0; n < rows; n++)
        for (int64_t i = 0; i < *count * width; i++)
            r->y[n * *count * width + i] = r->x[0][n * width + i % width];
}

static void joins_many(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_many, .reference = reference_many};
    static const int counts[] = {25, 33, 70};
    const lab_case cases[] = {
        {.why = "DenseNet-121's most", .x = {{{2, {2, 3}}}}, .opts = &counts[0]},
        {.why = "one more than at once", .x = {{{2, {2, 3}}}}, .opts = &counts[1]},
        {.why = "three groups", .x = {{{2, {2, 3}}}}, .opts = &counts[2]},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void joins_groups_of_groups(void **unused)
{
    (void)unused;
    enum { COUNT = 1030 };
    static tn_value many[COUNT];
    tn_graph *g = NULL;
    tn_shape y;
    assert_ok(tn_graph_create(&g));
    for (int i = 0; i < COUNT; i++)
        many[i] = i ? many[0] : tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    assert_ok(tn_value_shape(g, tn_concat(g, COUNT, many, NULL), &y));
    assert_true(y.dim[0] == 2 && y.dim[1] == 3 * COUNT);
    tn_graph_destroy(g);
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape a, b;
        const char *text;
        tn_status status;
    } cases[] = {
        {{2, {2, 3}}, {2, {3, 3}}, "input 1 is 3 x 3, input 0 2 x 3", TN_ERR_SHAPE},
        {{3, {2, 3, 4}}, {2, {2, 3}}, "input 1 is 2 x 3, input 0 2 x 3 x 4", TN_ERR_SHAPE},
        {{1, {2}}, {1, {2}}, "concat1: x is 2, which has no axis 1", TN_ERR_ARGUMENT},
        {{4, {1, 2, 3, 4}}, {4, {1, 2, 3, 5}}, "they may differ in dimension 1 only", TN_ERR_SHAPE},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_concat(g, 2,
                  (tn_value[]){tn_input(g, "a", TN_F32, cases[i].a),
                               tn_input(g, "b", TN_F32, cases[i].b)},
                  NULL);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        tn_graph_destroy(g);
    }
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_concat(g, 0, NULL, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "0 inputs, not 1 to 32");
    tn_graph_destroy(g);

    enum { MANY = 17 };
    tn_value x[MANY];
    assert_ok(tn_graph_create(&g));
    for (int i = 0; i < MANY; i++)
        x[i] = tn_input(g, (char[]){(char)('a' + i), '\0'}, TN_F32, TN_SHAPE(1, INT64_C(1) << 60));
    assert_ok(tn_graph_status(g));
    tn_concat(g, 8, x, NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "concat1: dimension 1 would be more than 2^63");
    tn_graph_destroy(g);
    assert_ok(tn_graph_create(&g));
    for (int i = 0; i < MANY; i++)
        x[i] = tn_input(g, (char[]){(char)('a' + i), '\0'}, TN_F32, TN_SHAPE(1, 2));
    tn_concat(g, MANY, x, &(tn_concat_opts){.axis = 2});
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "concat1: x is 1 x 2, which has no axis 2");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(joins_one_twice),
        cmocka_unit_test(joins_blocked_layouts),
        cmocka_unit_test(keeps_layouts),
        cmocka_unit_test(joins_along_other_axes),
        cmocka_unit_test(joins_many),
        cmocka_unit_test(joins_groups_of_groups),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
