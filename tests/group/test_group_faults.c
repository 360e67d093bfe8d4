/*
 * What ends a group: batches that cannot be shared, memory that runs out, a device that fails while the others
 * wait for it. All is told with the device's name, nothing hangs, nothing is left behind.
 */
#include <sched.h>
#include <stdatomic.h>
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
    assert_fails(tn_group_each(s.plan->group, wait_or_stand_still, NULL, 0), TN_ERR_DEVICE,
                 "cpu:1 (rows 4 to 7 of a batch): has not gone on for 0.5 s; all 2 devices ended "
                 "after update 3, bucket 1 of 1 (conv1) being the next");
    assert_true(tn_now() - begun < 10);
    assert_fails(tn_plan_run(s.plan), TN_ERR_DEVICE, "has not gone on");
    lab_group_close(&s);
}

/* ---- one that is late even to give up ------------------------------------------------------- */

/* The device cpu:1 as it would be if its driver did not let go: calls of one kind stand still. */
enum { NOWHERE, UPLOAD, DOWNLOAD, STEP, BEGIN_RUN, BEGIN_UPDATE };
static atomic_int stands_in;     /* calls of this kind do, */
static atomic_bool may_go_on;    /* until this is so */
static const tn_backend *honest; /* what is done then */

static void stand_still(int where)
{
    if (atomic_load(&stands_in) != where)
        return;
    while (!atomic_load(&may_go_on))
        sched_yield();
    lab_nap(0.02); /* by now the group is being destroyed */
}

static tn_status late_upload(tn_backend_device *d, void *to, const void *host, size_t bytes)
{
    stand_still(UPLOAD);
    return honest->upload(d, to, host, bytes);
}

static tn_status late_download(tn_backend_device *d, void *host, const void *from, size_t bytes)
{
    stand_still(DOWNLOAD);
    return honest->download(d, host, from, bytes);
}

static tn_status late_step(tn_backend_device *d, const char *pass, const tn_node *n)
{
    (void)d, (void)pass, (void)n;
    stand_still(STEP);
    return TN_OK;
}

static tn_status late_run(tn_backend_device *d, const tn_run_state *run)
{
    (void)d, (void)run;
    stand_still(BEGIN_RUN);
    return TN_OK;
}

static tn_status late_update(const tn_optim_call *c)
{
    (void)c;
    stand_still(BEGIN_UPDATE);
    return TN_OK;
}

/* What a program asks for. What it gives, it keeps: see tn_plan_opts.stall. */
static float given[GROUP_MOST_PARAMS];

static tn_status ask_set(lab_group *s)
{
    return tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), given});
}

static tn_status ask_run(lab_group *s)
{
    return tn_plan_run(s->plan);
}

static tn_status ask_evaluate(lab_group *s)
{
    return tn_plan_evaluate(s->plan);
}

static tn_status ask_update(lab_group *s)
{
    TN_TRY(tn_plan_run(s->plan));
    return tn_plan_update(s->plan, 0.1F);
}

static tn_status ask_profile(lab_group *s)
{
    double seconds[64];
    return tn_plan_profile(s->plan, 0.1F, seconds);
}

static tn_status ask_loss(lab_group *s)
{
    float loss;
    return lab_group_loss(s, &loss);
}

static tn_status ask_rows(lab_group *s)
{
    return tn_plan_get(s->plan, s->logits,
                       (tn_tensor){TN_F32, TN_SHAPE(GROUP_ROWS, GROUP_CLASSES), given});
}

static tn_status ask_sum(lab_group *s)
{
    double sum;
    int64_t runs;
    return tn_plan_take_sum(s->plan, s->loss.loss, &sum, &runs);
}

static tn_status use_late(tn_plan *p, void *arg)
{
    if (p->share.rank == 1) {
        atomic_store(&stands_in, STEP);
        stand_still(STEP);
    }
    return p->share.collectives->all_reduce(p->share.comm, 0, arg, 1, TN_F32);
}

static tn_status ask_each(lab_group *s)
{
    float x = 1;
    return tn_group_each(s->plan->group, use_late, &x, sizeof x);
}

/* So that what a call has left on the stack is not there by chance. */
static void spoil_the_stack(void)
{
    volatile unsigned char spoiled[4096];
    for (size_t i = 0; i < sizeof spoiled; i++)
        spoiled[i] = 0xa5;
}

static void who_comes_late_finds_what_it_was_given(void **unused)
{
    (void)unused;
    const struct {
        const char *why;
        int where;
        tn_status (*ask)(lab_group *s);
    } cases[] = {
        {"an input on its way in", UPLOAD, ask_set},
        {"a step of a run, before its sums", STEP, ask_run},
        {"the beginning of a run", BEGIN_RUN, ask_evaluate},
        {"an update, which has the rate", BEGIN_UPDATE, ask_update},
        {"a step that is timed", STEP, ask_profile},
        {"a scalar on its way out", DOWNLOAD, ask_loss},
        {"rows on their way out", DOWNLOAD, ask_rows},
        {"a sum on its way out", DOWNLOAD, ask_sum},
        {"a call with an argument of the caller's", NOWHERE, ask_each},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        lab_group s;
        tn_backend late = tn_backend_cpu;
        print_message("%s\n", cases[i].why);
        assert_ok(lab_group_open(&s, "cpu:0-1", LAB_LENET,
                                 (tn_plan_opts){.optim = tn_sgd(NULL), .stall = 0.5F}));
        assert_ok(lab_group_step(&s, 0, 1));
        honest = &tn_backend_cpu;
        late.upload = late_upload;
        late.download = late_download;
        late.after_step = late_step;
        late.begin_run = late_run;
        late.begin_update = late_update;
        s.device->member[1]->backend = &late;
        atomic_store(&may_go_on, false);
        atomic_store(&stands_in, cases[i].where);
        assert_fails(cases[i].ask(&s), TN_ERR_DEVICE,
                     "cpu:1 (rows 4 to 7 of a batch): has not gone on for 0.5 s; 1 of 2 have not "
                     "come back since: what they were given is in use");
        spoil_the_stack();
        assert_fails(tn_plan_run(s.plan), TN_ERR_DEVICE, "have not come back");
        assert_fails(ask_each(&s), TN_ERR_DEVICE, "have not come back");
        atomic_store(&may_go_on, true);
        lab_group_close(&s); /* waits for it */
        atomic_store(&stands_in, NOWHERE);
    }
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
        cmocka_unit_test(who_comes_late_finds_what_it_was_given),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
