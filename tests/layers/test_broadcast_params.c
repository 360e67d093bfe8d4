/* Parameters and constants as inputs of functions of two values, on either side. */
#include "graph/op.h"
#include "lab_op.h"

enum { C = 5 };
static float numbers[C] = {0.5F, -0.25F, 2, 1, -1.5F};

typedef struct setup {
    bool constant, first; /* no parameter; the first input */
    bool both;            /* the parameter by a constant, and then x */
} setup;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts;
    const tn_tensor given = {TN_F32, TN_SHAPE(C, 1, 1), numbers};
    const tn_value fixed = s->constant || s->both ? tn_constant(g, "fixed", given) : (tn_value){0};
    tn_value other = s->constant ? fixed : tn_param(g, "factor", TN_SHAPE(C, 1, 1), NULL);
    (void)num_x;
    if (s->both)
        other = tn_sub(g, fixed, other, NULL);
    return s->first ? tn_mul(g, other, x[0], NULL) : tn_mul(g, x[0], other, NULL);
}

static void reference(const lab_ref *r)
{
    const setup *s = r->opts;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        const int c = (int)(i / (r->y_shape.dim[2] * r->y_shape.dim[3]) % C);
        const double fixed = (double)numbers[c], trained = s->constant ? 0 : r->w[0][c];
        r->y[i] = r->x[0][i] * (s->constant ? fixed : s->both ? fixed - trained : trained);
    }
}

static void are_read_as_any_value(void **unused)
{
    (void)unused;
    static const setup second = {0}, first = {.first = true}, both = {.both = true};
    static const lab_op op = {.build = build, .reference = reference, .param = {{"factor"}}};
    static const lab_case cases[] = {
        {"a parameter behind x", {{{4, {2, C, 3, 4}}}}, &second},
        {"a parameter before x", {{{4, {2, C, 3, 4}}}}, &first},
        {"a constant less a parameter", {{{4, {2, C, 3, 4}}}}, &both},
    };
    static const setup fixed = {.constant = true}, fixed_first = {.constant = true, .first = true};
    static const lab_op without = {.build = build, .reference = reference};
    static const lab_case constants[] = {
        {"a constant behind x", {{{4, {2, C, 3, 4}}}}, &fixed},
        {"a constant before x", {{{4, {2, C, 3, 4}}}}, &fixed_first},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
    lab_check_op(&without, constants, TN_COUNT(constants));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_read_as_any_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
