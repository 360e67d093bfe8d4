/* leaky_relu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_leaky_relu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_leaky_relu_opts *o = r->opts;
    const double slope = !o ? (double)0.01F : o->slope == TN_ZERO ? 0 : (double)o->slope;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] > 0 ? r->x[0][i] : slope * r->x[0][i];
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_leaky_relu_opts none = {.slope = TN_ZERO}, steep = {.slope = 0.9375F};
    static const lab_case cases[] = {
        {.why = "slope 0: a relu", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &none},
        {.why = "slope near 1", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &steep},
    };
    lab_check_activation(&op);
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
        float slope;
        const char *text;
    } cases[] = {
        {-0.5F, "slope is -0.5, not in [0, 1)"},
        {1, "slope is 1, not in [0, 1)"},
        {NAN, "nan, not in [0, 1)"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_leaky_relu(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)),
                      &(tn_leaky_relu_opts){.slope = cases[i].slope});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].text);
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
