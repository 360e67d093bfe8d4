/*
 * Lists of post-operations: what stands behind a convolution is done with it where nothing is trained, and changes no number.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab_op.h"

enum { N = 2, C = 16, SIDE = 7, COUNT = N * C * SIDE * SIDE };

typedef tn_value behind(tn_graph *g, tn_value conv, tn_value x);

static tn_value relu(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_relu(g, conv, NULL);
}

static tn_value clip(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_clip(g, conv, &(tn_clip_opts){.max = 0.5F});
}

static tn_value clip_above_zero(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_clip(g, conv, &(tn_clip_opts){.min = 0.25F, .max = 0.5F});
}

static tn_value leaky(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_leaky_relu(g, conv, &(tn_leaky_relu_opts){.slope = 0.25F});
}

static tn_value swish(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_swish(g, conv, NULL);
}

static tn_value sigmoid(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_sigmoid(g, conv, NULL);
}

static tn_value add(tn_graph *g, tn_value conv, tn_value x)
{
    return tn_add(g, conv, x, NULL);
}

static tn_value add_relu(tn_graph *g, tn_value conv, tn_value x)
{
    return tn_relu(g, tn_add(g, x, conv, NULL), NULL);
}

/* What is added is made after the convolution. */
static tn_value add_later(tn_graph *g, tn_value conv, tn_value x)
{
    return tn_relu(g, tn_add(g, conv, tn_tanh(g, x, NULL), NULL), NULL);
}

/* Of two convolutions, as at the beginning of a stage of ResNet: the first does it. */
static tn_value add_convolution(tn_graph *g, tn_value conv, tn_value x)
{
    const tn_value other =
        tn_conv2d(g, x, &(tn_conv2d_opts){.name = "other", .filters = C, .kernel = {1}});
    return tn_relu(g, tn_add(g, conv, other, NULL), NULL);
}

static tn_value add_broadcast(tn_graph *g, tn_value conv, tn_value x)
{
    const tn_value mean = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    return tn_add(g, conv, mean, NULL);
}

static tn_value add_twice(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_add(g, conv, conv, NULL);
}

static tn_value abs_of(tn_graph *g, tn_value conv, tn_value x)
{
    (void)x;
    return tn_abs(g, conv, NULL);
}

typedef struct post_case {
    const char *why;
    behind *build;
    const char *fused; /* with the convolution, by the CPU's kernels; NULL: nothing */
    bool winograd;     /* by that one too */
} post_case;

static const post_case cases[] = {
    {"a relu", relu, "relu", true},
    {"a clip", clip, "clip", true},
    {"a clip that makes another number of 0", clip_above_zero, "clip", false},
    {"leaky_relu", leaky, "leaky_relu", false},
    {"swish", swish, "swish", false},
    {"sigmoid", sigmoid, "sigmoid", false},
    {"a sum", add, "add", true},
    {"a sum and a relu behind it", add_relu, "add+relu", true},
    {"what is added comes later", add_later, "add+relu", true},
    {"another convolution is added", add_convolution, "add+relu", true},
    {"a sum that is broadcast", add_broadcast, NULL, false},
    {"the same is added to itself", add_twice, NULL, false},
    {"no kernel does it", abs_of, NULL, false},
};

static const tn_conv2d_opts convs[] = {
    {.name = "conv",
     .filters = C,
     .kernel = {3},
     .pad = {1}}, /* by Winograd's method, if asked for */
    {.name = "conv", .filters = C, .kernel = {1}},
    {.name = "conv", .filters = C, .kernel = {3}, .pad = {1}, .groups = C},
    {.name = "conv", .filters = C, .kernel = {3}, .pad = {1}, .no_bias = true},
};

typedef struct net {
    tn_graph *g;
    tn_plan *plan;
    tn_value x, y;
} net;

static tn_status make(net *n, tn_device *d, const tn_conv2d_opts *conv, behind *build, bool fusion,
                      bool training)
{
    *n = (net){0};
    TN_TRY(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(N, C, SIDE, SIDE));
    n->y = build(n->g, tn_conv2d(n->g, n->x, conv), n->x);
    tn_plan_opts opts = {.keep = &n->y, .num_keep = 1, .seed = 5, .no_fusion = !fusion};
    if (training)
        opts.loss = tn_mse(n->g, n->y, n->x, NULL);
    return tn_plan_create(&n->plan, n->g, d, &opts);
}

