/* fake_quant: against its formula in double, and against PyTorch at ties and where it clamps. */
#include <math.h>
#include <string.h>

#include "golden/fake_quant.h"
#include "graph/op.h"
#include "lab_nan.h"

/* Scales such that no number of a case is on a tie. */
static const float three[] = {0.0117F, 0.0043F, 0.0171F};

typedef struct quant {
    tn_fake_quant_opts opts;
    bool three; /* scales: those above */
} quant;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const quant *q = opts;
    (void)num_x;
    const tn_value scales =
        q && q->three
            ? tn_constant(g, "scales", (tn_tensor){TN_F32, TN_SHAPE(3), (void *)(uintptr_t)three})
            : (tn_value){0};
    return tn_fake_quant(g, x[0], scales, q ? &q->opts : NULL);
}

/* Which channel element i has. */
static int64_t channel_of(const tn_shape *x, int axis, int64_t i)
{
    for (int d = x->ndim - 1; d > axis; d--)
        i /= x->dim[d];
    return i % x->dim[axis];
}

static double scale_of(const lab_ref *r, const quant *q, int64_t element)
{
    const tn_shape *x = &r->x_shape[0];
    const int given_axis = q ? q->opts.axis : 0, axis = given_axis == TN_ZERO ? 0
                                                        : given_axis < 0      ? given_axis + x->ndim
                                                        : given_axis          ? given_axis
                                                                              : -1;
    const int64_t channel = axis < 0 ? 0 : channel_of(x, axis, element);
    double most = 0;
    if (q && q->opts.scale != 0)
        return (double)q->opts.scale;
    if (q && q->three)
        return (double)three[channel];
    for (int64_t i = 0; i < tn_elements(x); i++)
        if (axis < 0 || channel_of(x, axis, i) == channel)
            most = fmax(most, fabs(r->x[0][i]));
    return most > 0 ? most / (q && q->opts.hi ? q->opts.hi : 127) : 1;
}

static double round_to(const lab_ref *r, int64_t i, bool *clamped)
{
    const quant *q = r->opts;
    const double scale = scale_of(r, q, i), zero = q ? q->opts.zero : 0;
    const double lo = q && q->opts.hi ? q->opts.lo : -127, hi = q && q->opts.hi ? q->opts.hi : 127;
    const double whole = rint(r->x[0][i] / scale) + zero;
    *clamped = whole < lo || whole > hi;
    return ((whole < lo ? lo : whole > hi ? hi : whole) - zero) * scale;
}

static void reference(const lab_ref *r)
{
    bool clamped;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = round_to(r, i, &clamped);
}

static void backward(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        bool clamped;
        (void)round_to(r, i, &clamped);
        r->dx[0][i] += clamped ? 0 : r->dy[i];
    }
}

static const lab_op op = {.build = build, .reference = reference, .backward = backward};
static const quant fixed = {{.scale = 0.0057F}}, u8 = {{.scale = 0.0031F, .hi = 255}},
                   shifted = {{.scale = 0.0073F, .zero = 100, .hi = 200}},
                   filters = {{.axis = TN_ZERO}}, found = {{.axis = 1}}, last = {{.axis = -1}},
                   seven = {{.axis = TN_ZERO, .lo = -63, .hi = 63}},
                   given = {{.axis = 1}, .three = true}, rows = {{.axis = TN_ZERO}, .three = true};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_case cases[] = {
        {"a scale that is found", {{{2, {3, 7}}, .no_batch = true}}},
        {"a scale of its own", {{{1, {37}}}}, &fixed},
        {"large", {{{2, {3, 9001}}}}, &fixed},
        {"behind a relu", {{{4, {2, 5, 7, 3}}}}, &u8},
        {"another zero", {{{4, {2, 5, 7, 3}}}}, &shifted},
        {"images, scales of channels", {{{4, {2, 3, 7, 5}}}}, &given},
        {"scales of columns", {{{2, {5, 3}}}}, &given},
        {"scales of the first dimension", {{{3, {3, 4, 5}}}}, &rows},
        {"weights, scales that are found", {{{4, {5, 3, 3, 3}}, .no_batch = true}}, &filters},
        {"seven bits", {{{2, {9, 31}}, .no_batch = true}}, &seven},
        {"channels, scales that are found", {{{4, {2, 16, 3, 5}}, .no_batch = true}}, &found},
        {"the last dimension", {{{2, {9, 5}}, .no_batch = true}}, &last},
    };
    lab_check_big(&op, cases, TN_COUNT(cases));
}

