/* softmax_xent of pixels and with weights: against loops in double and PyTorch. */
#include <math.h>
#include <string.h>

#include "golden/xent.h"
#include "lab_blocked.h"

typedef struct setup {
    tn_softmax_xent_opts xent;
    const float *classes; /* their weights; NULL: none */
    int filters;          /* of a convolution in front; 0: none */
} setup;

static const setup plain = {{0}, NULL, 0};

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts ? opts : &plain;
    const tn_value logits = s->filters ? lab_blocked(g, x[0], s->filters) : x[0];
    tn_value classes = {0};
    if (s->classes) {
        tn_shape shape;
        assert_ok(tn_value_shape(g, logits, &shape));
        classes =
            tn_constant(g, "classes",
                        (tn_tensor){TN_F32, TN_SHAPE(shape.dim[1]), (void *)(uintptr_t)s->classes});
    }
    return tn_softmax_xent_weighted(g, logits, x[1], num_x > 2 ? x[2] : (tn_value){0}, classes,
                                    &s->xent)
        .loss;
}

/* Adds to y, or to dx; of label i. */
static void visit(const lab_ref *r, const setup *s, int64_t i, double divisor, bool back)
{
    const int64_t K = r->x_shape[0].dim[1], *dim = r->x_shape[1].dim;
    int64_t inner = 1;
    for (int j = 1; j < r->x_shape[1].ndim; j++)
        inner *= dim[j];
    const int64_t first = i / inner * K * inner + i % inner, label = (int64_t)r->x[1][i];
    const double e = (double)s->xent.label_smoothing, row = r->num_x > 2 ? r->x[2][i] : 1;
    const double *x = r->x[0] + first;
    double max = x[0], sum = 0, loss = 0, all = 0;
    if (label < 0)
        return;
    for (int64_t k = 0; k < K; k++)
        max = fmax(max, x[k * inner]);
    for (int64_t k = 0; k < K; k++)
        sum += exp(x[k * inner] - max);
    for (int64_t k = 0; k < K; k++) {
        const double target =
            ((k == label ? 1 - e : 0) + e / (double)K) * (s->classes ? (double)s->classes[k] : 1);
        loss -= target * (x[k * inner] - max - log(sum));
        all += target;
        if (back && r->dx[0])
            r->dx[0][first + k * inner] -= r->dy[0] * row * target / divisor;
    }
    if (!back)
        r->y[0] += row * loss / divisor;
    for (int64_t k = 0; back && r->dx[0] && k < K; k++)
        r->dx[0][first + k * inner] +=
            r->dy[0] * row * all * exp(x[k * inner] - max) / sum / divisor;
    if (back && r->num_x > 2 && r->dx[2])
        r->dx[2][i] += r->dy[0] * loss / divisor;
}

static void visit_all(const lab_ref *r, bool back)
{
    const setup *s = r->opts ? r->opts : &plain;
    double divisor = 0;
    int64_t labels;
    assert_ok(tn_shape_count(&r->x_shape[1], &labels));
    for (int64_t i = 0; i < labels; i++)
        if (r->x[1][i] >= 0)
            divisor += s->classes ? (double)s->classes[(int)r->x[1][i]] : 1;
    if (!back)
        r->y[0] = 0;
    for (int64_t i = 0; i < labels; i++)
        visit(r, s, i, divisor > 0 ? divisor : 1, back);
}

static void reference(const lab_ref *r)
{
    visit_all(r, false);
}

static void backward(const lab_ref *r)
{
    visit_all(r, true);
}

static void reference_behind(const lab_ref *r)
{
    lab_ref behind = lab_behind_blocked(r);
    visit_all(&behind, false);
    free((void *)(uintptr_t)behind.x[0]);
}

static const float classes3[] = {0.5F, 2, 1.25F}, classes5[] = {1, 0.25F, 3, 0.5F, 2};

#define LABELS(low, high, ...)               \
    {                                        \
        {__VA_ARGS__}, TN_I32, (low), (high) \
    }
#define WEIGHTS(...)                          \
    {                                         \
        {__VA_ARGS__}, .low = 0.25, .high = 2 \
    }
