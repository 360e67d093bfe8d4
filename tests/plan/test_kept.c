/*
 * What kernels keep of weights: how much, made when, and by which plans in common. The toy's `times` keeps -w.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "lab.h"
#include "plan/plan.h"
#include "plan/plan_test.h"
#include "plan/toy.h"

enum { LENGTH = 4, BYTES = LENGTH * sizeof(float), MOST = 4 };

/* y = w[0] w[1] ... x, all of `count` nodes with one w. */
typedef struct net {
    tn_graph *g;
    tn_value x, y;
} net;

static void build(net *n, int count, const toy_opts *opts)
{
    assert_ok(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(LENGTH));
    const tn_value w =
        tn_param(n->g, "w", TN_SHAPE(LENGTH), &(tn_param_opts){.init = {TN_INIT_CONSTANT, 1}});
    n->y = n->x;
    for (int i = 0; i < count; i++) {
        toy_opts o = opts[i];
        o.value = w;
        n->y = toy_times(n->g, n->y, &o);
    }
}

static tn_status plan(tn_plan **p, const net *n, tn_weights *w, float kept)
{
    return tn_plan_create(
        p, n->g, &toy_device,
        &(tn_plan_opts){.keep = &n->y, .num_keep = 1, .weights = w, .kept_weights = kept});
}

static const float xs[LENGTH] = {1, 2, 4, 8}, first[LENGTH] = {1, 1, 1, 1},
                   other[LENGTH] = {3, 5, 7, 11};

/* What it says is w to the power of `count`, times x. */
static void check(tn_plan *p, const net *n, int count, const float *w)
{
    float x[LENGTH], y[LENGTH];
    memcpy(x, xs, sizeof x);
    assert_ok(tn_plan_set(p, n->x, (tn_tensor){TN_F32, TN_SHAPE(LENGTH), x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, n->y, (tn_tensor){TN_F32, TN_SHAPE(LENGTH), y}));
    for (int i = 0; i < LENGTH; i++) {
        float want = xs[i];
        for (int k = 0; k < count; k++)
            want *= w[i];
        assert_float_equal(y[i], want, 0);
    }
}

static void set(tn_plan *p, const float *w)
{
    float host[LENGTH];
    memcpy(host, w, sizeof host);
    assert_ok(tn_plan_param_set(p, tn_plan_find_param(p, "w"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(LENGTH), host}));
}

static int reorder_steps(const tn_plan *p)
{
    int count = 0;
    tn_step_info step;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        assert_ok(tn_plan_step(p, i, &step));
        count += strcmp(step.op, "reorder") == 0;
    }
    return count;
}

