/*
 * Values of every kind in the plan's passes, on the toy backend: several outputs of one node, each with a gradient;
 * parameters that several nodes read, as theirs or as any value, and constants.
 */
#include <math.h>

#include "base/base.h"
#include "lab.h"
#include "plan/lab_net.h"
#include "plan/plan.h"
#include "plan/plan_test.h"
#include "plan/toy.h"

/* x * w, cut in two: the loss depends on the first half, on the second, or on both. */
static tn_value cut_of(tn_graph *g, tn_value x, bool first, bool second, bool reversed)
{
    x = toy_scale(g, x, &(toy_opts){.start = 2});
    const tn_value low = toy_cut(g, x, &(toy_opts){.reversed = reversed});
    const tn_value high = tn_graph_output(g, low, 1);
    const tn_value three = toy_scale(g, high, &(toy_opts){.start = 3});
    if (first && second)
        return toy_total(g, toy_plus(g, toy_scale(g, low, &(toy_opts){.start = 5}),
                                     toy_plus(g, three, high, NULL), NULL));
    return toy_total(g, first ? low : three);
}

static tn_value both_halves(tn_graph *g, tn_value x)
{
    return cut_of(g, x, true, true, false);
}

static tn_value both_halves_reversed(tn_graph *g, tn_value x)
{
    return cut_of(g, x, true, true, true);
}

static tn_value first_half(tn_graph *g, tn_value x)
{
    return cut_of(g, x, true, false, true);
}

static tn_value second_half(tn_graph *g, tn_value x)
{
    return cut_of(g, x, false, true, false);
}

static const tn_param_opts half_ones = {.init = {TN_INIT_CONSTANT, 0.5f}};

static tn_value weights(tn_graph *g)
{
    return tn_param(g, "w", TN_SHAPE(8), &half_ones);
}

static tn_value numbers(tn_graph *g)
{
    float c[8] = {1, -2, 3, -4, 5, -6, 7, -8};
    return tn_constant(g, "c", (tn_tensor){TN_F32, TN_SHAPE(8), c});
}

/* times that reads `w`, in one of the two layouts, on values in one of the two. */
static tn_value with(tn_graph *g, tn_value x, tn_value w, bool turned, bool reversed)
{
    return toy_times(g, x, &(toy_opts){.value = w, .turned = turned, .reversed = reversed});
}

static tn_value of_layer(tn_graph *g, tn_value x)
{
    x = toy_mono(g, toy_times(g, x, &(toy_opts){.start = 0.5f}), NULL);
    return toy_total(g, with(g, x, tn_graph_value(g, "times1.weight"), false, false));
}

static tn_value turned_first(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    x = toy_mono(g, with(g, x, w, true, false), NULL);
    return toy_total(g, with(g, with(g, x, w, false, true), w, true, true));
}

static tn_value turned_last(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    x = toy_mono(g, with(g, x, w, false, true), NULL);
    return toy_total(g, with(g, x, w, true, false));
}

static tn_value as_input_first(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    x = toy_plus(g, x, w, &(toy_opts){.reversed = true});
    return toy_total(g, toy_plus(g, with(g, x, w, true, false), w, NULL));
}

static tn_value as_input_last(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    x = with(g, x, w, true, false);
    return toy_total(g, with(g, toy_plus(g, w, x, NULL), w, true, false));
}

static tn_value twice(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    return toy_total(g, toy_plus(g, toy_plus(g, w, w, NULL), x, NULL));
}

static tn_value by_itself(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g);
    return toy_total(g, toy_plus(g, x, with(g, w, w, true, true), NULL));
}

static tn_value of_views(tn_graph *g, tn_value x)
{
    const tn_value w = weights(g), v = toy_view(g, toy_view(g, w));
    x = toy_plus(g, toy_plus(g, x, v, NULL), with(g, v, w, true, false), NULL);
    return toy_total(g, toy_plus(g, toy_mono(g, v, NULL), x, NULL));
}

static tn_value of_view_alone(tn_graph *g, tn_value x)
{
    return toy_total(g, toy_plus(g, toy_view(g, weights(g)), x, &(toy_opts){.reversed = true}));
}

static tn_value of_constants(tn_graph *g, tn_value x)
{
    const tn_value c = numbers(g), w = weights(g);
    x = toy_plus(g, c, with(g, x, w, false, false), &(toy_opts){.reversed = true});
    return toy_total(g, with(g, toy_plus(g, x, c, NULL), c, true, false));
}

static tn_value of_frozen(tn_graph *g, tn_value x)
{
    const tn_value w =
        tn_param(g, "w", TN_SHAPE(8), &(tn_param_opts){{TN_INIT_CONSTANT, 3}, .frozen = true});
    x = toy_times(g, with(g, x, w, true, false), &(toy_opts){.start = 2});
    return toy_total(g, with(g, toy_plus(g, w, x, NULL), w, false, false));
}

