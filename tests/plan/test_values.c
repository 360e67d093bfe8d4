/*
 * Values of every kind in the plan's passes, on the toy backend: several outputs of one node, each with a gradient.
 */
#include "base/base.h"
#include "lab.h"
#include "plan/lab_net.h"
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

static const struct {
    toy_net build;
    const char *why;
} nets[] = {
    {both_halves, "two outputs have a gradient, the second from two readers"},
    {both_halves_reversed, "so in the other layout"},
    {first_half, "the second output has none"},
    {second_half, "the first output has none"},
};

static void gradients_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(nets); i++)
        toy_check_net(nets[i].build, nets[i].why);
    assert_int_equal(toy_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
