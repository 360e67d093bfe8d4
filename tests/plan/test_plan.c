/*
 * The plan's passes, on the toy backend: what is fused, where reorders go, how gradients meet, which
 * memory is shared. Everything is poisoned before each run.
 */
#include <math.h>
#include <string.h>

#include "lab.h"
#include "plan/lab_net.h"
#include "plan/plan.h"
#include "plan/plan_test.h"
#include "plan/toy.h"

static tn_value of_mono; /* the value in the middle of the last chain */

static tn_value chain(tn_graph *g, tn_value x)
{
    x = toy_scale(g, x, &(toy_opts){.start = 1.5f});
    of_mono = x = toy_mono(g, x, NULL);
    x = toy_half(g, x, NULL);
    x = toy_scale(g, x, &(toy_opts){.start = -0.5f});
    return toy_total(g, x);
}

static tn_value layouts(tn_graph *g, tn_value x)
{
    const tn_value a = toy_scale(g, x, &(toy_opts){.start = 1.5f, .reversed = true});
    const tn_value b = toy_scale(g, a, &(toy_opts){.start = 0.5f}); /* both read a turned back */
    const tn_value c = toy_mono(g, a, &(toy_opts){.reversed = false});
    return toy_total(g, toy_half(g, toy_plus(g, b, c, NULL), &(toy_opts){.reversed = true}));
}

static tn_value fan_out(tn_graph *g, tn_value x)
{
    const tn_value a = toy_scale(g, x, &(toy_opts){.start = 2});
    tn_value b = a;
    for (int i = 0; i < 3; i++) /* a is read four times, and by a view */
        b = toy_plus(g, b, toy_scale(g, a, &(toy_opts){.start = 0.5f * (float)i}), NULL);
    b = toy_plus(g, b, toy_view(g, a), NULL);
    return toy_total(g, toy_plus(g, b, b, NULL));
}

static tn_value view_first(tn_graph *g, tn_value x)
{
    const tn_value a = toy_scale(g, x, &(toy_opts){.start = 2, .reversed = true});
    const tn_value b = toy_scale(g, a, &(toy_opts){.start = 3});
    return toy_total(g, toy_plus(g, toy_mono(g, toy_view(g, a), NULL), b, NULL));
}

static tn_value frozen(tn_graph *g, tn_value x)
{
    x = toy_scale(g, x, &(toy_opts){.start = 2, .frozen = true});
    return toy_total(g, toy_scale(g, toy_mono(g, x, NULL), &(toy_opts){.start = 3}));
}

static const struct {
    toy_net build;
    const char *why;
} nets[] = {
    {chain, "relu moves behind the maximum"},
    {layouts, "one reorder serves two readers; another goes back"},
    {fan_out, "gradients of five readers meet, one of them a view, one twice the same"},
    {view_first, "a view of a value in a foreign layout that another reads too"},
    {frozen, "no gradient for a frozen parameter or before it"},
};

static void gradients_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(nets); i++)
        toy_check_net(nets[i].build, nets[i].why);
    assert_int_equal(toy_blocks, 0);
}

static const char *op_of(const tn_plan *p, size_t i)
{
    return p->node[i]->node.op->name;
}

static void monotone_moves_behind_maximum(void **state)
{
    (void)state;
    toy_built b = {0};
    assert_ok(toy_build(&b, chain, (tn_plan_opts){0}));
    assert_string_equal(op_of(b.plan, 2), "half");
    assert_string_equal(op_of(b.plan, 3), "mono");
    toy_destroy(&b);

    /* what mono gives is asked for: it stays where it is */
    assert_ok(toy_build(&b, chain, (tn_plan_opts){.keep = &of_mono, .num_keep = 1}));
    assert_non_null(b.plan->node[1]->node.post[0]);
    assert_string_equal(op_of(b.plan, 2), "half");
    float y[8];
    toy_run(&b);
    assert_ok(tn_plan_get(b.plan, of_mono, (tn_tensor){TN_F32, TN_SHAPE(8), y}));
    assert_true(y[0] == 0.75f && y[1] == 0 && y[5] == 5.25f);
    toy_destroy(&b);

    assert_ok(toy_build(&b, frozen, (tn_plan_opts){0}));
    assert_int_equal(b.plan->num_nodes, 4); /* scale took mono in */
    assert_non_null(b.plan->node[1]->node.post[0]);
    toy_destroy(&b);
}