static tn_value of_everything(tn_graph *g, tn_value x)
{
    return toy_plus(g, of_constants(g, x), of_layer(g, x), NULL);
}

static const struct {
    toy_net build;
    const char *why;
} nets[] = {
    {both_halves, "two outputs have a gradient, the second from two readers"},
    {both_halves_reversed, "so in the other layout"},
    {first_half, "the second output has none"},
    {second_half, "the first output has none"},
    {of_layer, "a layer's parameter is another's too"},
    {turned_first, "three layers read one, which wants it otherwise in the middle"},
    {turned_last, "two layers want one in different layouts"},
    {as_input_first, "it is an input before it is a layer's parameter, and after"},
    {as_input_last, "an input after it was a layer's, in a foreign layout"},
    {twice, "one node reads it twice"},
    {by_itself, "it is input and parameter of one node"},
    {of_views, "a view of a view of it, of four readers"},
    {of_view_alone, "a view is all that reads it"},
    {of_constants, "a constant on both sides, and as a parameter, in two layouts"},
    {of_everything, "two losses"},
    {of_frozen, "a frozen one, as input and as parameter, gives way to another's gradient"},
};

static void gradients_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(nets); i++)
        toy_check_net(nets[i].build, nets[i].why);
    assert_int_equal(toy_blocks, 0);
}

/* ---- what a plan has of them ----------------------------------------------------------------- */

static tn_tensor eight(float *x)
{
    return (tn_tensor){TN_F32, TN_SHAPE(8), x};
}

/* Those that nobody reads are left out; kept ones can be read, and no input they are. */
static void values_can_be_read(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float x[8];
    int32_t i[2] = {7, -9};
    assert_ok(tn_graph_create(&g));
    const tn_value w = weights(g), c = numbers(g);
    const tn_value whole = tn_constant(g, "i", (tn_tensor){TN_I32, TN_SHAPE(2), i});
    const tn_value other = tn_param(g, "other", TN_SHAPE(2, 3), NULL);
    const tn_value alone = tn_param(g, NULL, TN_SHAPE(3), NULL);
    const tn_value y = with(g, c, w, true, false);
    const tn_value keep[] = {w, c, whole, alone};
    i[0] = 0; /* it has been copied */
    assert_ok(tn_plan_create(
        &p, g, &toy_device,
        &(tn_plan_opts){.loss = toy_total(g, y), .keep = keep, .num_keep = TN_COUNT(keep)}));
    assert_int_equal(tn_plan_num_params(p), 2);
    assert_int_equal(tn_plan_find_param(p, "w"), 0);
    assert_int_equal(tn_plan_find_param(p, "param3"), 1);
    assert_int_equal(tn_plan_find_param(p, "other"), -1);
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, w, eight(x)));
    assert_true(x[0] == 0.5f && x[7] == 0.5f);
    assert_ok(tn_plan_get(p, c, eight(x)));
    assert_true(x[0] == 1 && x[7] == -8);
    assert_ok(tn_plan_get(p, whole, (tn_tensor){TN_I32, TN_SHAPE(2), i}));
    assert_int_equal(i[0], 7);
    assert_int_equal(i[1], -9);
    assert_ok(tn_plan_get(p, alone, (tn_tensor){TN_F32, TN_SHAPE(3), x}));
    assert_true(x[0] == 0);
    assert_fails(tn_plan_get(p, y, eight(x)), TN_ERR_ARGUMENT, "times1 is not kept");
    assert_fails(tn_plan_get(p, other, (tn_tensor){TN_F32, TN_SHAPE(2, 3), x}), TN_ERR_ARGUMENT,
                 "other is not kept");
    assert_fails(tn_plan_set(p, w, eight(x)), TN_ERR_ARGUMENT, "w is a parameter");
    assert_fails(tn_plan_set(p, c, eight(x)), TN_ERR_ARGUMENT, "c is a constant");
    tn_param_info info;
    assert_ok(tn_plan_param(p, 0, &info));
    assert_string_equal(info.full_name, "w");
    assert_string_equal(info.node, "w");
    assert_string_equal(info.name, "");
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

/* A layer that gives no gradient is offered no room to keep what it has made of weights that another layer trains. */
static void trained_weights_are_not_kept(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    for (int shared = 0; shared < 2; shared++) {
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(8));
        const tn_value y = toy_times(g, x, &(toy_opts){.start = 1});
        const tn_value w = shared ? tn_graph_value(g, "times1.weight") : numbers(g);
        const tn_value seen = with(g, x, w, false, false);
        assert_ok(
            tn_plan_create(&p, g, &toy_device,
                           &(tn_plan_opts){.loss = toy_total(g, y), .keep = &seen, .num_keep = 1}));
        for (size_t i = 0; i < p->num_nodes; i++)
            if (p->node[i]->node.out[0] == seen.id)
                assert_int_equal(p->node[i]->bind.spare > 0, !shared);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
    }
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void unknown_name(tn_graph *g, tn_value x)
{
    with(g, x, tn_graph_value(g, "typo"), false, false);
}

