/* dense of a few images on the CPU, by rows: against loops in double around the edges of vectors and groups
 * of rows, the same bits for any number of threads and images, and when it is taken. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_answers.h"
#include "plan/plan_test.h"

typedef struct few_case {
    int64_t images, D;
    int units;
    bool no_bias, relu;
    bool blocked; /* behind a convolution that copies x into blocks of channels */
} few_case;

typedef struct numbers {
    float *x, *w, *bias;
} numbers;

static float *draw(int64_t count, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    float *out = lab_take(count, sizeof *out);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(tn_random_real(&r) * 2 - 1);
    return out;
}

static numbers draw_all(const few_case *c)
{
    return (numbers){draw(c->images * c->D, 0), draw(c->units * c->D, 1), draw(c->units, 2)};
}

static void drop(numbers *a)
{
    free(a->x);
    free(a->w);
    free(a->bias);
}

static double *formula(const few_case *c, const numbers *a)
{
    double *y = lab_take(c->images * c->units, sizeof *y);
    for (int64_t n = 0; n < c->images; n++)
        for (int64_t k = 0; k < c->units; k++) {
            double sum = c->no_bias ? 0 : (double)a->bias[k];
            for (int64_t d = 0; d < c->D; d++)
                sum += (double)a->w[k * c->D + d] * (double)a->x[n * c->D + d];
            y[n * c->units + k] = c->relu && sum < 0 ? 0 : sum;
        }
    return y;
}

/* What the plan says of the layer. */
static tn_step_info dense_of(const tn_plan *p)
{
    tn_step_info step;
    int i = 0;
    do
        assert_ok(tn_plan_step(p, i++, &step));
    while (strcmp(step.node, "fc") != 0 || strcmp(step.op, "dense") != 0);
    return step;
}

static void set_param(tn_plan *p, const char *name, tn_shape shape, float *data)
{
    assert_ok(tn_plan_param_set(p, tn_plan_find_param(p, name), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, shape, data}));
}

/* y, by a plan for inference. */
static float *evaluate(const few_case *c, const numbers *a, const char *device)
{
    enum { CHANNELS = 16 };
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape =
        c->blocked ? TN_SHAPE(c->images, CHANNELS, 1, c->D / CHANNELS) : TN_SHAPE(c->images, c->D);
    float *y = lab_take(c->images * c->units, sizeof *y), one[CHANNELS * CHANNELS] = {0};
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, shape);
    tn_value v = in;
    if (c->blocked)
        v = tn_conv2d(
            g, v,
            &(tn_conv2d_opts){.name = "copy", .filters = CHANNELS, .kernel = {1}, .no_bias = true});
    v = tn_dense(g, v, &(tn_dense_opts){.name = "fc", .units = c->units, .no_bias = c->no_bias});
    v = c->relu ? tn_relu(g, v, NULL) : v;
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &v, .num_keep = 1}));
    assert_true((strstr(dense_of(p).kernel, "rows:") != NULL) == (c->images <= 4));
    for (int i = 0; i < CHANNELS; i++)
        one[i * CHANNELS + i] = 1;
    if (c->blocked)
        set_param(p, "copy.weight", TN_SHAPE(CHANNELS, CHANNELS, 1, 1), one);
    set_param(p, "fc.weight", TN_SHAPE(c->units, c->D), a->w);
    if (!c->no_bias)
        set_param(p, "fc.bias", TN_SHAPE(c->units), a->bias);
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, a->x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, v, (tn_tensor){TN_F32, TN_SHAPE(c->images, c->units), y}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return y;
}

