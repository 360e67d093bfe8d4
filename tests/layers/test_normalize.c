/* normalize: layer, instance and group norm against loops in double and PyTorch, over shapes and layouts. */
#include <math.h>
#include <string.h>

#include "golden/normalize.h"
#include "graph/graph.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_normalize(g, x[0], opts);
}

/* Element i of x: its channel, of `channels`, and its group, of `groups` through all images. */
typedef struct sizes {
    int64_t count, groups, channels, area, each; /* each: elements of a group */
} sizes;

static sizes read_sizes(const lab_ref *r)
{
    const tn_normalize_opts *o = r->opts ? r->opts : &(tn_normalize_opts){0};
    const tn_shape *x = &r->x_shape[0];
    sizes s = {.channels = x->dim[1], .area = 1};
    assert_ok(tn_shape_count(x, &s.count));
    for (int i = 2; i < x->ndim; i++)
        s.area *= x->dim[i];
    if (o->kind == TN_NORM_LAYER) {
        s.channels = s.area = 1;
        for (int i = x->ndim - (o->dims ? o->dims : 1); i < x->ndim; i++)
            s.channels *= x->dim[i];
        s.each = s.channels;
    } else if (o->kind == TN_NORM_INSTANCE) {
        s.each = s.area;
    } else {
        s.each = s.channels / o->groups * s.area;
    }
    s.groups = s.count / s.each;
    return s;
}

static void reference(const lab_ref *r)
{
    const tn_normalize_opts *o = r->opts ? r->opts : &(tn_normalize_opts){0};
    const sizes s = read_sizes(r);
    for (int64_t g = 0; g < s.groups; g++) {
        const double *x = r->x[0] + g * s.each;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < s.each; i++)
            mean += x[i] / (double)s.each;
        for (int64_t i = 0; i < s.each; i++)
            var += pow(x[i] - mean, 2) / (double)s.each;
        for (int64_t i = 0; i < s.each; i++) {
            const int64_t c = (g * s.each + i) / s.area % s.channels;
            r->y[g * s.each + i] = (x[i] - mean) / sqrt(var + lab_option(o->epsilon, 1e-5F)) *
                                       (r->w[0] ? r->w[0][c] : 1) +
                                   (r->w[1] ? r->w[1][c] : 0);
        }
    }
}

#define PARAMETERS            \
    {                         \
        {"weight", 0.5, 1.5}, \
        {                     \
            "bias"            \
        }                     \
    }
