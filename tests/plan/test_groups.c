/*
 * Groups of parameters by their names: what they say is what options of the parameters would, and a rate may be set anew,
 * on every device, replayed or not.
 */
#include <string.h>

#include "lab_op.h"

enum { ROWS = 4, WIDTH = 5, MOST = 64 };

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
} net;

/* By options of the layers, or by groups. */
static void open_net(net *s, const char *device, bool by_options, const tn_param_group *groups,
                     int num_groups)
{
    *s = (net){0};
    float x[ROWS * WIDTH], y[ROWS * 3];
    const tn_param_opts bias = {.rate = by_options ? 2 : 0, .decay = by_options ? TN_ZERO : 0},
                        weight = {.rate = by_options ? 0.5F : 0};
    assert_ok(tn_device_open(&s->device, device));
    assert_ok(tn_graph_create(&s->g));
    const tn_value in = tn_input(s->g, "x", TN_F32, TN_SHAPE(ROWS, WIDTH)),
                   target = tn_input(s->g, "y", TN_F32, TN_SHAPE(ROWS, 3));
    tn_value v = tn_dense(
        s->g, in, &(tn_dense_opts){.name = "a", .units = 6, .weight = weight, .bias = bias});
    v = tn_dense(s->g, tn_tanh(s->g, v, NULL),
                 &(tn_dense_opts){.name = "b", .units = 3, .bias = bias});
    assert_ok(tn_plan_create(
        &s->plan, s->g, s->device,
        &(tn_plan_opts){.loss = tn_mse(s->g, v, target, NULL),
                        .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F, .weight_decay = 0.1F}),
                        .groups = groups,
                        .num_groups = num_groups,
                        .seed = 2}));
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)(i % 7) / 4 - 1;
    for (int i = 0; i < ROWS * 3; i++)
        y[i] = (float)(i % 4);
    assert_ok(tn_plan_set(s->plan, in, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDTH), x}));
    assert_ok(tn_plan_set(s->plan, target, (tn_tensor){TN_F32, TN_SHAPE(ROWS, 3), y}));
}

static void close_net(net *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
}

static void step(net *s, int steps)
{
    for (int i = 0; i < steps; i++) {
        assert_ok(tn_plan_run(s->plan));
        assert_ok(tn_plan_update(s->plan, 0.05F));
    }
}

/* A parameter, or what the optimizer keeps for it. */
static size_t get(const net *s, const char *name, int part, float out[MOST])
{
    tn_param_info info;
    int64_t count;
    const int index = tn_plan_find_param(s->plan, name);
    assert_ok(tn_plan_param(s->plan, index, &info));
    assert_ok(tn_shape_count(&info.shape, &count));
    assert_true(count <= MOST);
    assert_ok(tn_plan_param_get(s->plan, index, part, (tn_tensor){TN_F32, info.shape, out}));
    return (size_t)count * sizeof *out;
}

static const char *const names[] = {"a.weight", "a.bias", "b.weight", "b.bias"};

static void check_same(const char *device)
{
    const tn_param_group groups[] = {{"*.bias", 2, TN_ZERO}, {"none.*,a", 0.5F, 0}};
    net own, grouped;
    open_net(&own, device, true, NULL, 0);
    open_net(&grouped, device, false, groups, 2);
    step(&own, 5);
    step(&grouped, 5);
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        float a[MOST], b[MOST];
        const size_t bytes = get(&own, names[i], TN_PARAM_VALUE, a);
        assert_int_equal(get(&grouped, names[i], TN_PARAM_VALUE, b), bytes);
        assert_memory_equal(a, b, bytes);
    }
    close_net(&grouped);
    close_net(&own);
}

static void check_rates(const char *device)
{
    const tn_param_group groups[] = {{"b.weight", TN_ZERO, 0}, {"a", 0, 0}};
    net s;
    open_net(&s, device, false, groups, 2);
    for (int phase = 0; phase < 4; phase++) { /* b.weight frozen, none, a frozen, none */
        float before[4][MOST], slot[4][MOST], after[MOST];
        if (phase > 0)
            assert_ok(tn_plan_set_rate(s.plan, phase == 1 ? 0 : 1, phase == 2 ? 0 : 1));
        for (int i = 0; i < 4; i++) {
            get(&s, names[i], TN_PARAM_VALUE, before[i]);
            get(&s, names[i], TN_PARAM_SLOT, slot[i]);
        }
        step(&s, 4); /* the first ones of them plainly, then replayed */
        for (int i = 0; i < 4; i++) {
            const bool still = phase == 0 ? i == 2 : phase == 2 && i < 2;
            size_t bytes = get(&s, names[i], TN_PARAM_VALUE, after);
            if ((memcmp(after, before[i], bytes) == 0) != still)
                fail_msg("%s, phase %d: %s is %s", device, phase, names[i],
                         still ? "changed" : "as it was");
            bytes = get(&s, names[i], TN_PARAM_SLOT, after);
            assert_true((memcmp(after, slot[i], bytes) == 0) == still);
        }
    }
    assert_fails(tn_plan_set_rate(s.plan, 2, 1), TN_ERR_ARGUMENT, "group 2 of 2");
    assert_fails(tn_plan_set_rate(s.plan, 0, -1), TN_ERR_ARGUMENT, "the rate of group 0 is -1");
    close_net(&s);
}

static void groups_are_options_by_name(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++)
        check_same(*device);
    check_same("cpu:0-1,threads=2");
}

static void a_rate_may_be_set_anew(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++)
        check_rates(*device);
    check_rates("cpu:0-1,threads=2");
}

static void groups_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        tn_param_group group[2];
        int count;
        const char *error;
    } cases[] = {
        {{{"c.*", 1, 1}}, 1, "groups[0]: no parameter that is trained"},
        {{{"a", 1, 1}, {"a.bias", 1, 1}}, 2, "groups[1]: no parameter"},
        {{{"a", -1, 1}}, 1, "groups[0]: rate is -1"},
        {{{NULL, 1, 1}}, 1, "groups[0]: the pattern is NULL"},
        {{{"a", 1, 1}}, -1, "plan: -1 groups"},
    };
    net s;
    open_net(&s, "cpu", false, NULL, 0);
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_plan *p = NULL;
        const tn_plan_opts opts = {.loss = tn_graph_value(s.g, "mse1"),
                                   .optim = tn_sgd(NULL),
                                   .groups = cases[i].group,
                                   .num_groups = cases[i].count};
        assert_fails(tn_plan_create(&p, s.g, s.device, &opts), TN_ERR_ARGUMENT, cases[i].error);
    }
    assert_fails(tn_plan_set_rate(s.plan, 0, 1), TN_ERR_ARGUMENT, "group 0 of 0");
    close_net(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_options_by_name),
        cmocka_unit_test(a_rate_may_be_set_anew),
        cmocka_unit_test(groups_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
