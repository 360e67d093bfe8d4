/* softmax_xent: against loops in double and PyTorch; counts; labels and logits that are none. */
#include <math.h>
#include <string.h>

#include "golden/softmax_xent.h"
#include "lab_op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_softmax_xent(g, x[0], x[1], opts).loss;
}

static void reference(const lab_ref *r)
{
    const tn_softmax_xent_opts *o = r->opts;
    const double e = o ? (double)o->label_smoothing : 0;
    const int64_t rows = r->x_shape[0].dim[0], classes = r->x_shape[0].dim[1];
    double total = 0, counted = 0;
    for (int64_t n = 0; n < rows; n++) {
        const double *x = r->x[0] + n * classes;
        const int64_t label = (int64_t)r->x[1][n];
        double max = x[0], sum = 0;
        if (label < 0)
            continue;
        counted++;
        for (int64_t k = 0; k < classes; k++)
            max = fmax(max, x[k]);
        for (int64_t k = 0; k < classes; k++)
            sum += exp(x[k] - max);
        for (int64_t k = 0; k < classes; k++) {
            const double target = (k == label ? 1 - e : 0) + e / (double)classes;
            total -= target * (x[k] - max - log(sum));
        }
    }
    r->y[0] = counted > 0 ? total / counted : 0;
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference, .loss = true};
    static const tn_softmax_xent_opts smooth = {.label_smoothing = 0.1F};
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {3, 4}}}, {{1, {3}}, TN_I32, 0, 3}}},
        {.why = "some rows are ignored",
         .x = {{{2, {9, 3}}, .low = -4, .high = 4}, {{1, {9}}, TN_I32, -1, 2}}},
        {.why = "smoothed, and some ignored",
         .x = {{{2, {9, 3}}, .low = -4, .high = 4}, {{1, {9}}, TN_I32, -1, 2}},
         .opts = &smooth},
        {.why = "all rows are ignored", .x = {{{2, {4, 3}}}, {{1, {4}}, TN_I32, -1, -1}}},
        {.why = "one class, smoothed",
         .x = {{{2, {4, 1}}}, {{1, {4}}, TN_I32, -1, 0}},
         .opts = &smooth},
        {.why = "ImageNet's classes", .x = {{{2, {4, 1000}}}, {{1, {4}}, TN_I32, 0, 999}}},
        {.why = "more classes than a warp takes, smoothed",
         .x = {{{2, {5, 2048}}}, {{1, {5}}, TN_I32, -1, 2047}},
         .opts = &smooth},
        {.why = "more, and no whole vectors", .x = {{{2, {3, 1031}}}, {{1, {3}}, TN_I32, 0, 1030}}},
        {.why = "more rows than a block has threads",
         .x = {{{2, {301, 3}}}, {{1, {301}}, TN_I32, -1, 2}}},
        {.why = "exp(x) alone would overflow",
         .x = {{{2, {4, 5}}, .low = 9990, .high = 10000}, {{1, {4}}, TN_I32, 0, 4}},
         .opts = &smooth},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- single runs -------------------------------------------------------------------------- */

enum { ROWS = 4, CLASSES = 6 };

typedef struct outcome {
    float loss, dx[ROWS * CLASSES];
    int32_t top_1, top_k;
} outcome;

static const char *where; /* the device that is tried */

static tn_status try(const float *x, const int32_t *labels, const tn_softmax_xent_opts *opts,
                     bool training, outcome *out)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape = TN_SHAPE(ROWS, CLASSES);
    float logits[ROWS * CLASSES];
    int32_t classes[ROWS];
    memcpy(logits, x, sizeof logits);
    memcpy(classes, labels, sizeof classes);
    assert_ok(tn_device_open(&d, where));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "logits", TN_F32, shape);
    const tn_value b = tn_input(g, "labels", TN_I32, TN_SHAPE(ROWS));
    const tn_loss y = tn_softmax_xent(g, a, b, opts);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = y.loss, .input_gradients = true}));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, logits}));
    assert_ok(tn_plan_set(p, b, (tn_tensor){TN_I32, TN_SHAPE(ROWS), classes}));
    /* A device that works on its own tells at the first look at what it did, and only once. */
    tn_status status = training ? tn_plan_run(p) : tn_plan_evaluate(p);
    if (status == TN_OK)
        status = tn_plan_get(p, y.loss, (tn_tensor){TN_F32, {0}, &out->loss});
    assert_ok(tn_plan_get(p, y.loss, (tn_tensor){TN_F32, {0}, &out->loss}));
    assert_ok(tn_plan_get(p, y.top_1, (tn_tensor){TN_I32, {0}, &out->top_1}));
    assert_ok(tn_plan_get(p, y.top_k, (tn_tensor){TN_I32, {0}, &out->top_k}));
    if (training)
        assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, shape, out->dx}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return status;
}