static void reorders_are_few(void **state)
{
    (void)state;
    toy_built b = {0};
    assert_ok(toy_build(&b, layouts, (tn_plan_opts){0}));
    toy_reorders_run = 0;
    toy_run(&b);
    assert_int_equal(toy_reorders_run, 7); /* x, a, plus, half forward; the last three backward */
    toy_destroy(&b);
}

/* Two buffers that are in use at one time never overlap. */
static void memory_is_never_shared_too_early(void **state)
{
    (void)state;
    for (size_t n = 0; n < TN_COUNT(nets); n++) {
        toy_built b = {0};
        assert_ok(toy_build(&b, nets[n].build, (tn_plan_opts){.input_gradients = true}));
        const tn_plan *p = b.plan;
        size_t sum = 0;
        for (size_t i = 0; i < p->num_buffers; i++) {
            const tn_buffer *x = &p->buffer[i];
            if (x->place || x->same_as != TN_NO_BUFFER || (x->last < 0 && !x->always))
                continue;
            sum += x->bytes;
            assert_true(x->offset + x->bytes <= p->arena_bytes);
            for (size_t j = 0; j < i; j++) {
                const tn_buffer *y = &p->buffer[j];
                const bool meet =
                    x->always || y->always || (x->first <= y->last && y->first <= x->last);
                if (!y->place && y->same_as == TN_NO_BUFFER && (y->last >= 0 || y->always) && meet)
                    assert_true(x->offset + x->bytes <= y->offset ||
                                y->offset + y->bytes <= x->offset);
            }
        }
        assert_true(p->arena_bytes < sum); /* and something is shared */
        toy_destroy(&b);
    }
}

static void memory_plan_needs_no_memory(void **state)
{
    (void)state;
    toy_built dry = {0}, wet = {0};
    assert_ok(toy_build(&dry, fan_out, (tn_plan_opts){.dry = true}));
    assert_int_equal(toy_blocks, 0);
    assert_ok(toy_build(&wet, fan_out, (tn_plan_opts){0}));
    const tn_memory_plan a = tn_plan_memory(dry.plan), b = tn_plan_memory(wet.plan);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.params, 4 * 512);
    assert_fails(tn_plan_run(dry.plan), TN_ERR_ARGUMENT, "it is dry");
    toy_destroy(&dry);
    toy_destroy(&wet);
}

static void a_run_allocates_nothing(void **state)
{
    (void)state;
    toy_built b = {0};
    assert_ok(toy_build(&b, layouts, (tn_plan_opts){0}));
    const long before = tn_alloc_total();
    toy_run(&b);
    assert_int_equal(tn_alloc_total(), before);
    toy_destroy(&b);
}

