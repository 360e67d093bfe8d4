/*
 * dense of a few images on the CPU whose weights are kept in 8 bits: against the reference, which puts them on their grid in
 * f32, around the edges of vectors and groups of rows; new numbers, numbers in common; and when it is not done so.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_answers.h"
#include "plan/plan_test.h"

typedef struct few {
    int64_t images, D;
    int units;
    int most; /* the largest whole number; 0: 127 */
    bool no_bias, relu;
    bool twice; /* a second layer has the same weights on their grid */
    int scales; /* that are given: for each unit, or 1; 0: they are found */
} few;

static void draw(float *to, int64_t count, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(tn_random_real(&r) * 2 - 1);
}

static tn_value build(tn_graph *g, const few *c)
{
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(c->images, c->D));
    tn_fake_quant_opts grid = {.lo = -c->most, .hi = c->most, .axis = TN_ZERO};
    tn_value scales = {0};
    if (c->scales > 0) {
        float numbers[16];
        for (int k = 0; k < c->scales; k++)
            numbers[k] = 0.0051F * (float)(1 + k % 3); /* of some the largest numbers are cut off */
        scales = tn_constant(g, "scales", (tn_tensor){TN_F32, TN_SHAPE(c->scales), numbers});
        grid.axis = c->scales == c->units ? TN_ZERO : 0;
    }
    const tn_value w =
        tn_fake_quant(g, tn_param(g, "w", TN_SHAPE(c->units, c->D), NULL), scales, &grid);
    const tn_dense_opts opts = {
        .name = "fc", .units = c->units, .no_bias = c->no_bias, .weight = {.value = w}};
    const tn_value y = tn_dense(g, x, &opts);
    if (c->twice) {
        const tn_dense_opts again = {.units = c->units, .no_bias = true, .weight = {.value = w}};
        return tn_add(g, y, tn_dense(g, x, &again), NULL);
    }
    return c->relu ? tn_relu(g, y, NULL) : y;
}

typedef struct ready {
    tn_device *device;
    tn_graph *g;
    tn_plan *p;
    tn_value y;
} ready;

