/* reciprocal: against its formula in double, over shapes and layouts; a NaN stays one. */
#include "graph/op.h"
#include "lab_activation.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_reciprocal(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = 1 / r->x[0][i];
}

static const lab_op op = {.build = build, .reference = reference};

/* Away from 0, where differences tell nothing. */
static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {2, 3}}, .low = 0.5, .high = 2}}},
        {.why = "feature map", .x = {{{4, {2, 5, 7, 3}}, .low = 0.5, .high = 2}}},
        {.why = "below 0", .x = {{{3, {3, 4, 3}}, .low = -4, .high = -0.5}}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* What fills up a layout, 0, would be infinite, and nothing times that is not 0. */
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
