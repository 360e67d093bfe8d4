/*
 * Kernels by name: those that can do a layer, one chosen for it, what cannot be, and which is the fastest.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep, open_memstream */
#include <string.h>
#include <time.h>

#include <tenon/sys/kernel.h>
#include <tenon/tune.h>

#include "lab_op.h"

enum { LENGTH = 8 };

/* Three ways to do abs: two of the program's own and the library's. */
static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    return TN_OK;
}

static tn_status fast(const tn_call *c)
{
    const float *x = c->x[0];
    for (int i = 0; i < LENGTH; i++)
        ((float *)c->y[0])[i] = x[i] < 0 ? -x[i] : x[i];
    return TN_OK;
}

static tn_status slow(const tn_call *c)
{
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    return fast(c);
}

static tn_status refuses(const tn_node *n)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "abs %s: never", n->name);
}

static const tn_kernel own[] = {
    {.version = TN_SYS_VERSION,
     .op = "abs",
     .rank = -3,
     .name = "slow",
     .prepare = prepare,
     .forward = slow},
    {.version = TN_SYS_VERSION,
     .op = "abs",
     .rank = -2,
     .name = "never",
     .supports = refuses,
     .prepare = prepare,
     .forward = fast},
    {.version = TN_SYS_VERSION,
     .op = "abs",
     .rank = -1,
     .name = "fast",
     .prepare = prepare,
     .forward = fast},
};

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_value x, y;
    tn_plan_opts opts;
} net;

static tn_status build(net *n)
{
    *n = (net){0};
    TN_TRY(tn_device_open(&n->device, "cpu,reference"));
    for (size_t i = 0; i < TN_COUNT(own); i++)
        TN_TRY(tn_device_add_kernel(n->device, &own[i]));
    TN_TRY(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(LENGTH));
    n->y = tn_abs(n->g, tn_abs(n->g, n->x, &(tn_layer_opts){.name = "a"}),
                  &(tn_layer_opts){.name = "b"});
    n->opts = (tn_plan_opts){.keep = &n->y, .num_keep = 1};
    return TN_OK;
}

static void destroy(net *n)
{
    tn_graph_destroy(n->g);
    tn_device_close(n->device);
}

static const char *now(const tn_plan *p, int step)
{
    const char *name;
    assert_ok(tn_plan_kernel(p, step, TN_KERNEL_NOW, &name));
    return name;
}

static char *description(const tn_plan *p)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_ok(tn_plan_describe(p, TN_DESCRIBE_TEXT, to));
    assert_int_equal(fclose(to), 0);
    return text;
}

static void a_layer_has_the_kernel_that_is_named(void **state)
{
    (void)state;
    static const char *const all[] = {"slow", "fast", "reference", NULL};
    net n;
    tn_plan *p = NULL;
    const char *name;
    assert_ok(build(&n));
    n.opts.kernels = (const tn_kernel_choice[]){{"b", "fast"}, {"b", "slow"}};
    n.opts.num_kernels = 2;
    n.opts.need_kernels = true;
    assert_ok(tn_plan_create(&p, n.g, n.device, &n.opts));
    assert_string_equal(now(p, 0), "slow");
    assert_string_equal(now(p, 1), "fast");
    for (int i = 0; i < 4; i++) {
        assert_ok(tn_plan_kernel(p, 1, i, &name));
        assert_true(all[i] ? name && strcmp(name, all[i]) == 0 : !name);
    }
    assert_fails(tn_plan_kernel(p, 2, 0, &name), TN_ERR_ARGUMENT, "step 2 of 2");
    tn_plan_destroy(p);
    destroy(&n);
}

static void what_cannot_be_is_told(void **state)
{
    (void)state;
    static const struct {
        tn_kernel_choice choice;
        tn_status status;
        const char *error, *told;
    } cases[] = {
        {{"c", "fast"},
         TN_ERR_ARGUMENT,
         "plan: kernels: there is no layer c",
         "passed over: kernels for c: there are no such layers"},
        {{"b", "quick"},
         TN_ERR_ARGUMENT,
         "abs b: cpu,reference has no kernel quick for it",
         "passed over: abs b: cpu,reference has no kernel quick"},
        {{"b", "never"}, TN_ERR_UNSUPPORTED, "abs b: never", "passed over: abs b: never"},
        {{"b", NULL}, TN_ERR_ARGUMENT, "plan: kernels: choice 0 has no name", NULL},
    };
    net n;
    assert_ok(build(&n));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_plan *p = NULL;
        n.opts.kernels = &cases[i].choice;
        n.opts.num_kernels = 1;
        n.opts.need_kernels = true;
        assert_fails(tn_plan_create(&p, n.g, n.device, &n.opts), cases[i].status, cases[i].error);
        n.opts.need_kernels = false;
        if (!cases[i].told)
            continue;
        assert_ok(tn_plan_create(&p, n.g, n.device, &n.opts));
        assert_string_equal(now(p, 1), "slow");
        char *text = description(p);
        assert_non_null(strstr(text, cases[i].told));
        free(text);
        tn_plan_destroy(p);
    }
    destroy(&n);
}