static void destroy(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
}

static void answer(net *n, float *y)
{
    static float x[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i * 7 % 31) / 16 - 1;
    assert_ok(tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, TN_SHAPE(N, C, SIDE, SIDE), x}));
    assert_ok(tn_plan_evaluate(n->plan));
    assert_ok(tn_plan_get(n->plan, n->y, (tn_tensor){TN_F32, TN_SHAPE(N, C, SIDE, SIDE), y}));
}

static const char *fused_with(const tn_plan *p, const char *node)
{
    tn_step_info s;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        assert_ok(tn_plan_step(p, i, &s));
        if (strcmp(s.node, node) == 0 && strcmp(s.op, "conv2d") == 0)
            return s.fused;
    }
    fail_msg("there is no %s", node);
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What convolutions on GPUs do, with cuDNN and without. */
static bool is_of_gpus(const char *fused)
{
    static const char *const known[] = {"relu", "add", "add+relu"};
    for (size_t i = 0; fused && i < TN_COUNT(known); i++)
        if (strcmp(fused, known[i]) == 0)
            return true;
    return false;
}

static void check(const char *device, const post_case *c, const tn_conv2d_opts *conv, bool cpu)
{
    static float y[COUNT], want[COUNT];
    tn_device *d = NULL;
    net fused, apart;
    assert_ok(tn_device_open(&d, device));
    assert_ok(make(&fused, d, conv, c->build, true, false));
    assert_ok(make(&apart, d, conv, c->build, false, false));
    const bool three = conv->kernel[0] == 3 && conv->groups == 0;
    const bool gpu = strncmp(device, "cpu", 3) != 0;
    const bool done = gpu ? is_of_gpus(c->fused) : !three || c->winograd;
    const char *text = fused_with(fused.plan, "conv");
    if ((gpu || cpu) && !same_text(text, done ? c->fused : NULL))
        fail_msg("%s, %s: fused with %s", device, c->why, text ? text : "nothing");
    assert_null(fused_with(apart.plan, "conv"));
    answer(&fused, y);
    answer(&apart, want);
    for (int i = 0; i < COUNT; i++)
        if (!(fabsf(y[i] - want[i]) <= 2e-5F * (1 + fabsf(want[i]))))
            fail_msg("%s, %s: %g, not %g at %d", device, c->why, (double)y[i], (double)want[i], i);
    destroy(&fused);
    destroy(&apart);
    tn_device_close(d);
}

static void no_number_changes(void **state)
{
    (void)state;
    static const char *const cpus[] = {"cpu", "cpu,prefer=winograd", "cpu,threads=1"};
    for (size_t c = 0; c < TN_COUNT(cases); c++)
        for (size_t k = 0; k < TN_COUNT(convs); k++) {
            for (size_t i = 0; i < TN_COUNT(cpus) && lab_can_prefer(); i++)
                check(cpus[i], &cases[c], &convs[k], true);
            for (const char *const *d = lab_devices(); *d; d++)
                check(*d, &cases[c], &convs[k], false);
        }
}

/* Only a relu has a gradient that kernels know of. */
static void what_is_trained_keeps_its_layers(void **state)
{
    (void)state;
    if (!lab_can_prefer())
        skip();
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        tn_device *d = NULL;
        net n;
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(make(&n, d, &convs[1], cases[c].build, true, true));
        assert_true(same_text(fused_with(n.plan, "conv"), c == 0 ? "relu" : NULL));
        destroy(&n);
        tn_device_close(d);
    }
}

static tn_status all_of_it(void *unused)
{
    (void)unused;
    tn_device *d = NULL;
    net n = {0};
    tn_status status = tn_device_open(&d, "cpu");
    if (status == TN_OK)
        status = make(&n, d, &convs[0], add_later, true, false);
    destroy(&n);
    tn_device_close(d);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(all_of_it, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_number_changes),
        cmocka_unit_test(what_is_trained_keeps_its_layers),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