static void on_each_device(void (*check)(void))
{
    for (const char *const *device = lab_devices(); *device; device++) {
        where = *device;
        check();
    }
}

static void compare_with_pytorch(void)
{
    const struct {
        float smoothing;
        const double *loss, *dx;
    } cases[] = {
        {0, golden_xent_plain_loss, golden_xent_plain_dx},
        {0.1F, golden_xent_smooth_loss, golden_xent_smooth_dx},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        outcome got;
        const tn_softmax_xent_opts opts = {.label_smoothing = cases[i].smoothing};
        assert_ok(try(golden_xent_x, golden_xent_labels, &opts, true, &got));
        lab_assert_close("loss", &got.loss, cases[i].loss, 1, 1);
        lab_assert_close("dx", got.dx, cases[i].dx, ROWS * CLASSES, 0);
    }
}

static void agrees_with_pytorch(void **unused)
{
    (void)unused;
    on_each_device(compare_with_pytorch);
}

/* The label's place is 1st, 2nd, 3rd and last; of equals the lower class comes first. */
static void check_counts(void)
{
    static const float x[] = {9, 1, 2, 3, 4, 5, /**/ 7, 7, 2, 3, 4, 5,
                              5, 6, 4, 4, 4, 3, /**/ 1, 2, 3, 4, 5, 6};
    static const int32_t second[] = {0, 1, 2, 0}, first[] = {0, 0, 1, 5},
                         ignored[] = {0, -1, 2, -1};
    static const int32_t third_of_equals[] = {0, 0, 4, 0};
    const struct {
        const char *why;
        const int32_t *labels;
        int top_k, want_1, want_k;
    } cases[] = {
        {"default is 5 of 6", second, 0, 1, 3},
        {"2 takes the tied second", second, 2, 1, 2},
        {"all of them", second, 6, 1, 4},
        {"more than there are", second, 100, 1, 4},
        {"all are first, the lower of two equals too", first, 1, 4, 4},
        {"ignored rows are in no count", ignored, 3, 1, 2},
        {"the last of three equals is fifth", third_of_equals, 4, 2, 2},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        for (int training = 0; training < 2; training++) {
            outcome got;
            const tn_softmax_xent_opts opts = {.top_k = cases[i].top_k};
            assert_ok(try(x, cases[i].labels, &opts, training, &got));
            if (got.top_1 != cases[i].want_1 || got.top_k != cases[i].want_k)
                fail_msg("%s (%s): %d and %d, not %d and %d", cases[i].why, where, got.top_1,
                         got.top_k, cases[i].want_1, cases[i].want_k);
        }
}

static void counts_the_right_ones(void **unused)
{
    (void)unused;
    on_each_device(check_counts);
}

static void check_bad_labels(void)
{
    outcome got;
    const float x[ROWS * CLASSES] = {0};
    const tn_softmax_xent_opts opts = {.name = "loss"};
    assert_fails(try(x, (int32_t[]){0, 1, 2, 1000}, &opts, true, &got), TN_ERR_ARGUMENT,
                 "softmax_xent loss: label 1000 in row 3 is not in [0, 6) nor -1");
    assert_fails(try(x, (int32_t[]){0, -2, 2, 1000}, &opts, false, &got), TN_ERR_ARGUMENT,
                 "softmax_xent loss: label -2 in row 1 is not in [0, 6) nor -1");
    assert_fails(try(x, (int32_t[]){6, 0, 0, 0}, &opts, true, &got), TN_ERR_ARGUMENT,
                 "label 6 in row 0");
    assert_fails(try(x, (int32_t[]){-1, 0, 7, -2}, &opts, true, &got), TN_ERR_ARGUMENT,
                 "label 7 in row 2");
    if (strcmp(where, "cpu") != 0)
        assert_true(isnan(got.loss)); /* it was computed, and nobody shall think that it counts */
    assert_ok(try(x, (int32_t[]){5, 0, 0, 0}, &opts, true, &got));
}

static void names_a_bad_label(void **unused)
{
    (void)unused;
    on_each_device(check_bad_labels);
}

static void check_no_numbers(void)
{
    const struct {
        const char *why;
        float value;
        int at;
    } cases[] = {
        {"NaN on the label", NAN, 6},
        {"NaN elsewhere", NAN, 9},
        {"infinity on the label", INFINITY, 6},
        {"infinity elsewhere", INFINITY, 11},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        outcome got;
        float x[ROWS * CLASSES] = {1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                                   1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
        x[cases[i].at] = cases[i].value;
        /* Not among more than there are either. */
        const tn_softmax_xent_opts opts = {.top_k = i % 2 ? 100 * CLASSES : 5};
        assert_ok(try(x, (int32_t[]){0, 0, 0, 0}, &opts, true, &got));
        if (!isnan(got.loss) || got.top_1 != 3 || got.top_k != 3)
            fail_msg("%s (%s): loss %g, counts %d and %d", cases[i].why, where, (double)got.loss,
                     got.top_1, got.top_k);
    }
    outcome got;
    float x[ROWS * CLASSES] = {0};
    x[1] = -INFINITY; /* a class that cannot be: fine, unless it is the label */
    assert_ok(try(x, (int32_t[]){0, 0, 0, 0}, NULL, true, &got));
    assert_true(isfinite(got.loss) && got.top_1 == 4);
    assert_ok(try(x, (int32_t[]){1, 0, 0, 0}, NULL, true, &got));
    assert_true(isinf(got.loss) && got.top_1 == 3);
}

/* A plan that is gone, and its names with it, when somebody looks at the device again. */
static void check_forgets(void)
{
    const tn_shape shape = TN_SHAPE(ROWS, CLASSES);
    float x[ROWS * CLASSES] = {0};
    int32_t bad[ROWS] = {0, 1, CLASSES, 2};
    float loss;
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, where));
    for (int i = 0; i < 2; i++) {
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value a = tn_input(g, "logits", TN_F32, shape);
        const tn_value b = tn_input(g, "labels", TN_I32, TN_SHAPE(ROWS));
        const tn_value y = tn_softmax_xent(g, a, b, NULL).loss;
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = y, .input_gradients = true}));
        assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, x}));
        assert_ok(tn_plan_set(p, b, (tn_tensor){TN_I32, TN_SHAPE(ROWS), bad}));
        const tn_status status = tn_plan_run(p);
        assert_true(i == 0 || status == TN_OK);
        if (i == 1)
            assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, {0}, &loss}));
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        bad[2] = 0;
    }
    tn_device_close(d);
}

