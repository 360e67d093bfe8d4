/* elu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_elu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_elu_opts *o = r->opts;
    const double alpha = lab_option(o ? o->alpha : 0, 1);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] > 0 ? r->x[0][i] : alpha * expm1(r->x[0][i]);
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_elu_opts none = {.alpha = TN_ZERO}, steep = {.alpha = 1.5F};
    lab_check_activation(&op);
    static const lab_case cases[] = {
        {.why = "alpha 0: a relu", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &none},
        {.why = "alpha above 1", .x = {{{2, {5, 7}}, .apart = true}}, .opts = &steep},
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
        tn_elu_opts opts;
        const char *says;
    } cases[] = {
        {{.alpha = -1}, "elu1: alpha -1 is not 0 or more"},
        {{.alpha = NAN}, "alpha nan is not"},
        {{.alpha = INFINITY}, "alpha inf is not"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_elu(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)), &cases[i].opts);
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
