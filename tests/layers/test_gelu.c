/* gelu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_gelu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_gelu_opts *o = r->opts;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        const double x = r->x[0][i],
                     u = sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
        r->y[i] = x * (o && o->tanh ? 1 + tanh(u) : 1 + erf(x / sqrt(2))) / 2;
    }
}

static const lab_op op = {.build = build, .reference = reference};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_gelu_opts tangent = {.tanh = true};
    lab_check_activation(&op);
    static const lab_case cases[] = {
        {.why = "where it bends", .x = {{{2, {11, 13}}, .low = -4, .high = 4}}},
        {.why = "by tanh", .x = {{{2, {11, 13}}, .low = -4, .high = 4}}, .opts = &tangent},
        {.why = "by tanh, large numbers",
         .x = {{{1, {27}}, .low = -50, .high = 50}},
         .opts = &tangent},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(any_layout_will_do),
        cmocka_unit_test(passes_nan_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