/* ---- blocks of channels ----------------------------------------------------------------------- */

enum { FILTERS = 19, PIXELS = 15 };

/* Behind a convolution whose sums are exact. */
static void run_behind(const char *device, const tn_fake_quant_opts *opts, float *y)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float x[3 * PIXELS];
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(1, 3, 3, 5));
    const tn_value conv = tn_conv2d(
        g, in,
        &(tn_conv2d_opts){
            .filters = FILTERS, .kernel = {1}, .weight = {.init = {TN_INIT_CONSTANT, -0.25F}}});
    const tn_value out = tn_fake_quant(g, conv, (tn_value){0}, opts);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
    for (int i = 0; i < 3 * PIXELS; i++)
        x[i] = (float)(i * 37 % 29 - 14);
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(1, 3, 3, 5), x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, TN_SHAPE(1, FILTERS, 3, 5), y}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const tn_fake_quant_opts cases[] = {
        {.scale = 0.073F}, {.scale = 0.3F, .zero = 7, .hi = 255}, {0}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        float y[FILTERS * PIXELS], want[FILTERS * PIXELS];
        run_behind("cpu,reference", &cases[i], want);
        run_behind("cpu", &cases[i], y);
        assert_memory_equal(y, want, sizeof y);
    }
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    static const lab_case cases[] = {
        {"one scale", {{{2, {5, 7}}}}, &fixed},
        {"scales of channels", {{{2, {5, 3}}}}, &given},
    };
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(cases); i++)
            lab_check_nan(&op, &cases[i], *device, false);
}

/* ---- PyTorch's --------------------------------------------------------------------------------- */

enum { COUNT = TN_COUNT(golden_x) };

typedef struct golden {
    const char *why;
    tn_fake_quant_opts opts;
    tn_shape shape;
    const float *y, *dx;
} golden;

static void check_golden(const golden *of, const char *device)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float y[COUNT], dx[COUNT], target[COUNT];
    const tn_tensor scales = {TN_F32, TN_SHAPE(3), (void *)(uintptr_t)golden_scales};
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, of->shape);
    const tn_value out = tn_fake_quant(
        g, x, of->opts.axis ? tn_constant(g, "scales", scales) : (tn_value){0}, &of->opts);
    const tn_value want = tn_input(g, "target", TN_F32, of->shape);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, out, want, NULL),
                                             .keep = &out,
                                             .num_keep = 1,
                                             .input_gradients = true}));
    for (int i = 0; i < COUNT; i++) /* so far away that the gradient of y is 1 */
        target[i] = of->y[i] - 0.5F * COUNT;
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, of->shape, (void *)(uintptr_t)golden_x}));
    assert_ok(tn_plan_set(p, want, (tn_tensor){TN_F32, of->shape, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, of->shape, y}));
    assert_ok(tn_plan_get_gradient(p, x, (tn_tensor){TN_F32, of->shape, dx}));
    for (int i = 0; i < COUNT; i++)
        if (y[i] != of->y[i] || fabsf(dx[i] - of->dx[i]) > 1e-6F)
            fail_msg("%s (%s): of %g y is %.9g, not %.9g, and dx %g, not %g", of->why, device,
                     (double)golden_x[i], (double)y[i], (double)of->y[i], (double)dx[i],
                     (double)of->dx[i]);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void is_as_pytorch_has_it(void **unused)
{
    (void)unused;
    static const golden all[] = {
        {"signed", {.scale = 0.125F}, {1, {COUNT}}, golden_signed_y, golden_signed_dx},
        {"-128",
         {.scale = 0.25F, .lo = -128, .hi = 127},
         {1, {COUNT}},
         golden_all_signed_y,
         golden_all_signed_dx},
        {"unsigned",
         {.scale = 0.25F, .hi = 255},
         {1, {COUNT}},
         golden_unsigned_y,
         golden_unsigned_dx},
        {"shifted",
         {.scale = 0.5F, .zero = 37, .hi = 255},
         {1, {COUNT}},
         golden_shifted_y,
         golden_shifted_dx},
        {"seven bits",
         {.scale = 0.25F, .lo = -63, .hi = 63},
         {1, {COUNT}},
         golden_seven_bits_y,
         golden_seven_bits_dx},
        {"axis 0", {.axis = TN_ZERO}, {2, {3, 6}}, golden_axis_0_y, golden_axis_0_dx},
        {"axis 1", {.axis = 1}, {3, {2, 3, 3}}, golden_axis_1_y, golden_axis_1_dx},
    };
    for (size_t i = 0; i < TN_COUNT(all); i++) {
        for (const char *const *device = lab_devices(); *device; device++)
            check_golden(&all[i], *device);
        check_golden(&all[i], "cpu,reference");
    }
}

