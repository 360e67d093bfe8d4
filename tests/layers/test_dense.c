/* dense: against loops in double, alone and with a relu behind it; NaNs; what it refuses. */
#include "graph/op.h"
#include "lab_nan.h"
#include "lab_op.h"

typedef struct dense_case {
    tn_dense_opts dense;
    bool relu;
} dense_case;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const dense_case *o = opts;
    (void)num_x;
    const tn_value y = tn_dense(g, x[0], &o->dense);
    return o->relu ? tn_relu(g, y, NULL) : y;
}

static void reference(const lab_ref *r)
{
    const dense_case *o = r->opts;
    const int64_t N = r->y_shape.dim[0], K = r->y_shape.dim[1], D = r->w_shape[0].dim[1];
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < K; k++) {
            double sum = r->w[1] ? r->w[1][k] : 0;
            for (int64_t d = 0; d < D; d++)
                sum += r->w[0][k * D + d] * r->x[0][n * D + d];
            r->y[n * K + k] = o->relu && sum < 0 ? 0 : sum;
        }
}

static void backward(const lab_ref *r)
{
    const dense_case *o = r->opts;
    const int64_t N = r->y_shape.dim[0], K = r->y_shape.dim[1], D = r->w_shape[0].dim[1];
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < K; k++) {
            if (o->relu && r->y[n * K + k] <= 0)
                continue;
            const double dy = r->dy[n * K + k];
            if (r->dw[1])
                r->dw[1][k] += dy;
            for (int64_t d = 0; d < D; d++) {
                if (r->dw[0])
                    r->dw[0][k * D + d] += dy * r->x[0][n * D + d];
                r->dx[0][n * D + d] += dy * r->w[0][k * D + d];
            }
        }
}

static const lab_op op = {
    .build = build,
    .reference = reference,
    .backward = backward,
    .param = {{.name = "weight"}, {.name = "bias"}},
};

#define OPTS(...)            \
    &(const dense_case)      \
    {                        \
        {__VA_ARGS__}, false \
    }
#define RELU(...)           \
    &(const dense_case)     \
    {                       \
        {__VA_ARGS__}, true \
    }

static const lab_case cases[] = {
    {.why = "small", .x = {{{2, {2, 3}}}}, .opts = OPTS(.units = 2)},
    {.why = "no bias", .x = {{{2, {3, 5}}}}, .opts = OPTS(.units = 4, .no_bias = true)},
    {.why = "feature maps are taken as N x D",
     .x = {{{4, {2, 3, 2, 2}}}},
     .opts = OPTS(.units = 5)},
    {.why = "three dimensions", .x = {{{3, {2, 4, 3}}}}, .opts = OPTS(.units = 3)},
    {.why = "one unit", .x = {{{2, {3, 7}}}}, .opts = OPTS(.units = 1)},
    {.why = "one number", .x = {{{2, {4, 1}}}}, .opts = OPTS(.units = 3)},
};

/* Gradients from backward(), for size or for the kinks of relu. */
static const lab_case large[] = {
    {.why = "relu absorbed", .x = {{{2, {4, 9}}}}, .opts = RELU(.units = 7), .big = true},
    {.why = "AlexNet's sixth layer, fewer units and images",
     .x = {{{4, {2, 256, 6, 6}}}},
     .opts = RELU(.units = 64),
     .big = true},
    {.why = "AlexNet's last", .x = {{{2, {2, 512}}}}, .opts = OPTS(.units = 1000), .big = true},
    {.why = "LeNet's first, no multiple of 16",
     .x = {{{4, {8, 50, 4, 4}}}},
     .opts = RELU(.units = 500),
     .big = true},
    {.why = "LeNet's last", .x = {{{2, {8, 500}}}}, .opts = OPTS(.units = 10), .big = true},
    {.why = "GoogLeNet's and ResNet's last, batch of 1",
     .x = {{{4, {1, 1024, 1, 1}}}},
     .opts = OPTS(.units = 100),
     .big = true},
    {.why = "batch larger than the layer",
     .x = {{{2, {150, 33}}}},
     .opts = RELU(.units = 17),
     .big = true},
    {.why = "many rows: a GPU cuts the sum for the bias",
     .x = {{{2, {1100, 3}}}},
     .opts = RELU(.units = 10),
     .big = true},
    {.why = "many rows and columns",
     .x = {{{2, {300, 5}}}},
     .opts = OPTS(.units = 300),
     .big = true},
    {.why = "bias frozen",
     .x = {{{2, {3, 40}}}},
     .opts = OPTS(.units = 20, .bias = {.frozen = true}),
     .big = true},
    {.why = "weights frozen, bias not",
     .x = {{{2, {3, 40}}}},
     .opts = RELU(.units = 20, .weight = {.frozen = true}),
     .big = true},
    {.why = "all frozen",
     .x = {{{2, {3, 40}}}},
     .opts = OPTS(.units = 20, .weight = {.frozen = true}, .bias = {.frozen = true}),
     .big = true},
    {.why = "many rows, bias frozen",
     .x = {{{2, {130, 40}}}},
     .opts = RELU(.units = 20, .bias = {.frozen = true}),
     .big = true},
    {.why = "many rows, weights frozen",
     .x = {{{2, {130, 40}}}},
     .opts = OPTS(.units = 20, .weight = {.frozen = true}),
     .big = true},
};

