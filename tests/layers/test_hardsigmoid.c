/* hardsigmoid: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_hardsigmoid(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_hardsigmoid_opts *o = r->opts;
    const double alpha = lab_option(o ? o->alpha : 0, 0.2F),
                 beta = lab_option(o ? o->beta : 0, 0.5F);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        const double y = alpha * r->x[0][i] + beta;
        r->y[i] = y < 0 ? 0 : y > 1 ? 1 : y;
    }
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_hardsigmoid_opts pytorch = {.alpha = 1.0F / 6},
                                     origin = {.alpha = 0.75F, .beta = TN_ZERO};
    lab_check_activation(&op);
    static const lab_case cases[] = {
        {.why = "both kinks", .x = {{{2, {11, 13}}, .low = -5, .high = 5, .apart = true}}},
        {.why = "PyTorch's",
         .x = {{{2, {11, 13}}, .low = -5, .high = 5, .apart = true}},
         .opts = &pytorch},
        {.why = "beta 0",
         .x = {{{2, {11, 13}}, .low = -2, .high = 2, .apart = true}},
         .opts = &origin},
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
        tn_hardsigmoid_opts opts;
        const char *says;
    } cases[] = {
        {{.alpha = INFINITY}, "alpha is inf, beta 0.5"},
        {{.beta = NAN}, "alpha is 0.2, beta nan"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        tn_hardsigmoid(g, tn_input(g, "x", TN_F32, TN_SHAPE(2)), &cases[i].opts);
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
