/* Inputs that nobody has set are no zeros: a run names them. */
#include <string.h>

#include "lab_op.h"

enum { ROWS = 4, WIDE = 3 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, target, y;
} rig;

static void open_rig(rig *r, const char *device)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "image", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->target = tn_input(r->g, "target", TN_F32, TN_SHAPE(ROWS, WIDE));
    tn_input(r->g, "unused", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->y = tn_dense(r->g, r->x, &(tn_dense_opts){.units = WIDE});
    assert_ok(tn_plan_create(
        &r->plan, r->g, r->device,
        &(tn_plan_opts){.loss = tn_mse(r->g, r->y, r->target, NULL), .optim = tn_sgd(NULL)}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void each_is_set_before_a_run(void **unused)
{
    (void)unused;
    static const char *const groups[] = {"cpu:0-1", NULL};
    const char *const *const lists[] = {lab_devices(), groups};
    float x[ROWS * WIDE] = {1, 2, 3};
    double seconds[32];
    const tn_tensor host = {TN_F32, TN_SHAPE(ROWS, WIDE), x};
    for (size_t l = 0; l < TN_COUNT(lists); l++)
        for (const char *const *device = lists[l]; *device; device++) {
            rig r;
            open_rig(&r, *device);
            assert_true((size_t)tn_plan_num_steps(r.plan) <= TN_COUNT(seconds));
            assert_fails(tn_plan_run(r.plan), TN_ERR_ARGUMENT, "input image has never been set");
            assert_ok(tn_plan_set(r.plan, r.x, host));
            assert_fails(tn_plan_run(r.plan), TN_ERR_ARGUMENT, "input target has never been set");
            assert_fails(tn_plan_evaluate(r.plan), TN_ERR_ARGUMENT, "input target has never");
            assert_fails(tn_plan_profile(r.plan, 1, seconds), TN_ERR_ARGUMENT, "target has never");
            assert_ok(tn_plan_set(r.plan, r.target, host));
            assert_ok(tn_plan_run(r.plan));
            assert_ok(tn_plan_update(r.plan, 0));
            assert_ok(tn_plan_evaluate(r.plan));
            close_rig(&r);
        }
}

/* What is not needed need not be set. */
static void others_need_not_be(void **unused)
{
    (void)unused;
    float x[ROWS * WIDE] = {1, 2, 3};
    rig r;
    tn_plan *p;
    open_rig(&r, "cpu");
    assert_ok(tn_plan_create(&p, r.g, r.device, &(tn_plan_opts){.keep = &r.y, .num_keep = 1}));
    assert_fails(tn_plan_set(p, r.target, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), x}),
                 TN_ERR_ARGUMENT, "computes nothing from it");
    assert_ok(tn_plan_set(p, r.x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), x}));
    assert_ok(tn_plan_evaluate(p));
    tn_plan_destroy(p);
    close_rig(&r);
}

/* A list of values to keep is one or is none. */
static void what_is_kept_is_said_whole(void **unused)
{
    (void)unused;
    rig r, other;
    tn_plan *p = NULL;
    open_rig(&r, "cpu");
    open_rig(&other, "cpu");
    const struct {
        tn_plan_opts opts;
        const char *says;
    } cases[] = {
        {{.keep = &r.y}, "keep is a list, but num_keep is 0"},
        {{.num_keep = 1}, "1 values to keep, but no list"},
        {{.keep = &r.y, .num_keep = -1}, "-1 values to keep"},
        {{.keep = &other.y, .num_keep = 1}, "keep[0]: "},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_plan_opts opts = cases[i].opts;
        opts.loss = tn_mse(r.g, r.y, r.target, NULL);
        assert_fails(tn_plan_create(&p, r.g, r.device, &opts), TN_ERR_ARGUMENT, cases[i].says);
    }
    close_rig(&other);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_set_before_a_run),
        cmocka_unit_test(others_need_not_be),
        cmocka_unit_test(what_is_kept_is_said_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