/* Around the vectors, tiles and chunks of the CPU's dense by tiles. */
static const lab_case tiles[] = {
    {.why = "1 input, 17 units", .x = {{{2, {5, 1}}}}, .opts = OPTS(.units = 17)},
    {.why = "17 inputs, 1 unit", .x = {{{2, {16, 17}}}}, .opts = RELU(.units = 1)},
    {.why = "less than a tile", .x = {{{2, {17, 15}}}}, .opts = RELU(.units = 15)},
    {.why = "a tile", .x = {{{2, {16, 16}}}}, .opts = OPTS(.units = 16)},
    {.why = "more than a tile, a lone vector of images",
     .x = {{{2, {33, 17}}}},
     .opts = RELU(.units = 33, .no_bias = true)},
    {.why = "an odd number of tiles across", .x = {{{2, {8, 48}}}}, .opts = OPTS(.units = 31)},
    {.why = "a chunk of both", .x = {{{2, {9, 256}}}}, .opts = RELU(.units = 256)},
    {.why = "a chunk and a number", .x = {{{2, {33, 257}}}}, .opts = RELU(.units = 257)},
    {.why = "several chunks, few units", .x = {{{2, {5, 1025}}}}, .opts = RELU(.units = 15)},
    {.why = "several chunks, few inputs", .x = {{{2, {17, 15}}}}, .opts = OPTS(.units = 1025)},
    {.why = "several of both; gradients past the caches",
     .x = {{{2, {33, 2100}}}},
     .opts = RELU(.units = 1025)},
    {.why = "as many images as there may be", .x = {{{2, {128, 40}}}}, .opts = RELU(.units = 24)},
};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_where_it_is_used(void **unused)
{
    (void)unused;
    lab_check_op(&op, large, TN_COUNT(large));
}

static const lab_kernel by_tiles = {.device = "cpu,prefer=tiles", .name = "tiles 16x16:"};

static void agrees_around_tiles(void **unused)
{
    (void)unused;
    lab_check_kernel(&by_tiles, &op, tiles, TN_COUNT(tiles));
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    const lab_case reached[] = {
        {.why = "few images", .x = {{{2, {3, 40}}}}, .opts = RELU(.units = 21)},
        {.why = "more: by tiles on the CPU", .x = {{{2, {17, 40}}}}, .opts = RELU(.units = 24)},
        {.why = "more than go by tiles", .x = {{{2, {150, 33}}}}, .opts = RELU(.units = 17)},
        {.why = "no bias", .x = {{{2, {150, 9}}}}, .opts = RELU(.units = 8, .no_bias = true)},
    };
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < 2 * TN_COUNT(reached); i++)
            lab_check_nan(&op, &reached[i / 2], *device, i % 2);
    lab_check_nan_by(&by_tiles, &op, &reached[1]);
}

static void begins_with_bias_zero(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float bias[6], weight[6 * 4];
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value y = tn_dense(g, tn_input(g, "x", TN_F32, TN_SHAPE(1, 4)),
                                &(tn_dense_opts){.name = "fc", .units = 6});
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "fc.bias"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(6), bias}));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "fc.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(6, 4), weight}));
    for (int i = 0; i < 6; i++)
        assert_true(bias[i] == 0 && weight[4 * i] != 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        tn_dtype dtype;
        tn_shape x;
        int units;
        tn_status status;
        const char *text;
    } wrong[] = {
        {TN_F32, {1, {5}}, 3, TN_ERR_SHAPE, "dense d: x is 5: 1 dimensions, not 2 or more"},
        {TN_F32, {2, {5, 2}}, 0, TN_ERR_ARGUMENT, "dense d: units is 0, not 1 or more"},
        {TN_F32, {2, {5, 2}}, TN_ZERO, TN_ERR_ARGUMENT, "dense d: units is 0, not 1 or more"},
        {TN_F32, {2, {5, 2}}, -4, TN_ERR_ARGUMENT, "units is -4"},
        {TN_U8, {2, {5, 2}}, 4, TN_ERR_ARGUMENT, "input 0 is u8, not f32"},
        {TN_F32, {2, {1, INT64_MAX / 8}}, 16, TN_ERR_SHAPE, "dense d: 16 x "},
    };
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_dense(g, tn_input(g, "x", wrong[i].dtype, wrong[i].x),
                 &(tn_dense_opts){.name = "d", .units = wrong[i].units});
        assert_fails(tn_graph_status(g), wrong[i].status, wrong[i].text);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula), cmocka_unit_test(agrees_where_it_is_used),
        cmocka_unit_test(agrees_around_tiles),     cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(begins_with_bias_zero),   cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