static void begin(ready *r, const few *c, const char *device, float kept, tn_weights *weights)
{
    *r = (ready){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->y = build(r->g, c);
    assert_ok(tn_plan_create(
        &r->p, r->g, r->device,
        &(tn_plan_opts){
            .keep = &r->y, .num_keep = 1, .kept_weights = kept, .weights = weights, .seed = 1}));
}

static void end(ready *r)
{
    tn_plan_destroy(r->p);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* A row of zeros and a row of equal numbers among them. */
static void set_numbers(tn_plan *p, const few *c, uint64_t stream)
{
    float *w = lab_take(c->units * c->D, sizeof *w), *b = lab_take(c->units, sizeof *b);
    const int bias = tn_plan_find_param(p, "fc.bias");
    draw(w, c->units * c->D, stream);
    draw(b, c->units, stream + 1);
    for (int64_t d = 0; d < c->D && c->units > 2; d++) {
        w[c->D + d] = 0;
        w[2 * c->D + d] = -0.3F;
    }
    assert_ok(tn_plan_param_set(p, tn_plan_find_param(p, "w"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(c->units, c->D), w}));
    if (bias >= 0)
        assert_ok(
            tn_plan_param_set(p, bias, TN_PARAM_VALUE, (tn_tensor){TN_F32, TN_SHAPE(c->units), b}));
    free(w);
    free(b);
}

static float *evaluate(const ready *r, const few *c)
{
    float *x = lab_take(c->images * c->D, sizeof *x),
          *y = lab_take(c->images * c->units, sizeof *y);
    draw(x, c->images * c->D, 9);
    assert_ok(tn_plan_set(r->p, tn_graph_value(r->g, "x"),
                          (tn_tensor){TN_F32, TN_SHAPE(c->images, c->D), x}));
    assert_ok(tn_plan_evaluate(r->p));
    assert_ok(tn_plan_get(r->p, r->y, (tn_tensor){TN_F32, TN_SHAPE(c->images, c->units), y}));
    free(x);
    return y;
}

/* The steps of an operation, and what does the last of them. */
static int steps_of(const tn_plan *p, const char *op, tn_step_info *last)
{
    tn_step_info step = {0};
    int count = 0;
    for (int i = 0; tn_plan_step(p, i, &step) == TN_OK; i++)
        if (strcmp(step.op, op) == 0) {
            count++;
            *last = step;
        }
    return count;
}

static void check_same(const few *c, const char *what, const float *y, const float *want)
{
    double most = 0;
    for (int64_t i = 0; i < c->images * c->units; i++)
        most = fmax(most, fabs((double)want[i]));
    for (int64_t i = 0; i < c->images * c->units; i++)
        if (!(fabs((double)y[i] - (double)want[i]) <= 1e-5 * most))
            fail_msg("%s, %lld images of %lld: y[%lld] is %g, not %g", what, (long long)c->images,
                     (long long)c->D, (long long)i, (double)y[i], (double)want[i]);
}

static void is_the_reference(void **unused)
{
    (void)unused;
    static const int64_t sizes[] = {1, 3, 4, 7, 8, 15, 16, 17, 33, 100, 515};
    for (int64_t images = 1; images <= 4; images++)
        for (size_t i = 0; i < TN_COUNT(sizes); i++) {
            const few c = {.images = images,
                           .D = sizes[i],
                           .units = (int)(1 + i * 5 % 13),
                           .most = i % 2 ? 127 : 63,
                           .no_bias = i % 3 == 0,
                           .scales = i % 3 == 0   ? (int)(1 + i * 5 % 13)
                                     : i % 3 == 1 ? 1
                                                  : 0,
                           .relu = i % 2};
            ready naive, fast, other;
            tn_step_info step = {0};
            begin(&naive, &c, "cpu,reference", 0, NULL);
            begin(&fast, &c, "cpu,threads=1", INFINITY, NULL);
            begin(&other, &c, "cpu,threads=3", INFINITY, NULL);
            set_numbers(naive.p, &c, 1);
            set_numbers(fast.p, &c, 1);
            set_numbers(other.p, &c, 1);
            float *want = evaluate(&naive, &c), *y = evaluate(&fast, &c),
                  *again = evaluate(&other, &c);
            check_same(&c, "against the reference", y, want);
            assert_memory_equal(y, again, (size_t)(images * c.units) * sizeof *y);
            assert_int_equal(steps_of(fast.p, "dense", &step), 1);
            assert_non_null(strstr(step.kernel, "rows of 8 bits"));
            assert_int_equal(steps_of(fast.p, "fake_quant", &step), 0);
            assert_int_equal(tn_plan_memory(fast.p).kept, c.units * (c.D + 4));
            free(want);
            free(y);
            free(again);
            end(&naive);
            end(&fast);
            end(&other);
        }
}

/* One plan tells the other of new numbers; both have what is kept of them in common. */
static void sees_new_numbers(void **unused)
{
    (void)unused;
    static const few c = {.images = 2, .D = 40, .units = 9, .most = 127};
    ready naive, a;
    tn_weights *weights = NULL;
    assert_ok(tn_weights_create(&weights));
    begin(&naive, &c, "cpu,reference", 0, NULL);
    begin(&a, &c, "cpu", INFINITY, weights);
    ready shared = a;
    shared.p = NULL;
    assert_ok(tn_plan_create(
        &shared.p, a.g, a.device,
        &(tn_plan_opts){
            .keep = &a.y, .num_keep = 1, .kept_weights = INFINITY, .weights = weights}));
    assert_int_equal(tn_plan_memory(shared.p).kept, 0);
    for (uint64_t stream = 1; stream < 7; stream += 2) {
        set_numbers(naive.p, &c, stream);
        set_numbers(stream == 3 ? shared.p : a.p, &c, stream);
        float *want = evaluate(&naive, &c), *y = evaluate(&a, &c), *other = evaluate(&shared, &c);
        check_same(&c, "the plan", y, want);
        check_same(&c, "the other plan", other, want);
        free(want);
        free(y);
        free(other);
    }
    tn_plan_destroy(shared.p);
    end(&a);
    end(&naive);
    tn_weights_destroy(weights);
}

/* A weight that is none shows in all that its unit says, as it does in f32, and in nothing else. */
static void passes_nan_on(void **unused)
{
    (void)unused;
    static const few c = {.images = 2, .D = 40, .units = 4, .most = 127};
    ready fast;
    float w[160], *y;
    begin(&fast, &c, "cpu", INFINITY, NULL);
    for (int bad = 0; bad < 2; bad++) {
        draw(w, 160, 3);
        w[2 * 40 + 17] = bad ? INFINITY : NAN;
        assert_ok(tn_plan_param_set(fast.p, tn_plan_find_param(fast.p, "w"), TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, TN_SHAPE(4, 40), w}));
        y = evaluate(&fast, &c);
        for (int i = 0; i < 8; i++)
            assert_int_equal(isnan(y[i]), i % 4 == 2);
        free(y);
    }
    end(&fast);
}

/* In f32, and right all the same. */
static void is_done_otherwise(void **unused)
{
    (void)unused;
    static const struct {
        few c;
        float kept;
        const char *why;
        int steps; /* of fake_quant in each run */
    } cases[] = {
        {{1, 40, 9, 127}, TN_ZERO, "no room", 1},
        {{1, 40, 9, 128}, INFINITY, "more than 8 bits", 0},
        {{1, 40, 9, 127, .no_bias = true, .twice = true}, INFINITY, "two layers read them", 0},
        {{5, 40, 9, 127}, INFINITY, "more images", 0},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const few *c = &cases[i].c;
        ready naive, fast;
        tn_step_info step = {0};
        begin(&naive, c, "cpu,reference", 0, NULL);
        begin(&fast, c, "cpu", cases[i].kept, NULL);
        set_numbers(naive.p, c, 1);
        set_numbers(fast.p, c, 1);
        float *want = evaluate(&naive, c), *y = evaluate(&fast, c);
        check_same(c, cases[i].why, y, want);
        assert_true(steps_of(fast.p, "dense", &step) > 0);
        assert_null(strstr(step.kernel, "8 bits"));
        assert_int_equal(steps_of(fast.p, "fake_quant", &step), cases[i].steps);
        free(want);
        free(y);
        end(&naive);
        end(&fast);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_reference),
        cmocka_unit_test(sees_new_numbers),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(is_done_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