static void each_plan_keeps_as_much_as_it_may(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        int nodes;
        toy_opts opts[MOST];
        float kept_weights;
        int wanted, arranged, reorders,
            reorder_steps; /* in units of one w; in three runs; in a run */
    } cases[] = {
        {"a tenth is too little", 1, {{.keeps = true}}, 0, 0, 0, 0, 0},
        {"all that there are", 1, {{.keeps = true}}, 1, 1, 1, 0, 0},
        {"as much as is of use", 1, {{.keeps = true}}, INFINITY, 1, 1, 0, 0},
        {"none", 1, {{.keeps = true}}, TN_ZERO, 0, 0, 0, 0},
        {"two nodes have it in common", 2, {{.keeps = true}, {.keeps = true}}, 2, 1, 1, 0, 0},
        {"there is room for the first alone", 2, {{.keeps = true}, {.keeps = true}}, 1, 1, 1, 0, 0},
        {"two forms", 2, {{.keeps = true}, {.keeps = true, .turned = 1}}, INFINITY, 2, 2, 1, 0},
        {"a reorder", 2, {{.start = 0}, {.turned = 1}}, INFINITY, 1, 0, 1, 0},
        {"no room for it", 2, {{.start = 0}, {.turned = 1}}, TN_ZERO, 0, 0, 3, 1},
        {"two layouts, by way of the canonical one",
         2,
         {{.turned = 1}, {.turned = 2}},
         INFINITY,
         1,
         0,
         2,
         0},
        {"no room, again", 2, {{.turned = 1}, {.turned = 2}}, TN_ZERO, 0, 0, 6, 2},
        {"arranged from there", 2, {{.turned = 1}, {.turned = 2, .keeps = true}}, 1, 1, 1, 2, 0},
        {"and read in runs",
         3,
         {{.turned = 1}, {.turned = 2, .keeps = true}, {.turned = 2}},
         INFINITY,
         2,
         1,
         2,
         0},
        {"and read in runs, with no room",
         3,
         {{.turned = 1}, {.turned = 2, .keeps = true}, {.turned = 2}},
         1,
         1,
         1,
         8,
         2},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        net n;
        tn_plan *p = NULL, *dry = NULL;
        print_message("%s\n", cases[i].why);
        build(&n, cases[i].nodes, cases[i].opts);
        assert_ok(plan(&p, &n, NULL, cases[i].kept_weights));
        const tn_memory_plan m = tn_plan_memory(p);
        assert_int_equal(m.kept, cases[i].wanted * BYTES);
        assert_int_equal(m.total, m.params + m.activations + m.kept);
        assert_int_equal(reorder_steps(p), cases[i].reorder_steps);
        assert_ok(tn_plan_create(
            &dry, n.g, &toy_device,
            &(tn_plan_opts){
                .keep = &n.y, .num_keep = 1, .dry = true, .kept_weights = cases[i].kept_weights}));
        const tn_memory_plan also = tn_plan_memory(dry);
        assert_memory_equal(&m, &also, sizeof m);
        tn_plan_destroy(dry);
        toy_arranged = toy_reorders_run = 0;
        for (int run = 0; run < 3; run++)
            check(p, &n, cases[i].nodes, first);
        assert_int_equal(toy_arranged, cases[i].arranged);
        assert_int_equal(toy_reorders_run, cases[i].reorders);
        set(p, other);
        for (int run = 0; run < 2; run++)
            check(p, &n, cases[i].nodes, other);
        assert_int_equal(toy_arranged, 2 * cases[i].arranged);
        assert_ok(tn_plan_poison(p));
        check(p, &n, cases[i].nodes, other);
        tn_plan_destroy(p);
        tn_graph_destroy(n.g);
        assert_int_equal(toy_blocks, 0);
    }
}

/* Who runs first makes it, once for each change, whoever made that. */
static void plans_with_the_same_weights_have_it_in_common(void **state)
{
    (void)state;
    static const toy_opts keeps[] = {{.keeps = true}}, turned[] = {{.keeps = true, .turned = 1}};
    float host[LENGTH];
    net n, second;
    tn_weights *w = NULL;
    tn_plan *p[4] = {0};
    build(&n, 1, keeps);
    build(&second, 1, turned);
    assert_ok(tn_weights_create(&w));
    for (int i = 0; i < 3; i++) {
        assert_ok(plan(&p[i], &n, w, INFINITY));
        assert_int_equal(tn_plan_memory(p[i]).kept, i == 0 ? BYTES : 0);
    }
    assert_ok(plan(&p[3], &second, w, INFINITY)); /* of another form */
    assert_int_equal(tn_plan_memory(p[3]).kept, BYTES);

    toy_arranged = 0;
    check(p[1], &n, 1, first);
    check(p[0], &n, 1, first);
    assert_int_equal(toy_arranged, 1);
    check(p[3], &second, 1, first);
    assert_int_equal(toy_arranged, 2);

    memcpy(host, other, sizeof host);
    assert_ok(tn_weights_set(w, "w", (tn_tensor){TN_F32, TN_SHAPE(LENGTH), host}));
    toy_arranged = 0;
    for (int i = 2; i >= 0; i--)
        check(p[i], &n, 1, other);
    assert_int_equal(toy_arranged, 1);
    set(p[3], first);
    for (int i = 0; i < 3; i++)
        check(p[i], &n, 1, first);
    check(p[3], &second, 1, first);
    assert_int_equal(toy_arranged, 3);

    tn_plan_destroy(p[0]); /* which had made room for it */
    set(p[1], other);
    for (int i = 1; i < 3; i++)
        check(p[i], &n, 1, other);
    assert_int_equal(toy_arranged, 4);
    const int blocks = toy_blocks;
    tn_plan_destroy(p[1]);
    assert_true(toy_blocks < blocks);
    tn_plan_destroy(p[2]);
    assert_ok(plan(&p[0], &n, w, INFINITY));
    assert_int_equal(tn_plan_memory(p[0]).kept, BYTES); /* the last that had it has gone */
    check(p[0], &n, 1, other);
    check(p[3], &second, 1, other);
    tn_plan_destroy(p[0]);
    tn_plan_destroy(p[3]);
    tn_weights_destroy(w);
    tn_graph_destroy(n.g);
    tn_graph_destroy(second.g);
    assert_int_equal(toy_blocks, 0);
}

