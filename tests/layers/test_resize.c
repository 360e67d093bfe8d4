/* resize: up, down and to odd sizes, in the layouts that come; against loops in double and against PyTorch. */
#include <math.h>
#include <string.h>

#include "golden/shape.h"
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_resize(g, x[0], opts);
}

/* Behind a convolution, whose layout has blocks of channels. */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    const tn_value y =
        tn_conv2d(g, x[0], &(tn_conv2d_opts){.filters = 20, .kernel = {1}, .no_bias = true});
    return tn_resize(g, y, opts);
}

/* Where number p lies, in halves of 1 / b of a pixel, the scale being a / b. */
static int64_t place(const tn_resize_opts *o, int64_t p, int64_t out, int64_t in, int64_t a,
                     int64_t b)
{
    switch (o->place) {
    case TN_RESIZE_EDGES:
        return 2 * p * b;
    case TN_RESIZE_SYMMETRIC:
        return in * a - out * b + (2 * p + 1) * b - a;
    default:
        return (2 * p + 1) * b - a;
    }
}

static double nearest(tn_resize_round round, double u)
{
    switch (round) {
    case TN_RESIZE_HALF_DOWN:
        return ceil(u - 0.5);
    case TN_RESIZE_FLOOR:
        return floor(u);
    case TN_RESIZE_CEIL:
        return ceil(u);
    default:
        return floor(u + 0.5);
    }
}

/* What number i of `in` has to do with number p of `out`. Scales of the cases are fifths. */
static double weight(const tn_resize_opts *o, int64_t p, int64_t out, int64_t i, int64_t in,
                     float scale)
{
    const int64_t a = scale > 0 ? lrintf(5 * scale) : out, b = scale > 0 ? 5 : in;
    double u = (double)place(o, p, out, in, a, b) / (double)(2 * a);
    if (o->place == TN_RESIZE_CORNERS)
        u = out == 1 ? 0 : (double)(p * (in - 1)) / (double)(out - 1);
    if (o->kind == TN_RESIZE_NEAREST)
        u = nearest(o->round, u);
    u = u < 0 ? 0 : u > (double)(in - 1) ? (double)(in - 1) : u;
    return fabs(u - (double)i) < 1 ? 1 - fabs(u - (double)i) : 0;
}

/* Of images[n], which have as many channels as y. */
static void resize(const lab_ref *r, const double *images)
{
    const int64_t H = r->x_shape[0].dim[2], W = r->x_shape[0].dim[3];
    const int64_t P = r->y_shape.dim[2], Q = r->y_shape.dim[3];
    const tn_resize_opts *o = r->opts;
    for (int64_t n = 0; n < r->y_shape.dim[0] * r->y_shape.dim[1]; n++)
        for (int64_t p = 0; p < P; p++)
            for (int64_t q = 0; q < Q; q++) {
                double sum = 0;
                for (int64_t h = 0; h < H; h++)
                    for (int64_t w = 0; w < W; w++)
                        sum += weight(o, p, P, h, H, o->row_scale) *
                               weight(o, q, Q, w, W, o->column_scale) * images[(n * H + h) * W + w];
                r->y[(n * P + p) * Q + q] = sum;
            }
}

static void reference(const lab_ref *r)
{
    resize(r, r->x[0]);
}

static void reference_behind(const lab_ref *r)
{
    const int64_t N = r->x_shape[0].dim[0], C = r->x_shape[0].dim[1], K = r->w_shape[0].dim[0];
    const int64_t pixels = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    double *conv = calloc((size_t)(N * K * pixels), sizeof *conv);
    assert_non_null(conv);
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < K; k++)
            for (int64_t c = 0; c < C; c++)
                for (int64_t i = 0; i < pixels; i++)
                    conv[(n * K + k) * pixels + i] +=
                        r->w[0][k * C + c] * r->x[0][(n * C + c) * pixels + i];
    resize(r, conv);
    free(conv);
}