#define SETUP(...) (&(const setup){__VA_ARGS__})

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build, .reference = reference, .backward = backward, .loss = true};
    const lab_case cases[] = {
        {"pixels, small", {{{4, {1, 2, 2, 2}}}, LABELS(-1, 1, 3, {1, 2, 2})}},
        {"pixels", {{{4, {2, 3, 3, 5}}, .low = -4, .high = 4}, LABELS(-1, 2, 3, {2, 3, 5})}},
        {"pixels, smoothed",
         {{{4, {2, 3, 3, 5}}}, LABELS(-1, 2, 3, {2, 3, 5})},
         SETUP({.label_smoothing = 0.1F})},
        {"points in time", {{{3, {3, 5, 7}}}, LABELS(0, 4, 2, {3, 7})}},
        {"no label at all", {{{4, {2, 3, 2, 2}}}, LABELS(-1, -1, 3, {2, 2, 2})}},
        {"one class", {{{4, {2, 1, 2, 2}}}, LABELS(-1, 0, 3, {2, 2, 2})}},
        {"more pixels than are done at once", {{{4, {2, 3, 9, 11}}}, LABELS(-1, 2, 3, {2, 9, 11})}},
        {"exp(x) alone would overflow",
         {{{4, {2, 3, 2, 3}}, .low = 9990, .high = 10000}, LABELS(0, 2, 3, {2, 2, 3})},
         SETUP({.label_smoothing = 0.1F})},
        {"weights of rows", {{{2, {9, 3}}}, LABELS(-1, 2, 1, {9}), WEIGHTS(1, {9})}},
        {"weights of pixels, smoothed",
         {{{4, {2, 3, 3, 4}}}, LABELS(-1, 2, 3, {2, 3, 4}), WEIGHTS(3, {2, 3, 4})},
         SETUP({.label_smoothing = 0.25F})},
        {"weights of classes", {{{2, {9, 5}}}, LABELS(-1, 4, 1, {9})}, SETUP(.classes = classes5)},
        {"weights of classes, smoothed",
         {{{2, {9, 5}}}, LABELS(-1, 4, 1, {9})},
         SETUP({.label_smoothing = 0.1F}, classes5)},
        {"weights of classes, of pixels",
         {{{4, {2, 3, 3, 4}}}, LABELS(-1, 2, 3, {2, 3, 4})},
         SETUP({.label_smoothing = 0.1F}, classes3)},
        {"all weights",
         {{{4, {2, 3, 3, 4}}}, LABELS(-1, 2, 3, {2, 3, 4}), WEIGHTS(3, {2, 3, 4})},
         SETUP({.label_smoothing = 0.1F}, classes3)},
        {"many pixels: added up in parts",
         {{{4, {1, 3, 130, 131}}}, LABELS(-1, 2, 3, {1, 130, 131}), WEIGHTS(3, {1, 130, 131})},
         SETUP(.classes = classes3),
         .big = true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* On a GPU the logits of a pixel are beside each other. */
static void agrees_behind_a_convolution(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build, .reference = reference_behind, .param = {{"weight"}}, .loss = true};
    const lab_case cases[] = {
        {"pixels", {{{4, {2, 2, 3, 3}}}, LABELS(-1, 2, 3, {2, 3, 3})}, SETUP(.filters = 3)},
        {"whole vectors, all weights",
         {{{4, {2, 2, 3, 3}}}, LABELS(-1, 4, 3, {2, 3, 3}), WEIGHTS(3, {2, 3, 3})},
         SETUP({.label_smoothing = 0.1F}, classes5, 5)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- PyTorch ------------------------------------------------------------------------------ */

enum { N = 2, K = 4, PIXELS = 6 };

static void compare(const char *device, const golden_xent *want)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape = TN_SHAPE(N, K, 2, 3), label_shape = TN_SHAPE(N, 2, 3);
    float x[N * K * PIXELS], classes[K], rows[N * PIXELS], loss;
    int32_t labels[N * PIXELS];
    memcpy(x, golden_xent_logits, sizeof x);
    memcpy(classes, golden_xent_classes, sizeof classes);
    memcpy(rows, golden_xent_rows, sizeof rows);
    memcpy(labels, golden_xent_pixels, sizeof labels);
    const tn_softmax_xent_opts opts = {.label_smoothing = (float)want->smoothing};
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "x", TN_F32, shape);
    const tn_value l = tn_input(g, "l", TN_I32, label_shape);
    tn_value c = {0}, r = {0};
    if (want->classes)
        c = tn_constant(g, NULL, (tn_tensor){TN_F32, TN_SHAPE(K), classes});
    if (want->rows)
        r = tn_constant(g, NULL, (tn_tensor){TN_F32, label_shape, rows});
    const tn_value y = tn_softmax_xent_weighted(g, a, l, r, c, &opts).loss;
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = y, .input_gradients = true, .precision = TN_PRECISION_F32}));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_set(p, l, (tn_tensor){TN_I32, label_shape, labels}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, {0}, &loss}));
    lab_assert_close("loss", &loss, &want->loss, 1, 1);
    assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, shape, x}));
    lab_assert_close("dx", x, want->dx, N * K * PIXELS, 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(golden_xent_cases); i++)
            compare(*device, &golden_xent_cases[i]);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape logits, labels, rows, classes;
        tn_status status;
        const char *text;
    } cases[] = {
        {{1, {4}}, {1, {4}}, {0}, {0}, TN_ERR_SHAPE, "logits are 4, without classes"},
        {{4, {4, 3, 2, 2}}, {1, {4}}, {0}, {0}, TN_ERR_SHAPE, "labels are 4, not 4 x 2 x 2"},
        {{2, {4, 3}}, {1, {4}}, {1, {3}}, {0}, TN_ERR_SHAPE, "weights of rows are 3, not 4"},
        {{2, {4, 3}}, {1, {4}}, {0}, {1, {4}}, TN_ERR_SHAPE, "weights of classes are 4, not 3"},
        {{2, {4, 3}}, {1, {4}}, {1, {4}}, {2, {3, 1}}, TN_ERR_SHAPE, "classes are 3 x 1, not 3"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        tn_value rows = {0}, classes = {0};
        assert_ok(tn_graph_create(&g));
        if (cases[i].rows.ndim)
            rows = tn_input(g, "rows", TN_F32, cases[i].rows);
        if (cases[i].classes.ndim)
            classes = tn_input(g, "classes", TN_F32, cases[i].classes);
        tn_softmax_xent_weighted(g, tn_input(g, "x", TN_F32, cases[i].logits),
                                 tn_input(g, "l", TN_I32, cases[i].labels), rows, classes, NULL);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        tn_graph_destroy(g);
    }
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_softmax_xent(g, tn_input(g, "x", TN_F32, TN_SHAPE(4, 3)),
                    tn_input(g, "l", TN_I32, TN_SHAPE(4)),
                    &(tn_softmax_xent_opts){.weights = TN_XENT_ROWS});
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "2 inputs, not the 3 of these weights");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_behind_a_convolution),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