/* What its own rule would leave to another, because that is faster. */
static void a_kernel_that_is_named_does_not_refuse_for_being_slow(void **state)
{
    (void)state;
    static const char *const names[] = {"winograd", "few channels", "onednn"};
    if (!lab_can_prefer())
        skip();
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        tn_step_info s;
        assert_ok(tn_device_open(&d, "cpu"));
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 3, 14, 14));
        tn_output(g, tn_conv2d(g, x, &(tn_conv2d_opts){.name = "c", .filters = 8, .kernel = {3}}));
        const tn_kernel_choice choice = {"c", names[i]};
        assert_ok(tn_plan_create(
            &p, g, d, &(tn_plan_opts){.kernels = &choice, .num_kernels = 1, .need_kernels = true}));
        int conv = 0;
        do
            assert_ok(tn_plan_step(p, conv, &s));
        while (strcmp(s.op, "conv2d") != 0 && ++conv);
        assert_string_equal(now(p, conv), names[i]);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static tn_status count(void *arg, const tn_kernel_choice *tried, double seconds, double best)
{
    int *left = arg;
    assert_true(seconds > 0 && best > 0 && tried->node && tried->kernel);
    return --*left < 0 ? tn_fail(TN_ERR_FORMAT, "enough") : TN_OK;
}

static void the_fastest_is_found(void **state)
{
    (void)state;
    net n;
    tn_tuned *t = NULL;
    tn_plan *p = NULL;
    int left = 100;
    assert_ok(build(&n));
    assert_ok(tn_tune(&t, n.g, n.device, &n.opts,
                      &(tn_tune_opts){.runs = 2, .progress = count, .arg = &left}));
    assert_int_equal(left, 100 - 2 * 2);
    assert_int_equal(t->num_kernels, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(t->kernels[i].node, i ? "b" : "a");
        assert_string_not_equal(t->kernels[i].kernel, "slow");
    }
    assert_true(t->before > 0.006 && t->after < 0.003);
    n.opts.kernels = t->kernels;
    n.opts.num_kernels = t->num_kernels;
    n.opts.need_kernels = true;
    assert_ok(tn_plan_create(&p, n.g, n.device, &n.opts));
    tn_plan_destroy(p);
    tn_tuned_destroy(t);
    destroy(&n);
}

static void mistakes_of_tuning_are_named(void **state)
{
    (void)state;
    net n;
    tn_tuned *t = NULL;
    tn_weights *w = NULL;
    int left = 1;
    assert_ok(build(&n));
    assert_fails(tn_tune(&t, n.g, n.device, &n.opts,
                         &(tn_tune_opts){.runs = 1, .progress = count, .arg = &left}),
                 TN_ERR_FORMAT, "enough");
    assert_fails(tn_tune(&t, n.g, n.device, &n.opts, &(tn_tune_opts){.runs = -1}), TN_ERR_ARGUMENT,
                 "tune: runs is -1");
    assert_ok(tn_weights_create(&w));
    n.opts.weights = w;
    n.opts.loss = tn_mse(n.g, n.y, n.x, NULL);
    assert_fails(tn_tune(&t, n.g, n.device, &n.opts, NULL), TN_ERR_ARGUMENT,
                 "tune: the weights would be trained");
    tn_weights_destroy(w);
    destroy(&n);
}

static tn_status all_of_it(void *unused)
{
    (void)unused;
    net n;
    tn_tuned *t = NULL;
    tn_status status = build(&n);
    n.opts.kernels = (const tn_kernel_choice[]){{"b", "fast"}, {"no", "fast"}, {"nor", "fast"}};
    n.opts.num_kernels = 3;
    if (status == TN_OK)
        status = tn_tune(&t, n.g, n.device, &n.opts, &(tn_tune_opts){.runs = 1});
    tn_tuned_destroy(t);
    destroy(&n);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(all_of_it, NULL) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_has_the_kernel_that_is_named),
        cmocka_unit_test(what_cannot_be_is_told),
        cmocka_unit_test(a_kernel_that_is_named_does_not_refuse_for_being_slow),
        cmocka_unit_test(the_fastest_is_found),
        cmocka_unit_test(mistakes_of_tuning_are_named),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