static tn_status once(void *arg)
{
    toy_built b = {0};
    (void)arg;
    tn_status status = toy_build(&b, layouts, (tn_plan_opts){.accumulate = 2});
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

static void input_gradients(void **state)
{
    (void)state;
    toy_built b = {0};
    float dx[8];
    const tn_tensor t = {TN_F32, TN_SHAPE(8), dx};
    assert_ok(toy_build(&b, frozen, (tn_plan_opts){.input_gradients = true}));
    toy_run(&b);
    assert_ok(tn_plan_get_gradient(b.plan, b.x, t));
    for (int i = 0; i < 8; i++)
        assert_true(dx[i] == (toy_data[i] > 0 ? 6 : 0));
    toy_destroy(&b);
    assert_ok(toy_build(&b, frozen, (tn_plan_opts){0}));
    assert_fails(tn_plan_get_gradient(b.plan, b.x, t), TN_ERR_ARGUMENT, "x has no gradient");
    toy_destroy(&b);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    toy_built b = {0};
    float x[8] = {0};
    assert_ok(toy_build(&b, chain, (tn_plan_opts){.accumulate = 2}));
    tn_plan *p = b.plan;
    assert_fails(tn_plan_set(p, b.x, (tn_tensor){TN_F32, TN_SHAPE(2, 4), x}), TN_ERR_SHAPE,
                 "x is 8 f32, but the tensor given is 2 x 4 f32");
    assert_fails(tn_plan_set(p, b.x, (tn_tensor){TN_U8, TN_SHAPE(8), x}), TN_ERR_SHAPE, "8 u8");
    assert_fails(tn_plan_set(p, b.x, (tn_tensor){TN_F32, TN_SHAPE(8), NULL}), TN_ERR_ARGUMENT,
                 "no data");
    assert_fails(tn_plan_set(p, b.loss, (tn_tensor){TN_F32, {0}, x}), TN_ERR_ARGUMENT,
                 "total1 is computed");
    assert_fails(tn_plan_get(p, tn_graph_value(b.g, "scale1"), (tn_tensor){TN_F32, TN_SHAPE(8), x}),
                 TN_ERR_ARGUMENT, "scale1 is not kept");
    assert_fails(tn_plan_get(p, (tn_value){99, b.x.graph}, (tn_tensor){TN_F32, TN_SHAPE(8), x}),
                 TN_ERR_ARGUMENT, "value 99");
    assert_fails(tn_plan_update(p, 1), TN_ERR_ARGUMENT, "without an optimizer");
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_run(p));
    assert_fails(tn_plan_run(p), TN_ERR_ARGUMENT, "2 runs are summed already");
    assert_int_equal(tn_plan_find_param(p, "scale2.weight"), 1);
    assert_int_equal(tn_plan_find_param(p, "scale2.bias"), -1);
    assert_fails(tn_plan_param_get(p, 2, 0, (tn_tensor){TN_F32, TN_SHAPE(1), x}), TN_ERR_ARGUMENT,
                 "parameter 2 of 2");
    assert_fails(tn_plan_param_get(p, 0, TN_PARAM_SLOT, (tn_tensor){TN_F32, TN_SHAPE(1), x}),
                 TN_ERR_ARGUMENT, "scale1.weight: the plan keeps no part 2");

    tn_plan *q = NULL;
    assert_fails(tn_plan_create(&q, b.g, &toy_device, &(tn_plan_opts){0}), TN_ERR_ARGUMENT,
                 "neither a loss nor a value");
    assert_fails(tn_plan_create(&q, b.g, NULL, &(tn_plan_opts){0}), TN_ERR_ARGUMENT,
                 "the argument device is NULL");
    assert_fails(tn_plan_create(&q, b.g, &toy_device, &(tn_plan_opts){.loss = b.x}), TN_ERR_SHAPE,
                 "the loss (x) is 8 f32");
    assert_fails(
        tn_plan_create(&q, b.g, &toy_device, &(tn_plan_opts){.loss = b.loss, .accumulate = -1}),
        TN_ERR_ARGUMENT, "accumulate is -1");
    const tn_value nothing = toy_total(b.g, b.x);
    assert_fails(tn_plan_create(&q, b.g, &toy_device, &(tn_plan_opts){.loss = nothing}),
                 TN_ERR_ARGUMENT, "(total2) depends on no parameter");
    const tn_value unknown = toy_unknown(b.g, b.x);
    assert_fails(
        tn_plan_create(&q, b.g, &toy_device, &(tn_plan_opts){.keep = &unknown, .num_keep = 1}),
        TN_ERR_UNSUPPORTED, "unknown unknown1: no kernel of toy can do it");
    assert_null(q);
    toy_destroy(&b);
}

static void plans_describe_themselves(void **state)
{
    (void)state;
    toy_built b = {0};
    char text[8192] = "";
    assert_ok(toy_build(&b, layouts, (tn_plan_opts){.dry = true}));
    for (int format = 0; format < 2; format++) {
        FILE *f = tmpfile();
        assert_non_null(f);
        assert_ok(tn_plan_describe(b.plan, (tn_describe_format)format, f));
        rewind(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        assert_non_null(strstr(text, format ? "n0 -> n" : "GFLOP forward and backward"));
        assert_non_null(strstr(text, "reversed"));
        assert_non_null(strstr(text, "half1"));
    }
    toy_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_right),
        cmocka_unit_test(monotone_moves_behind_maximum),
        cmocka_unit_test(reorders_are_few),
        cmocka_unit_test(memory_is_never_shared_too_early),
        cmocka_unit_test(memory_plan_needs_no_memory),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(input_gradients),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(plans_describe_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