/* ---- what cannot be ------------------------------------------------------------------------------ */

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        tn_fake_quant_opts opts;
        tn_status status;
        const char *text;
    } cases[] = {
        {{.scale = -1}, TN_ERR_ARGUMENT, "scale -1 is not above 0"},
        {{.scale = NAN}, TN_ERR_ARGUMENT, "scale nan is not above 0"},
        {{.scale = 1, .axis = 1}, TN_ERR_ARGUMENT, "axis 1 with the one scale 1"},
        {{.axis = 2}, TN_ERR_ARGUMENT, "x is 2 x 3, which has no axis 2"},
        {{.scale = 1, .lo = 5, .hi = 5}, TN_ERR_ARGUMENT, "from lo 5 to hi 5 with zero at 0"},
        {{.scale = 1, .zero = 128}, TN_ERR_ARGUMENT, "to hi 127 with zero at 128"},
        {{.scale = 1, .hi = 65536}, TN_ERR_ARGUMENT, "within +-65535"},
        {{.hi = 255}, TN_ERR_ARGUMENT, "lo 0, hi 255, zero 0: without a scale"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_fake_quant(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), (tn_value){0}, &cases[i].opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        tn_graph_destroy(g);
    }
}

static void refuses_scales(void **unused)
{
    (void)unused;
    static const struct {
        tn_shape shape;
        bool batched;
        tn_fake_quant_opts opts;
        const char *text;
    } cases[] = {
        {{1, {4}}, false, {.axis = 1}, "the scales are 4, not 3 numbers"},
        {{1, {3}}, false, {0}, "the scales are 3, not 1 numbers"},
        {{1, {1}}, false, {.scale = 1}, "scale 1, and an input of scales too"},
        {{1, {3}}, true, {.axis = 1}, "its scales depend on the batch"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
        tn_fake_quant(g, x,
                      tn_input_batched(g, "scales", TN_F32, cases[i].shape,
                                       cases[i].batched ? 0 : TN_NO_BATCH),
                      &cases[i].opts);
        assert_int_not_equal(tn_graph_status(g), TN_OK);
        assert_non_null(strstr(tn_error(), cases[i].text));
        tn_graph_destroy(g);
    }
}

/* They are numbers that somebody has measured: nobody trains them. */
static void trains_no_scales(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
        const tn_value y = tn_fake_quant(g, x, tn_param(g, "scales", TN_SHAPE(1), NULL), NULL);
        const tn_value loss = tn_mse(g, y, x, NULL);
        assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = loss}), TN_ERR_UNSUPPORTED,
                     "fake_quant1: its scales have no gradient");
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(is_as_pytorch_has_it),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_scales),
        cmocka_unit_test(trains_no_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