static void forgets_what_nobody_asked_for(void **unused)
{
    (void)unused;
    on_each_device(check_forgets);
}

/* A network that has run away must show it. */
static void shows_what_is_no_number(void **unused)
{
    (void)unused;
    on_each_device(check_no_numbers);
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        tn_shape logits, labels;
        tn_dtype type;
        tn_softmax_xent_opts opts;
        tn_status status;
        const char *text;
    } cases[] = {
        {{2, {4, 6}}, {1, {3}}, TN_I32, {0}, TN_ERR_SHAPE, "labels are 3, not 4"},
        {{2, {4, 6}}, {2, {4, 1}}, TN_I32, {0}, TN_ERR_SHAPE, "labels are 4 x 1, not 4"},
        {{3, {4, 6, 1}}, {1, {4}}, TN_I32, {0}, TN_ERR_SHAPE, "labels are 4, not 4 x 1"},
        {{2, {4, 6}}, {1, {4}}, TN_F32, {0}, TN_ERR_ARGUMENT, "labels are f32, not i32"},
        {{2, {4, 6}}, {1, {4}}, TN_I32, {.label_smoothing = 1}, TN_ERR_ARGUMENT, "[0, 1)"},
        {{2, {4, 6}}, {1, {4}}, TN_I32, {.label_smoothing = NAN}, TN_ERR_ARGUMENT, "[0, 1)"},
        {{2, {4, 6}}, {1, {4}}, TN_I32, {.top_k = -1}, TN_ERR_ARGUMENT, "top_k -1"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        const tn_loss y =
            tn_softmax_xent(g, tn_input(g, "x", TN_F32, cases[i].logits),
                            tn_input(g, "labels", cases[i].type, cases[i].labels), &cases[i].opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].text);
        assert_true(y.loss.id == 0 && y.top_1.id == 0 && y.top_k.id == 0);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_with_pytorch),
        cmocka_unit_test(forgets_what_nobody_asked_for),
        cmocka_unit_test(counts_the_right_ones),
        cmocka_unit_test(names_a_bad_label),
        cmocka_unit_test(shows_what_is_no_number),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