#define TO(...)               \
    .opts = &(tn_resize_opts) \
    {                         \
        __VA_ARGS__           \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_op behind = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    const lab_case cases[] = {
        {.why = "small: twice", .x = {{{4, {1, 2, 2, 3}}}}, TO(.factor = 2)},
        {.why = "twice, between",
         .x = {{{4, {2, 3, 3, 4}}}},
         TO(.kind = TN_RESIZE_LINEAR, .factor = 2)},
        {.why = "half", .x = {{{4, {1, 2, 6, 4}}}}, TO(.factor = 0.5f)},
        {.why = "half, between",
         .x = {{{4, {1, 2, 6, 4}}}},
         TO(.kind = TN_RESIZE_LINEAR, .factor = 0.5f)},
        {.why = "to an odd size", .x = {{{4, {2, 2, 5, 7}}}}, TO(.size = {9, 4})},
        {.why = "to an odd size, between",
         .x = {{{4, {2, 2, 5, 7}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {9, 4})},
        {.why = "corners on corners",
         .x = {{{4, {2, 2, 5, 7}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {9, 4}, .place = TN_RESIZE_CORNERS)},
        {.why = "corners, of one pixel and to one",
         .x = {{{4, {1, 2, 1, 6}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {4, 1}, .place = TN_RESIZE_CORNERS)},
        {.why = "from one pixel",
         .x = {{{4, {1, 3, 1, 1}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {3})},
        {.why = "to one pixel",
         .x = {{{4, {1, 3, 5, 4}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {1})},
        {.why = "nearest of corners",
         .x = {{{4, {1, 2, 5, 4}}}},
         TO(.size = {9, 3}, .place = TN_RESIZE_CORNERS)},
        {.why = "the one before, of two as near",
         .x = {{{4, {1, 2, 6, 5}}}},
         TO(.size = {3, 10}, .round = TN_RESIZE_HALF_DOWN)},
        {.why = "always the one before, from the edge",
         .x = {{{4, {1, 2, 5, 4}}}},
         TO(.size = {9, 6}, .place = TN_RESIZE_EDGES, .round = TN_RESIZE_FLOOR)},
        {.why = "always the one behind",
         .x = {{{4, {1, 2, 5, 4}}}},
         TO(.size = {8, 3}, .place = TN_RESIZE_EDGES, .round = TN_RESIZE_CEIL)},
        {.why = "one before, one behind, of middles",
         .x = {{{4, {1, 2, 4, 4}}}},
         TO(.size = {8, 8}, .round = TN_RESIZE_CEIL)},
        {.why = "between, from the edge",
         .x = {{{4, {2, 3, 5, 4}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {8, 3}, .place = TN_RESIZE_EDGES)},
        {.why = "scales of their own",
         .x = {{{4, {1, 2, 4, 6}}}},
         TO(.size = {2, 8}, .row_scale = 0.6f, .column_scale = 1.4f)},
        {.why = "scales of their own, between",
         .x = {{{4, {1, 2, 4, 6}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {3, 7}, .row_scale = 0.8f, .column_scale = 1.2f)},
        {.why = "what a scale leaves over, on both sides",
         .x = {{{4, {1, 2, 4, 6}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {3, 7}, .place = TN_RESIZE_SYMMETRIC,
            .row_scale = 0.8f, .column_scale = 1.2f)},
        {.why = "nearest, on both sides",
         .x = {{{4, {1, 2, 4, 6}}}},
         TO(.size = {2, 8}, .place = TN_RESIZE_SYMMETRIC, .round = TN_RESIZE_HALF_DOWN,
            .row_scale = 0.6f, .column_scale = 1.4f)},
        {.why = "far down", .x = {{{4, {1, 2, 13, 11}}}}, TO(.size = {2, 3})},
        {.why = "whole vectors of channels",
         .x = {{{4, {1, 16, 3, 3}}}},
         TO(.kind = TN_RESIZE_LINEAR, .factor = 1.5f)},
        {.why = "as it is",
         .x = {{{4, {1, 2, 3, 4}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {3, 4})},
    };
    const lab_case images[] = {
        {.why = "blocks of channels", .x = {{{4, {1, 16, 3, 4}}}}, TO(.factor = 2)},
        {.why = "blocks of channels, between",
         .x = {{{4, {1, 16, 4, 3}}}},
         TO(.kind = TN_RESIZE_LINEAR, .size = {5, 6})},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
    lab_check_op(&behind, images, TN_COUNT(images));
}

/* ---- PyTorch -------------------------------------------------------------------------------- */

static void compare(const char *device, const tn_resize_opts *opts, const double *want_y,
                    const double *want_dx)
{
    const tn_shape x_shape = TN_SHAPE(2, 3, 5, 7);
    tn_shape y_shape = x_shape;
    float in[2 * 3 * 5 * 7], dx[2 * 3 * 5 * 7], y[2 * 3 * 9 * 14];
    static float zero[2 * 3 * 9 * 14];
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    y_shape.dim[2] = opts->size[0];
    y_shape.dim[3] = opts->size[1];
    memcpy(in, golden_resize_x, sizeof in);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, x_shape), t = tn_input(g, "t", TN_F32, y_shape);
    const tn_value b = tn_resize(g, a, opts);
    const tn_plan_opts how = {
        .loss = tn_mse(g, b, t, NULL), .keep = &b, .num_keep = 1, .input_gradients = true};
    assert_ok(tn_plan_create(&p, g, d, &how));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, x_shape, in}));
    assert_ok(tn_plan_set(p, t, (tn_tensor){TN_F32, y_shape, zero}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, b, (tn_tensor){TN_F32, y_shape, y}));
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, x_shape, dx}));
    lab_assert_close("y", y, want_y, 6 * y_shape.dim[2] * y_shape.dim[3], 1);
    lab_assert_close("dx", dx, want_dx, TN_COUNT(dx), 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    static const struct {
        tn_resize_opts opts;
        const double *y, *dx;
    } cases[] = {
        {{.size = {9, 14}}, golden_nearest_up_y, golden_nearest_up_dx},
        {{.size = {3, 4}}, golden_nearest_down_y, golden_nearest_down_dx},
        {{.kind = TN_RESIZE_LINEAR, .size = {9, 14}}, golden_linear_up_y, golden_linear_up_dx},
        {{.kind = TN_RESIZE_LINEAR, .size = {3, 4}}, golden_linear_down_y, golden_linear_down_dx},
        {{.kind = TN_RESIZE_LINEAR, .size = {9, 14}, .place = TN_RESIZE_CORNERS},
         golden_corners_up_y,
         golden_corners_up_dx},
        {{.kind = TN_RESIZE_LINEAR, .size = {3, 4}, .place = TN_RESIZE_CORNERS},
         golden_corners_down_y,
         golden_corners_down_dx},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        for (const char *const *device = lab_devices(); *device; device++)
            compare(*device, &cases[i].opts, cases[i].y, cases[i].dx);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static void rounds_down(void **unused)
{
    (void)unused;
    static const struct {
        int size;
        float factor;
        int want;
    } cases[] = {{10, 0.7f, 7}, {5, 1.5f, 7}, {3, 0.34f, 1}, {7, 2, 14}, {224, 1.0f / 7, 32}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        tn_shape y;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 1, cases[i].size, 8));
        assert_ok(
            tn_value_shape(g, tn_resize(g, x, &(tn_resize_opts){.factor = cases[i].factor}), &y));
        assert_int_equal(y.dim[2], cases[i].want);
        tn_graph_destroy(g);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    const tn_shape image = TN_SHAPE(1, 2, 3, 4);
    LAB_REFUSES(TN_ERR_SHAPE, "resize1: input 0 is 2 x 3", TN_SHAPE(2, 3),
                tn_resize(g, x, &(tn_resize_opts){.factor = 2}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "size 0 x 0 and factor 0: one of the two is needed", image,
                tn_resize(g, x, &(tn_resize_opts){.name = "r"}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "size 2 x 2 and factor 2: one of the two is needed", image,
                tn_resize(g, x, &(tn_resize_opts){.size = {2}, .factor = 2}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "factor -1", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = -1}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "factor nan", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = NAN}));
    LAB_REFUSES(TN_ERR_SHAPE, "1 x 2 x 3 x 4 would be 0 in dimension 2", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = 0.25f}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "no place 4 or no rounding 0", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = 2, .place = 4}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "no place 0 or no rounding 4", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = 2, .round = 4}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "only the nearest is rounded", image,
                tn_resize(g, x,
                          &(tn_resize_opts){
                              .kind = TN_RESIZE_LINEAR, .factor = 2, .round = TN_RESIZE_FLOOR}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "scale 1e-06 is not in [2^-16, 2^16]", image,
                tn_resize(g, x, &(tn_resize_opts){.size = {2}, .column_scale = 1e-6f}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "a scale needs a size", image,
                tn_resize(g, x, &(tn_resize_opts){.factor = 2, .row_scale = 2}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "5 is no kind", image,
                tn_resize(g, x, &(tn_resize_opts){.kind = 5, .factor = 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(rounds_down),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
