/*
 * What ends a group: batches that cannot be shared, memory that runs out, a device that fails while the others
 * wait for it. All is told with the device's name, nothing hangs, nothing is left behind.
 */
#include <sched.h>
#include <string.h>

#include "base/thread.h"
#include "group/group.h"
#include "group/lab_group.h"

static void mistakes_are_named(void **unused)
{
    (void)unused;
    const struct {
        const char *device, *text;
        tn_status status;
    } cases[] = {
        {"cpu:0-2", "a batch of 8 cannot be shared equally by 3 devices: 6 and 9 can",
         TN_ERR_SHAPE},
        {"cpu:0-15", "a batch of 8 cannot be shared by 16 devices: 16 can", TN_ERR_SHAPE},
        {"cpu:0-3,threads=2", "threads=2 is not enough for 4 replicas", TN_ERR_ARGUMENT},
    };
    lab_group s;
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        assert_fails(lab_group_open(&s, cases[i].device, LAB_LENET, (tn_plan_opts){0}),
                     cases[i].status, cases[i].text);
    assert_ok(lab_group_open(&s, "cpu:0-1", LAB_LENET, (tn_plan_opts){.optim = tn_sgd(NULL)}));
    float x;
    const tn_tensor wrong = {TN_F32, {0}, &x};
    assert_fails(tn_plan_set(s.plan, s.image, wrong), TN_ERR_SHAPE, "image is 8 x 12 x 12 x 1 u8");
    assert_fails(tn_plan_set(s.plan, s.loss.loss, wrong), TN_ERR_ARGUMENT, "is computed");
    assert_fails(
        tn_plan_get_gradient(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), &x}),
        TN_ERR_ARGUMENT, "no gradient");
    double sum;
    int64_t runs;
    assert_fails(tn_plan_take_sum(s.plan, s.label, &sum, &runs), TN_ERR_ARGUMENT, "no scalar");
    assert_fails(tn_plan_param_set(s.plan, 0, TN_PARAM_GRADIENT, wrong), TN_ERR_SHAPE,
                 "conv1.weight");
    assert_fails(tn_plan_profile(s.plan, -1, &sum), TN_ERR_ARGUMENT, "the rate is -1");
    assert_fails(tn_plan_update(s.plan, 0.1F), TN_ERR_ARGUMENT, "0 runs since the last update");
    assert_fails(tn_plan_gradient_norm(s.plan, &x), TN_ERR_ARGUMENT,
                 "only computed with clip_norm");
    assert_fails(tn_plan_param_get(s.plan, 0, TN_PARAM_SLOT, wrong), TN_ERR_ARGUMENT, "no part 2");
    assert_ok(lab_group_step(&s, 0, 1)); /* no harm done */
    lab_group_close(&s);
}

/* A label that is no class, in a row of the third device. */
static void a_device_that_fails_ends_the_run_on_all(void **unused)
{
    (void)unused;
    lab_group s;
    float loss;
    int32_t labels[GROUP_ROWS] = {0, 1, 2, 3, 0, 77, 2, 3};
    assert_ok(lab_group_open(&s, "cpu:0-3", LAB_LENET, (tn_plan_opts){.optim = tn_sgd(NULL)}));
    for (int i = 0; i < 2; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_ok(tn_plan_set(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels}));
    assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT,
                 "cpu:2 (rows 4 to 5 of a batch): softmax_xent softmax_xent1: label 77 in row 1");
    static const char end[] = "all 4 devices ended after update 2, bucket 1 of 1 (conv1) being the "
                              "next";
    assert_non_null(strstr(tn_error(), end));
    assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, end); /* the same again */
    assert_fails(tn_plan_update(s.plan, 0.1F), TN_ERR_ARGUMENT, "0 runs since");
    assert_fails(lab_group_loss(&s, &loss), TN_ERR_ARGUMENT, end);
    lab_group_close(&s);
}

/* The second device never comes to a sum that the first has got to. */
static tn_status wait_or_stand_still(tn_plan *p, void *unused)
{
    (void)unused;
    const tn_collectives *all = p->share.collectives;
    float x = 1;
    if (p->share.rank != 1)
        return all->all_reduce(p->share.comm, 0, &x, 1, TN_F32);
    while (all->check(p->share.comm) == TN_OK)
        sched_yield();
    return tn_fail(TN_END, "woken");
}

static void a_device_that_stands_still_is_given_up(void **unused)
{
    (void)unused;
    lab_group s;
    tn_plan_opts opts = {.optim = tn_sgd(NULL), .stall = 0.5F};
    assert_ok(lab_group_open(&s, "cpu:0-1", LAB_LENET, opts));
    for (int i = 0; i < 3; i++)
        assert_ok(lab_group_step(&s, i, 1));
    const double begun = tn_now();
    assert_fails(tn_group_each(s.plan->group, wait_or_stand_still, NULL), TN_ERR_DEVICE,
                 "cpu:1 (rows 4 to 7 of a batch): has not gone on for 0.5 s; all 2 devices ended "
                 "after update 3, bucket 1 of 1 (conv1) being the next");
    assert_true(tn_now() - begun < 10);
    assert_fails(tn_plan_run(s.plan), TN_ERR_DEVICE, "has not gone on");
    lab_group_close(&s);
}

static tn_status open_and_step(void *arg)
{
    lab_group s;
    TN_TRY(lab_group_open(&s, arg, LAB_RESNET,
                          (tn_plan_opts){.optim = tn_sgd(NULL), .sync_batchnorm = true}));
    const tn_status status = lab_group_step(&s, 0, 1);
    lab_group_close(&s);
    return status;
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    static char device[] = "cpu:0-1";
    assert_true(lab_fail_each_allocation(open_and_step, device) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_device_that_fails_ends_the_run_on_all),
        cmocka_unit_test(a_device_that_stands_still_is_given_up),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
