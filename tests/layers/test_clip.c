/* clip: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static const tn_clip_opts standard = {.min = -0.6F, .max = 0.45F};

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_clip(g, x[0], opts ? opts : &standard);
}

static void reference(const lab_ref *r)
{
    const tn_clip_opts *o = r->opts ? r->opts : &standard;
    const double low = lab_option(o->min, 0), high = lab_option(o->max, 0);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] < low ? low : r->x[0][i] > high ? high : r->x[0][i];
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_clip_opts relu6 = {.max = 6}, below = {.min = -INFINITY, .max = TN_ZERO};
    static const tn_clip_opts above = {.min = 0.3F, .max = INFINITY};
    lab_check_activation(&op);
    static const lab_case cases[] = {
        {.why = "relu6",
         .x = {{{2, {11, 13}}, .low = -9, .high = 9, .apart = true}},
         .opts = &relu6},
        {.why = "no minimum, maximum 0", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &below},
        {.why = "no maximum", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &above},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void any_layout_will_do(void **unused)
{
    (void)unused;
    lab_check_activation_in_blocks(&op);
}

static void passes_nan_on(void **unused)
{
    (void)unused;
    static const lab_case c = {.why = "vectors of every type, and a rest", .x = {{{2, {5, 7}}}}};
    for (const char *const *device = lab_devices(); *device; device++)
        lab_check_nan(&op, &c, *device, false);
}

static void refuses(void **unused)
{
    (void)unused;
    static const struct {
        tn_clip_opts opts;
        const char *says;
    } cases[] = {
        {{.min = -1}, "clip1: max is not given; TN_ZERO says 0"},
        {{.min = 2, .max = 1}, "min 2 is not below max 1"},
        {{.min = NAN, .max = 1}, "min nan is not below"},
        {{.max = NAN}, "max nan"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_clip(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)), &cases[i].opts);
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].says);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(any_layout_will_do),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