/* It is kept as a parameter is, by each plan for itself. */
static void a_constant_is_a_weight(void **state)
{
    (void)state;
    static const toy_opts opts = {.turned = 1, .keeps = true};
    net n;
    tn_weights *w = NULL;
    tn_plan *p[2] = {0};
    build(&n, 1, &opts);
    toy_opts o = opts;
    o.value = tn_constant(n.g, "c", (tn_tensor){TN_F32, TN_SHAPE(LENGTH), (float[]){1, 1, 1, 1}});
    n.y = toy_times(n.g, n.y, &o);
    assert_ok(tn_weights_create(&w));
    toy_arranged = 0;
    for (int i = 0; i < 2; i++) {
        assert_ok(plan(&p[i], &n, w, INFINITY));
        assert_int_equal(tn_plan_memory(p[i]).kept, i == 0 ? 2 * BYTES : BYTES);
        check(p[i], &n, 1, first);
        check(p[i], &n, 1, first);
    }
    assert_int_equal(toy_arranged, 3);
    tn_plan_destroy(p[0]);
    check(p[1], &n, 1, first);
    tn_plan_destroy(p[1]);
    tn_weights_destroy(w);
    tn_graph_destroy(n.g);
    assert_int_equal(toy_blocks, 0);
}

static void what_is_trained_is_not_kept(void **state)
{
    (void)state;
    net n = {NULL};
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&n.g));
    n.x = tn_input(n.g, "x", TN_F32, TN_SHAPE(LENGTH));
    for (int frozen = 0; frozen < 2; frozen++) {
        const tn_value a =
            toy_times(n.g, n.x, &(toy_opts){.start = 1, .frozen = frozen, .keeps = true});
        const tn_value b = toy_times(n.g, a, &(toy_opts){.start = 1, .keeps = true});
        assert_ok(
            tn_plan_create(&p, n.g, &toy_device,
                           &(tn_plan_opts){.loss = toy_total(n.g, b), .kept_weights = INFINITY}));
        assert_int_equal(tn_plan_memory(p).kept, frozen * BYTES);
        tn_plan_destroy(p);
    }
    tn_graph_destroy(n.g);
    assert_int_equal(toy_blocks, 0);
}

static void a_part_below_none_is_refused(void **state)
{
    (void)state;
    net n;
    tn_plan *p = NULL;
    build(&n, 1, &(toy_opts){.keeps = true});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(plan(&p, &n, NULL, i ? -0.5F : NAN), TN_ERR_ARGUMENT);
        assert_non_null(strstr(tn_error(), "kept_weights is "));
    }
    tn_graph_destroy(n.g);
}

static void no_failed_allocation_leaves_anything(void **state)
{
    (void)state;
    static const toy_opts opts[] = {{.turned = 1}, {.turned = 2, .keeps = true}, {.turned = 2}};
    net n;
    tn_weights *w = NULL;
    tn_plan *p = NULL, *q = NULL;
    build(&n, 3, opts);
    for (int shared = 0; shared < 2; shared++) {
        assert_ok(tn_weights_create(&w));
        if (shared)
            assert_ok(plan(&q, &n, w, INFINITY));
        const int blocks = toy_blocks;
        tn_status status = TN_ERR_MEMORY;
        for (long nth = 1; status == TN_ERR_MEMORY; nth++) {
            tn_alloc_fail_at(nth);
            status = plan(&p, &n, shared ? w : NULL, INFINITY);
            tn_alloc_fail_at(0);
            if (status == TN_ERR_MEMORY)
                assert_int_equal(toy_blocks, blocks);
        }
        assert_ok(status);
        check(p, &n, 3, first);
        if (shared)
            check(q, &n, 3, first);
        tn_plan_destroy(p);
        tn_plan_destroy(q);
        q = NULL;
        tn_weights_destroy(w);
        assert_int_equal(toy_blocks, 0);
    }
    tn_graph_destroy(n.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_plan_keeps_as_much_as_it_may),
        cmocka_unit_test(plans_with_the_same_weights_have_it_in_common),
        cmocka_unit_test(a_constant_is_a_weight),
        cmocka_unit_test(what_is_trained_is_not_kept),
        cmocka_unit_test(a_part_below_none_is_refused),
        cmocka_unit_test(no_failed_allocation_leaves_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
