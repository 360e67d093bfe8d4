/*
 * What tn_param_opts says of a parameter, through a plan: after one step of SGD
 *     w' = w - R r (g + D d w)      R, D: the parameter's own multipliers; g: as the plan computed it
 */
#include <math.h>
#include <string.h>

#include "lab.h"

enum { IN = 5, UNITS = 3 };

static const double rate = 0.125, decay = 0.5;

static const struct {
    const char *name;
    tn_param_opts opts;
    double rate, decay; /* multipliers that are to come of it */
    const char *why;
} cases[] = {
    {"plain", {.rate = 0}, 1, 1, "zero is the default, 1"},
    {"faster", {.rate = 2}, 2, 1, "its own rate"},
    {"less", {.decay = 0.25f}, 1, 0.25, "its own decay"},
    {"none", {.decay = TN_ZERO}, 1, 0, "no decay at all"},
    {"slow", {.rate = TN_ZERO}, 0, 1, "no rate at all"},
    {"all", {.rate = 0.5f, .decay = 3}, 0.5, 3, "both"},
    {"still", {.frozen = true}, 0, 0, "frozen: not even decay"},
    {"again", {.rate = 2}, 2, 1, "the same as an earlier one, with others between"},
};

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
} net;

/* A chain of dense layers, one a case, whose weights have its options. */
static void make(net *n)
{
    assert_ok(tn_graph_create(&n->g));
    assert_ok(tn_device_open(&n->device, "cpu"));
    const tn_value in = tn_input(n->g, "in", TN_F32, TN_SHAPE(2, IN));
    const tn_value target = tn_input(n->g, "target", TN_F32, TN_SHAPE(2, IN));
    tn_value x = in;
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        x = tn_dense(n->g, x,
                     &(tn_dense_opts){.name = cases[i].name,
                                      .units = i + 1 < TN_COUNT(cases) ? UNITS : IN,
                                      .weight = cases[i].opts,
                                      .bias = {.init = {TN_INIT_CONSTANT, 0.5f}}});
    const tn_sgd_opts sgd = {.weight_decay = (float)decay};
    assert_ok(tn_plan_create(
        &n->plan, n->g, n->device,
        &(tn_plan_opts){.loss = tn_mse(n->g, x, target, NULL), .optim = tn_sgd(&sgd), .seed = 5}));
    float data[2 * IN];
    for (int i = 0; i < 2 * IN; i++)
        data[i] = (float)(i % 7) - 2;
    assert_ok(tn_plan_set(n->plan, in, (tn_tensor){TN_F32, TN_SHAPE(2, IN), data}));
    assert_ok(tn_plan_set(n->plan, target, (tn_tensor){TN_F32, TN_SHAPE(2, IN), data}));
}

static void read_part(const net *n, int index, int part, float *to)
{
    tn_param_info info;
    assert_ok(tn_plan_param(n->plan, index, &info));
    assert_ok(tn_plan_param_get(n->plan, index, part, (tn_tensor){TN_F32, info.shape, to}));
}

static void multipliers_reach_the_update(void **state)
{
    (void)state;
    net n = {0};
    make(&n);
    assert_ok(tn_plan_run(n.plan));
    float before[2 * TN_COUNT(cases)][IN * UNITS], g[IN * UNITS], after[IN * UNITS];
    for (int i = 0; i < tn_plan_num_params(n.plan); i++)
        read_part(&n, i, TN_PARAM_VALUE, before[i]);
    assert_fails(tn_plan_update(n.plan, -1), TN_ERR_ARGUMENT, "the rate is -1");
    assert_fails(tn_plan_update(n.plan, NAN), TN_ERR_ARGUMENT, "the rate is nan");
    assert_fails(tn_plan_update(n.plan, INFINITY), TN_ERR_ARGUMENT, "the rate is inf");
    assert_ok(tn_plan_update(n.plan, (float)rate));
    assert_fails(tn_plan_update(n.plan, (float)rate), TN_ERR_ARGUMENT, "0 runs since");
    for (int i = 0; i < tn_plan_num_params(n.plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(n.plan, i, &info));
        const bool weight = i % 2 == 0;
        const double R = weight ? cases[i / 2].rate : 1, D = weight ? cases[i / 2].decay : 1;
        int64_t count;
        assert_ok(tn_shape_count(&info.shape, &count));
        assert_int_equal(info.trained, !(weight && cases[i / 2].opts.frozen));
        memset(g, 0, sizeof g);
        if (info.trained)
            read_part(&n, i, TN_PARAM_GRADIENT, g);
        read_part(&n, i, TN_PARAM_VALUE, after);
        for (int64_t k = 0; k < count; k++) {
            const double w = (double)before[i][k];
            const double want = w - R * rate * ((double)g[k] + D * decay * w);
            if (fabs((double)after[k] - want) > 1e-6 * (1 + fabs(want)))
                fail_msg("%s: %s.%s[%d] became %g, not %g", cases[i / 2].why, info.node, info.name,
                         (int)k, (double)after[k], want);
        }
    }
    tn_plan_destroy(n.plan);
    tn_device_close(n.device);
    tn_graph_destroy(n.g);
}

static void numbers_out_of_range_are_named(void **state)
{
    (void)state;
    const struct {
        tn_param_opts opts;
        const char *says;
    } bad[] = {
        {{.rate = -1}, "dense fc: rate of weight is -1"},
        {{.rate = NAN}, "dense fc: rate of weight is nan"},
        {{.decay = -0.5f}, "dense fc: decay of weight is -0.5"},
        {{.decay = INFINITY}, "dense fc: decay of weight is inf"},
        {{.init = {TN_INIT_NORMAL, NAN}}, "dense fc: init of weight is nan"},
    };
    for (size_t i = 0; i < TN_COUNT(bad); i++) {
        tn_graph *g = NULL;
        tn_device *d = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value y =
            tn_dense(g, tn_input(g, "x", TN_F32, TN_SHAPE(1, 2)),
                     &(tn_dense_opts){.name = "fc", .units = 2, .weight = bad[i].opts});
        assert_ok(tn_device_open(&d, "cpu"));
        assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1}),
                     TN_ERR_ARGUMENT, bad[i].says);
        tn_device_close(d);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipliers_reach_the_update),
        cmocka_unit_test(numbers_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