static void check(const few_case *c)
{
    char what[96];
    snprintf(what, sizeof what, "%lld x %lld, %d units%s%s%s: y", (long long)c->images,
             (long long)c->D, c->units, c->no_bias ? "" : ", bias", c->relu ? ", relu" : "",
             c->blocked ? ", blocked" : "");
    numbers a = draw_all(c);
    double *want = formula(c, &a);
    float *got = evaluate(c, &a, "cpu");
    lab_assert_close(what, got, want, c->images * c->units, 1);
    free(got);
    free(want);
    drop(&a);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const int lengths[] = {1, 3, 4, 5, 15, 16, 17, 40}, units[] = {1, 3, 4, 7, 8, 9, 13};
    for (int images = 1; images <= 5; images++)
        for (size_t i = 0; i < TN_COUNT(lengths); i++)
            for (size_t j = 0; j < TN_COUNT(units); j++)
                check(&(few_case){.images = images,
                                  .D = lengths[i],
                                  .units = units[j],
                                  .no_bias = (i + j) % 3 == 0,
                                  .relu = (i + j) % 2 == 0});
    check(&(few_case){.images = 1, .D = 9216, .units = 100, .relu = true});
    check(&(few_case){.images = 3, .D = 500, .units = 1000});
    for (int images = 1; images <= 4; images++)
        check(&(few_case){.images = images, .D = 16 * 36, .units = 20, .blocked = true});
}

static void threads_and_other_images_change_no_bit(void **unused)
{
    (void)unused;
    enum { UNITS = 61 };
    static const char *const devices[] = {"cpu,threads=1", "cpu,threads=2", "cpu,threads=3"};
    float *all[4][TN_COUNT(devices)];
    for (int i = 0; i < 4; i++) {
        const few_case c = {.images = i + 1, .D = 1003, .units = UNITS, .relu = true};
        numbers a = draw_all(&c);
        for (size_t j = 0; j < TN_COUNT(devices); j++) {
            all[i][j] = evaluate(&c, &a, devices[j]);
            assert_memory_equal(all[i][j], all[i][0], (size_t)(i + 1) * UNITS * sizeof(float));
        }
        assert_memory_equal(all[i][0], all[0][0], UNITS * sizeof(float));
        drop(&a);
    }
    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < TN_COUNT(devices); j++)
            free(all[i][j]);
}

/* In a vector, behind the last, in w; behind a relu too. */
static void a_nan_reaches_its_results(void **unused)
{
    (void)unused;
    const few_case c = {.images = 2, .D = 37, .units = 9, .relu = true};
    for (int i = 0; i < 3; i++) {
        numbers a = draw_all(&c);
        if (i < 2)
            a.x[i ? 36 : 5] = NAN;
        else
            a.w[8 * 37 + 36] = NAN;
        float *y = evaluate(&c, &a, "cpu");
        for (int n = 0; n < 2; n++)
            for (int k = 0; k < 9; k++)
                assert_true((isnan(y[n * 9 + k]) != 0) == (i < 2 ? n == 0 : k == 8));
        free(y);
        drop(&a);
    }
}

static void is_taken_for_inference_with_few_images(void **unused)
{
    (void)unused;
    static const struct {
        int64_t images;
        bool training, frozen;
        const char *refusals; /* NULL: taken */
    } rules[] = {
        {.images = 1},
        {.images = 4},
        {.images = 5, .refusals = "dense fc: not by rows: more than 4 images"},
        {.images = 1, .training = true, .refusals = "dense fc: not by rows: it is trained"},
        {.images = 1, .training = true, .frozen = true}, /* no gradient goes through it */
    };
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(tn_graph_create(&g));
        const tn_param_opts frozen = {.frozen = rules[i].frozen};
        tn_value y =
            tn_dense(g, tn_input(g, "x", TN_F32, TN_SHAPE(rules[i].images, 40)),
                     &(tn_dense_opts){.name = "fc", .units = 10, .weight = frozen, .bias = frozen});
        tn_plan_opts opts = {.keep = &y, .num_keep = 1, .dry = true};
        if (rules[i].training)
            opts.loss = tn_mse(g, tn_dense(g, y, &(tn_dense_opts){.units = 2}),
                               tn_input(g, "t", TN_F32, TN_SHAPE(rules[i].images, 2)), NULL);
        assert_ok(tn_plan_create(&p, g, d, &opts));
        const tn_step_info step = dense_of(p);
        assert_true((strstr(step.kernel, "rows:") != NULL) == !rules[i].refusals);
        if (rules[i].refusals)
            assert_non_null(strstr(step.refusals, rules[i].refusals));
        else
            assert_null(step.refusals);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(threads_and_other_images_change_no_bit),
        cmocka_unit_test(a_nan_reaches_its_results),
        cmocka_unit_test(is_taken_for_inference_with_few_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