#define LAYER(...) (&(const tn_normalize_opts){.kind = TN_NORM_LAYER, __VA_ARGS__})
#define INSTANCE(...) (&(const tn_normalize_opts){.kind = TN_NORM_INSTANCE, __VA_ARGS__})
#define GROUP(n, ...) \
    (&(const tn_normalize_opts){.kind = TN_NORM_GROUP, .groups = (n), __VA_ARGS__})

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .param = PARAMETERS};
    const lab_case cases[] = {
        {.why = "layer: rows", .x = {{{2, {3, 8}}}}},
        {.why = "layer: no whole vectors", .x = {{{3, {2, 3, 7}}}}},
        {.why = "layer: two dimensions", .x = {{{3, {4, 3, 5}}}}, .opts = LAYER(.dims = 2)},
        {.why = "layer: all of an image", .x = {{{4, {3, 2, 3, 2}}}}, .opts = LAYER(.dims = 3)},
        {.why = "layer: more than a warp takes", .x = {{{2, {2, 1040}}}}},
        {.why = "layer: more rows than stretches", .x = {{{2, {67, 5}}}}},
        {.why = "layer: many rows and channels", .x = {{{2, {131, 8}}}}},
        {.why = "layer: far from 0",
         .x = {{{2, {5, 16}}, .low = 100, .high = 101}},
         .f32_only = true},
        {.why = "layer: a large epsilon", .x = {{{2, {5, 6}}}}, .opts = LAYER(.epsilon = 0.5F)},
        {.why = "layer: no weight", .x = {{{2, {5, 6}}}}, .opts = LAYER(.no_weight = true)},
        {.why = "layer: no bias", .x = {{{2, {5, 6}}}}, .opts = LAYER(.no_bias = true)},
        {.why = "layer: neither",
         .x = {{{2, {5, 6}}}},
         .opts = LAYER(.no_weight = true, .no_bias = true)},
        {.why = "instance: images", .x = {{{4, {2, 3, 4, 5}}}}, .opts = INSTANCE(.name = NULL)},
        {.why = "instance: of one dimension",
         .x = {{{3, {2, 3, 8}}}},
         .opts = INSTANCE(.name = NULL)},
        {.why = "instance: no bias", .x = {{{4, {2, 3, 4, 4}}}}, .opts = INSTANCE(.no_bias = true)},
        {.why = "group: two", .x = {{{4, {3, 6, 3, 5}}}}, .opts = GROUP(2, .name = NULL)},
        {.why = "group: of rows", .x = {{{2, {5, 12}}}}, .opts = GROUP(3, .name = NULL)},
        {.why = "group: one of all", .x = {{{4, {2, 4, 2, 4}}}}, .opts = GROUP(1, .name = NULL)},
        {.why = "group: more than a warp takes",
         .x = {{{4, {1, 2, 23, 23}}}},
         .opts = GROUP(1, .name = NULL)},
        {.why = "group: no weight",
         .x = {{{4, {3, 6, 2, 2}}}},
         .opts = GROUP(3, .no_weight = true)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_normalize(g, tn_pool2d(g, x[0], &(tn_pool2d_opts){.kernel = {1}}), opts);
}

/* On a GPU such images are nhwc; a pooling of one pixel changes nothing. */
static void agrees_behind_a_pooling(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_behind, .reference = reference, .param = PARAMETERS};
    const lab_case cases[] = {
        {.why = "group: whole vectors",
         .x = {{{4, {2, 16, 3, 2}}}},
         .opts = GROUP(2, .name = NULL)},
        {.why = "group: fewer channels than a vector",
         .x = {{{4, {2, 12, 3, 2}}}},
         .opts = GROUP(4, .name = NULL)},
        {.why = "group: more than a warp takes",
         .x = {{{4, {1, 16, 9, 16}}}},
         .opts = GROUP(2, .name = NULL)},
        {.why = "instance", .x = {{{4, {2, 5, 3, 4}}}}, .opts = INSTANCE(.name = NULL)},
        {.why = "layer: columns", .x = {{{4, {2, 3, 3, 4}}}}, .opts = LAYER(.name = NULL)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- PyTorch ------------------------------------------------------------------------------ */

static void compare(const char *device, const golden_normalize *want)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_shape shape = {.ndim = want->ndim};
    memcpy(shape.dim, want->dim, sizeof want->dim);
    const tn_shape whole = shape;
    tn_normalize_opts opts = {.name = "norm",
                              .kind = (tn_norm_kind)want->kind,
                              .dims = want->dims,
                              .groups = want->groups};
    float x[GOLDEN_NORMALIZE_COUNT], target[GOLDEN_NORMALIZE_COUNT], got[GOLDEN_NORMALIZE_COUNT];
    memcpy(x, golden_normalize_x, sizeof x);
    memcpy(target, golden_normalize_target, sizeof target);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "x", TN_F32, whole), t = tn_input(g, "t", TN_F32, whole);
    const tn_value y = tn_normalize(g, a, &opts);
    const tn_value loss = tn_mse(g, y, t, NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = loss,
                                             .keep = &y,
                                             .num_keep = 1,
                                             .input_gradients = true,
                                             .precision = TN_PRECISION_F32}));
    for (int i = 0; i < 2; i++) {
        tn_param_info info;
        float w[GOLDEN_NORMALIZE_COUNT];
        const int index = tn_plan_find_param(p, i ? "norm.bias" : "norm.weight");
        assert_ok(tn_plan_param(p, index, &info));
        memcpy(w, i ? golden_normalize_bias : golden_normalize_weight, sizeof w);
        assert_ok(tn_plan_param_set(p, index, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, w}));
    }
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, whole, x}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, whole, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, whole, got}));
    lab_assert_close("y", got, want->y, GOLDEN_NORMALIZE_COUNT, 1);
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, whole, got}));
    lab_assert_close("dx", got, want->dx, GOLDEN_NORMALIZE_COUNT, 0.01);
    for (int i = 0; i < 2; i++) {
        tn_param_info info;
        int64_t count;
        const int index = tn_plan_find_param(p, i ? "norm.bias" : "norm.weight");
        assert_ok(tn_plan_param(p, index, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        assert_ok(
            tn_plan_param_get(p, index, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, got}));
        lab_assert_close(i ? "dbias" : "dweight", got, i ? want->dbias : want->dweight, count,
                         0.01);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(golden_normalize_cases); i++)
            compare(*device, &golden_normalize_cases[i]);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape x;
        tn_normalize_opts opts;
        tn_status status;
        const char *text;
    } cases[] = {
        {{2, {4, 6}}, {.dims = 2}, TN_ERR_SHAPE, "2 dimensions of x 4 x 6 cannot be"},
        {{2, {4, 6}}, {.dims = -1}, TN_ERR_SHAPE, "-1 dimensions of x 4 x 6"},
        {{1, {4}}, {0}, TN_ERR_SHAPE, "1 dimensions of x 4 cannot"},
        {{2, {4, 1}}, {0}, TN_ERR_SHAPE, "one element of x 4 x 1 at a time has no variance"},
        {{2, {4, 6}}, {.kind = TN_NORM_INSTANCE}, TN_ERR_SHAPE, "one element of x 4 x 6"},
        {{1, {6}}, {.kind = TN_NORM_INSTANCE}, TN_ERR_SHAPE, "x is 6, without channels"},
        {{2, {4, 6}}, {.kind = TN_NORM_GROUP}, TN_ERR_SHAPE, "0 groups do not divide"},
        {{2, {4, 6}}, {.kind = TN_NORM_GROUP, .groups = 4}, TN_ERR_SHAPE, "4 groups do not"},
        {{2, {4, 6}}, {.kind = TN_NORM_GROUP, .groups = -2}, TN_ERR_SHAPE, "-2 groups do not"},
        {{2, {4, 6}}, {.groups = 2}, TN_ERR_ARGUMENT, "groups is 2, which this kind has not"},
        {{2, {4, 6}},
         {.kind = TN_NORM_GROUP, .groups = 2, .dims = 1},
         TN_ERR_ARGUMENT,
         "dims is 1, which"},
        {{2, {4, 6}}, {.kind = (tn_norm_kind)3}, TN_ERR_ARGUMENT, "3 is no kind of it"},
        {{2, {4, 6}}, {.epsilon = -1}, TN_ERR_ARGUMENT, "epsilon -1 is not above 0"},
        {{2, {4, 6}}, {.epsilon = TN_ZERO}, TN_ERR_ARGUMENT, "epsilon 0 is not above 0"},
        {{2, {4, 6}}, {.epsilon = NAN}, TN_ERR_ARGUMENT, "nan is not above 0"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        tn_normalize_opts opts = cases[i].opts;
        opts.name = "odd";
        assert_ok(tn_graph_create(&g));
        tn_normalize(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        assert_true(strncmp(tn_error(), "normalize odd: ", 15) == 0);
        tn_graph_destroy(g);
    }
}

/* Several devices cannot share rows that a group mixes. */
static void knows_the_batch(void **unused)
{
    (void)unused;
    const struct {
        tn_normalize_opts opts;
        int x_batch, y_batch;
    } cases[] = {
        {{.dims = 2}, 0, 0},
        {{.dims = 2}, 1, TN_BATCH_MIXED},
        {{.dims = 1}, 1, 1},
        {{.kind = TN_NORM_INSTANCE}, 0, 0},
        {{.kind = TN_NORM_INSTANCE}, 1, TN_BATCH_MIXED},
        {{.kind = TN_NORM_GROUP, .groups = 1}, TN_NO_BATCH, TN_BATCH_NONE},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input_batched(g, "x", TN_F32, TN_SHAPE(2, 3, 4), cases[i].x_batch);
        const tn_value y = tn_normalize(g, x, &cases[i].opts);
        assert_int_equal(g->node[g->value[y.id - 1].node]->y_batch[0], cases[i].y_batch);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula), cmocka_unit_test(agrees_behind_a_pooling),
        cmocka_unit_test(agrees_with_pytorch),     cmocka_unit_test(refuses),
        cmocka_unit_test(knows_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
