/* scale: against its formula in double, over shapes and layouts. */
#include "graph/op.h"
#include "lab_blocked.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_scale(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_shape *x = &r->x_shape[0];
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++)
        area *= x->dim[d];
    for (int64_t i = 0; i < tn_elements(x); i++) {
        const int64_t c = i / area % x->dim[1];
        r->y[i] = r->w[0][c] * r->x[0][i] + (r->w[1] ? r->w[1][c] : 0);
    }
}

/* Where values are added up that a formula in double has: y is linear in each of them. */
static void backward(const lab_ref *r)
{
    const tn_shape *x = &r->x_shape[0];
    int64_t area = 1;
    for (int d = 2; d < x->ndim; d++)
        area *= x->dim[d];
    for (int64_t i = 0; i < tn_elements(x); i++) {
        const int64_t c = i / area % x->dim[1];
        r->dx[0][i] += r->w[0][c] * r->dy[i];
        r->dw[0][c] += r->x[0][i] * r->dy[i];
        r->dw[1][c] += r->dy[i];
    }
}

static const lab_op op = {
    .build = build, .reference = reference, .backward = backward, .param = {{"weight"}, {"bias"}}};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const tn_scale_opts no_bias = {.no_bias = true};
    static const tn_scale_opts weight_frozen = {.weight = {.frozen = true}};
    static const tn_scale_opts bias_frozen = {.bias = {.frozen = true}};
    static const lab_case cases[] = {
        {"small", {{{2, {2, 3}}}}},
        {"rows", {{{2, {17, 40}}}}},
        {"images", {{{4, {2, 5, 7, 3}}}}},
        {"images in vectors", {{{4, {2, 16, 5, 3}}}}},
        {"one image, one channel, one pixel", {{{4, {1, 1, 1, 1}}}}},
        {"one row", {{{2, {1, 9}}}}},
        {"six dimensions", {{{6, {2, 3, 2, 1, 2, 3}}}}},
        {"no bias", {{{4, {2, 5, 7, 3}}}}, .opts = &no_bias},
        {"weight frozen", {{{4, {2, 5, 7, 3}}}}, .opts = &weight_frozen},
        {"bias frozen", {{{4, {2, 5, 7, 3}}}}, .opts = &bias_frozen},
    };
    static const lab_case large[] = {
        {"few channels of many pixels", {{{4, {2, 3, 97, 131}}}}, .f32_only = true},
        {"many rows", {{{2, {5003, 7}}}}, .f32_only = true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
    lab_check_big(&op, large, TN_COUNT(large));
}

/* ---- blocks of channels ----------------------------------------------------------------------- */

/* Both have names of their own, as the convolution has a weight too. */
static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const int filters = *(const int *)opts;
    const tn_value factor = tn_param(g, "factor", TN_SHAPE(filters), NULL);
    const tn_value shift = tn_param(g, "shift", TN_SHAPE(filters), NULL);
    (void)num_x;
    return tn_scale(g, lab_blocked(g, x[0], filters),
                    &(tn_scale_opts){.weight = {.value = factor}, .bias = {.value = shift}});
}

static void reference_behind(const lab_ref *r)
{
    lab_ref behind = lab_behind_blocked(r);
    reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const lab_op behind = {.build = build_behind,
                                  .reference = reference_behind,
                                  .param = {{"weight"}, {"factor"}, {"shift"}}};
    static const int whole = 32, odd = 19;
    static const lab_case cases[] = {
        {"whole blocks", {{{4, {2, 3, 3, 5}}}}, &whole},
        {"no whole blocks", {{{4, {2, 3, 3, 5}}}}, &odd, .f32_only = true},
    };
    lab_check_op(&behind, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_scale(g, tn_input(g, "x", TN_F32, TN_SHAPE(5)), NULL);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "scale scale1: input 0 is 5, without channels");
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
