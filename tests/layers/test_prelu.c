/* prelu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include "graph/op.h"
#include "lab_blocked.h"
#include "lab_nan.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_prelu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_prelu_opts *o = r->opts;
    const tn_shape *x = &r->x_shape[0];
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++)
        area *= x->dim[d];
    for (int64_t i = 0; i < tn_elements(x); i++) {
        const double weight = r->w[0][o && o->shared ? 0 : i / area % x->dim[1]];
        r->y[i] = r->x[0][i] > 0 ? r->x[0][i] : weight * r->x[0][i];
    }
}

static const lab_op op = {.build = build, .reference = reference, .param = {{"weight"}}};
static const tn_prelu_opts shared = {.shared = true};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_prelu_opts frozen = {.weight = {.frozen = true}};
    static const lab_case cases[] = {
        {"small", {{{2, {2, 3}}, .apart = true}}},
        {"rows", {{{2, {17, 40}}, .apart = true}}},
        {"images", {{{4, {2, 5, 7, 3}}, .apart = true}}},
        {"images in vectors", {{{4, {2, 16, 5, 3}}, .apart = true}}},
        {"one image, one channel, one pixel", {{{4, {1, 1, 1, 1}}, .apart = true}}},
        {"one row", {{{2, {1, 9}}, .apart = true}}},
        {"six dimensions", {{{6, {2, 3, 2, 1, 2, 3}}, .apart = true}}},
        {"one weight", {{{4, {2, 5, 7, 3}}, .apart = true}}, .opts = &shared},
        {"one weight, one dimension", {{{1, {37}}, .apart = true}}, .opts = &shared},
        {"one weight, one element", {{{1, {1}}, .apart = true}}, .opts = &shared},
        {"weight frozen", {{{4, {2, 5, 7, 3}}, .apart = true}}, .opts = &frozen},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- blocks of channels ----------------------------------------------------------------------- */

/* The slopes have a name of their own, as the convolution has a weight too. */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const int filters = *(const int *)opts;
    const tn_value slopes = tn_param(g, "slopes", TN_SHAPE(filters), NULL);
    (void)num_x;
    return tn_prelu(g, lab_blocked(g, x[0], filters),
                    &(tn_prelu_opts){.weight = {.value = slopes}});
}

static void reference_behind(const lab_ref *r)
{
    lab_ref behind = lab_behind_blocked(r);
    behind.opts = NULL;
    reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const lab_op behind = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}, {"slopes"}}};
    static const int whole = 32, odd = 19;
    static const lab_case cases[] = {
        {"whole blocks", {{{4, {2, 3, 3, 5}}}}, &whole, .f32_only = true},
        {"no whole blocks", {{{4, {2, 3, 3, 5}}}}, &odd, .f32_only = true},
    };
    lab_check_op(&behind, cases, TN_COUNT(cases));
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
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_prelu(g, tn_input(g, "x", TN_F32, TN_SHAPE(5)), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "prelu prelu1: input 0 is 5: without channels");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(passes_nan_on),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
