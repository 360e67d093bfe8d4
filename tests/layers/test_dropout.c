/* dropout: its mask is the one that the formula says, bit for bit, wherever and however it runs. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "golden/dropout.h"
#include "lab_op.h"
#include "plan/plan_test.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_dropout(g, x[0], opts);
}

/* What is read again may not be overwritten in place. */
static tn_value build_shared(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_add(g, tn_dropout(g, x[0], opts), x[0], NULL);
}

static double kept(uint64_t i)
{
    const uint64_t stream = tn_hash_text("drop");
    const tn_random4 r = tn_random_at(LAB_SEED, TN_RANDOM_DROPOUT, stream, i / 4);
    return (double)r.word[i % 4] * 0x1p-32;
}

static void reference(const lab_ref *r)
{
    const tn_dropout_opts *o = r->opts;
    const double rate = o->rate == TN_ZERO ? 0 : (double)o->rate;
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] = !r->training               ? r->x[0][i]
                  : kept((uint64_t)i) < rate ? 0
                                             : r->x[0][i] / (1 - rate);
}

static void reference_shared(const lab_ref *r)
{
    int64_t count;
    reference(r);
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++)
        r->y[i] += r->x[0][i];
}

static const tn_dropout_opts half = {.name = "drop", .rate = 0.5F},
                             most = {.name = "drop", .rate = 0.9F},
                             few = {.name = "drop", .rate = 0.1F}, none = {.name = "drop"},
                             nought = {.name = "drop", .rate = TN_ZERO};
static const lab_case cases[] = {
    {.why = "half go, elements no multiple of 4", .x = {{{2, {3, 7}}}}, .opts = &half},
    {.why = "fewer elements than one draw", .x = {{{1, {3}}}}, .opts = &half},
    {.why = "most go", .x = {{{4, {2, 3, 4, 5}}}}, .opts = &most},
    {.why = "0 drops nothing", .x = {{{2, {5, 7}}}}, .opts = &none},
    {.why = "nor does 0 said", .x = {{{2, {5, 7}}}}, .opts = &nought},
    {.why = "AlexNet's first", .x = {{{2, {2, 9216}}}}, .opts = &few},
};

static void drops_what_the_formula_says(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void leaves_its_input_to_others(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_shared, .reference = reference_shared};
    lab_check_op(&op, cases, TN_COUNT(cases));
}

enum { BEHIND = 6 * 35 };

/* The gradient of x in front of relu (by itself or of a view of it) and dropout. */
static void find_dx(const char *device, bool view, bool keep_relu, float *dx)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape = TN_SHAPE(6, 5, 7), flat = TN_SHAPE(6, 35);
    float x[BEHIND], t[BEHIND];
    for (int i = 0; i < BEHIND; i++) {
        x[i] = (float)(i % 7) - 3;
        t[i] = (float)(i % 5) + 0.5f;
    }
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, shape), relu = tn_relu(g, in, NULL);
    const tn_value v = tn_dropout(g, view ? tn_flatten(g, relu, NULL) : relu, &half);
    const tn_value target = tn_input(g, "t", TN_F32, view ? flat : shape);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, v, target, NULL),
                                             .keep = keep_relu ? &relu : NULL,
                                             .num_keep = keep_relu,
                                             .seed = 1,
                                             .input_gradients = true}));
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
    assert_ok(tn_plan_set(p, target, (tn_tensor){TN_F32, view ? flat : shape, t}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get_gradient(p, in, (tn_tensor){TN_F32, shape, dx}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

/* Where the program reads what relu made, nobody may make use of its being behind dropout. */
static void has_the_same_gradient_behind_a_relu(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (int view = 0; view < 2; view++) {
            float dx[BEHIND], kept[BEHIND];
            find_dx(*device, view, false, dx);
            find_dx(*device, view, true, kept);
            int some = 0;
            for (int i = 0; i < BEHIND; i++) {
                assert_true(dx[i] == kept[i]); /* 0 may be -0 */
                some += dx[i] != 0;
            }
            assert_true(some > BEHIND / 8 && some < BEHIND / 2);
        }
}

/* ---- steps, seeds, names and threads ------------------------------------------------------ */

enum { COUNT = TN_COUNT(golden_dropout_kept) };

/* Elements 1, at rate 0.3, after `runs` steps. */
static void run(const char *device, const char *name, uint64_t seed, int runs, float *y)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float one[COUNT];
    for (int i = 0; i < (int)COUNT; i++)
        one[i] = 1;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(COUNT));
    const tn_value v = tn_dropout(g, x, &(tn_dropout_opts){.name = name, .rate = 0.3F});
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, v, x, NULL),
                                             .keep = &v,
                                             .num_keep = 1,
                                             .seed = seed,
                                             .input_gradients = true}));
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, TN_SHAPE(COUNT), one}));
    for (int i = 0; i < runs; i++) {
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_evaluate(p)); /* is no step */
        assert_ok(tn_plan_get(p, v, (tn_tensor){TN_F32, TN_SHAPE(COUNT), y}));
        assert_memory_equal(y, one, sizeof one);
    }
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, v, (tn_tensor){TN_F32, TN_SHAPE(COUNT), y}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void agrees_with_another_philox(void **unused)
{
    (void)unused;
    float y[COUNT];
    for (const char *const *device = lab_devices(); *device; device++) {
        run(*device, "drop", 42, 3, y);
        for (int i = 0; i < (int)COUNT; i++)
            if ((y[i] != 0) != (golden_dropout_kept[i] != 0) ||
                (y[i] != 0 && fabsf(y[i] - 1 / 0.7F) > 1e-6F))
                fail_msg("%s: element %d became %g, kept: %d", *device, i, (double)y[i],
                         golden_dropout_kept[i]);
    }
}

static void differs_only_where_it_should(void **unused)
{
    (void)unused;
    static const struct {
        const char *why, *device, *name;
        uint64_t seed;
        int runs;
        bool same;
    } variants[] = {
        {"again", "cpu", "drop", 42, 3, true},
        {"one thread", "cpu,threads=1", "drop", 42, 3, true},
        {"seven threads", "cpu,threads=7", "drop", 42, 3, true},
        {"another step", "cpu", "drop", 42, 2, false},
        {"another seed", "cpu", "drop", 43, 3, false},
        {"another node", "cpu", "drop2", 42, 3, false},
    };
    float first[COUNT], y[COUNT];
    run("cpu", "drop", 42, 3, first);
    for (size_t i = 0; i < TN_COUNT(variants); i++) {
        run(variants[i].device, variants[i].name, variants[i].seed, variants[i].runs, y);
        if ((memcmp(y, first, sizeof y) == 0) != variants[i].same)
            fail_msg("%s: the mask is %s", variants[i].why,
                     variants[i].same ? "another" : "the same");
    }
}

static void refuses(void **unused)
{
    (void)unused;
    static const float rates[] = {1, -0.1F, 2, NAN};
    for (size_t i = 0; i < TN_COUNT(rates); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_dropout(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)),
                   &(tn_dropout_opts){.name = "d", .rate = rates[i]});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "dropout d: rate");
        tn_graph_destroy(g);
    }
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    tn_dropout(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "dropout dropout1: the options are NULL");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_the_formula_says),
        cmocka_unit_test(leaves_its_input_to_others),
        cmocka_unit_test(has_the_same_gradient_behind_a_relu),
        cmocka_unit_test(agrees_with_another_philox),
        cmocka_unit_test(differs_only_where_it_should),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