static void of_another_shape(tn_graph *g, tn_value x)
{
    with(g, x, tn_param(g, "w", TN_SHAPE(2, 4), NULL), false, false);
}

static void of_another_type(tn_graph *g, tn_value x)
{
    int32_t c[8] = {0};
    with(g, x, tn_constant(g, "c", (tn_tensor){TN_I32, TN_SHAPE(8), c}), false, false);
}

static void computed(tn_graph *g, tn_value x)
{
    with(g, x, toy_plus(g, x, x, NULL), false, false);
}

static void an_input(tn_graph *g, tn_value x)
{
    with(g, x, x, false, false);
}

static void said_twice(tn_graph *g, tn_value x)
{
    toy_times(g, x, &(toy_opts){.value = weights(g), .frozen = true});
}

static void name_is_taken(tn_graph *g, tn_value x)
{
    tn_param(g, "times1.weight", TN_SHAPE(8), NULL);
    toy_times(g, x, &(toy_opts){0});
}

static void another_itself(tn_graph *g, tn_value x)
{
    (void)x;
    tn_param(g, "v", TN_SHAPE(8), &(tn_param_opts){.value = weights(g)});
}

static void no_shape(tn_graph *g, tn_value x)
{
    (void)x;
    tn_param(g, "w", TN_SHAPE(8, 0), NULL);
}

static void no_start(tn_graph *g, tn_value x)
{
    (void)x;
    tn_param(g, "w", TN_SHAPE(8), &(tn_param_opts){.init = {TN_INIT_NORMAL, NAN}});
}

static void no_data(tn_graph *g, tn_value x)
{
    (void)x;
    tn_constant(g, "c", (tn_tensor){TN_F32, TN_SHAPE(8), NULL});
}

static void no_type(tn_graph *g, tn_value x)
{
    (void)x;
    tn_constant(g, "c", (tn_tensor){(tn_dtype)77, TN_SHAPE(1), &x});
}

static const struct {
    void (*make)(tn_graph *g, tn_value x);
    tn_status status;
    const char *says;
} wrongs[] = {
    {unknown_name, TN_ERR_ARGUMENT, "times times1: what its weight is to be: the zero handle"},
    {of_another_shape, TN_ERR_SHAPE, "times times1: its weight is 8 f32, but w is 2 x 4 f32"},
    {of_another_type, TN_ERR_SHAPE, "but c is 8 i32"},
    {computed, TN_ERR_ARGUMENT,
     "times times1: its weight cannot be plus1, which depends on the batch"},
    {an_input, TN_ERR_ARGUMENT, "its weight cannot be x, which depends on the batch"},
    {said_twice, TN_ERR_ARGUMENT, "its weight is w, whose own frozen counts"},
    {name_is_taken, TN_ERR_ARGUMENT, "param times1.weight: the graph has a param of that name"},
    {another_itself, TN_ERR_ARGUMENT, "param v: it is a value of its own"},
    {no_shape, TN_ERR_SHAPE, "param w: dimension 1 of 8 x 0 is 0"},
    {no_start, TN_ERR_ARGUMENT, "param w: init of w is nan"},
    {no_data, TN_ERR_ARGUMENT, "constant c: the tensor given has no data"},
    {no_type, TN_ERR_SHAPE, "constant c: 77 is no dtype"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(wrongs); i++) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_create(&g));
        wrongs[i].make(g, tn_input(g, "x", TN_F32, TN_SHAPE(8)));
        assert_fails(tn_graph_status(g), wrongs[i].status, wrongs[i].says);
        tn_graph_destroy(g);
    }
}

static void a_loss_is_computed(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value w = tn_param(g, "w", (tn_shape){0}, NULL), v = toy_view(g, w);
    assert_fails(tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.loss = w}), TN_ERR_ARGUMENT,
                 "the loss (w) is a parameter");
    assert_fails(tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.loss = v}), TN_ERR_ARGUMENT,
                 "the loss (flat1) is a parameter");
    assert_fails(
        tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.loss = tn_graph_value(g, "typo")}),
        TN_ERR_ARGUMENT, "the loss: the zero handle");
    tn_graph_destroy(g);
    assert_int_equal(toy_blocks, 0);
}

static tn_status once(void *arg)
{
    toy_built b = {0};
    (void)arg;
    tn_status status = toy_build(&b, of_everything, (tn_plan_opts){.accumulate = 2});
    if (status == TN_OK)
        status = tn_plan_run(b.plan);
    toy_destroy(&b);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(once, NULL) > 10);
    assert_int_equal(toy_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_right),          cmocka_unit_test(values_can_be_read),
        cmocka_unit_test(trained_weights_are_not_kept), cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_loss_is_computed),           cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
