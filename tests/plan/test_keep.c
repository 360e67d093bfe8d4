/*
 * Plans that keep values beside the loss, or have none: what is left out, and what reads that give no
 * gradient do to those that do. On the toy backend.
 */
#include "lab.h"
#include "plan/plan.h"
#include "plan/plan_test.h"
#include "plan/toy.h"

static void what_nobody_needs_is_left_out(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8] = {0};
    const tn_tensor in = {TN_F32, TN_SHAPE(8), x}, out = {TN_F32, TN_SHAPE(8), y};
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, TN_SHAPE(8));
    const tn_value b = tn_input(g, "b", TN_F32, TN_SHAPE(8));
    const tn_value kept = toy_scale(g, a, &(toy_opts){.start = 3});
    toy_total(g, toy_plus(g, toy_scale(g, kept, &(toy_opts){.start = 2}), b, NULL));
    assert_ok(tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.keep = &kept, .num_keep = 1}));
    assert_int_equal(tn_plan_num_params(p), 1);
    assert_ok(tn_plan_set(p, a, in));
    assert_fails(tn_plan_set(p, b, in), TN_ERR_ARGUMENT, "b: this plan computes nothing from it");
    assert_fails(tn_plan_run(p), TN_ERR_ARGUMENT, "it has no loss");
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, kept, out));
    for (int i = 0; i < 8; i++)
        assert_true(y[i] == 3 * x[i]);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

/* `a` is written reversed. A node that only the program reads wants it turned back first; the loss wants
 * it turned back too, and its gradient with it. */
static void a_reorder_without_gradient_serves_no_reader_with_one(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float x[8] = {1, -2, 3, 4, -5, 6, 7, 8}, dw = 0;
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(8));
    const tn_value a = toy_scale(g, in, &(toy_opts){.start = 3, .reversed = true});
    const tn_value seen = toy_plus(g, a, a, NULL);
    const tn_value loss = toy_total(g, toy_scale(g, a, &(toy_opts){.start = 2}));
    assert_ok(tn_plan_create(&p, g, &toy_device,
                             &(tn_plan_opts){.loss = loss, .keep = &seen, .num_keep = 1}));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(8), x}));
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "scale1.weight"), TN_PARAM_GRADIENT,
                                (tn_tensor){TN_F32, TN_SHAPE(1), &dw}));
    assert_true(dw == 2 * 22); /* 2 times the sum of x */
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_needs_is_left_out),
        cmocka_unit_test(a_reorder_without_gradient_serves_no_reader_with_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
