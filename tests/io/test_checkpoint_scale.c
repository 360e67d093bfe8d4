/* The loss scale of half precision goes on where it was, on every GPU that tests run on. */
#include <stdio.h>
#include <string.h>

#include "lab_op.h"
#include "plan/plan_io.h"

static char path[1100];

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
} net;

static net net_open(const char *device, tn_precision precision)
{
    net n = {0};
    assert_ok(tn_device_open(&n.device, device));
    assert_ok(tn_graph_create(&n.g));
    const tn_value x = tn_input(n.g, "x", TN_F32, TN_SHAPE(2, 3)),
                   label = tn_input(n.g, "label", TN_I32, TN_SHAPE(2));
    const tn_value y = tn_dense(n.g, x, &(tn_dense_opts){.units = 4});
    const tn_plan_opts opts = {.loss = tn_softmax_xent(n.g, y, label, NULL).loss,
                               .optim = tn_sgd(NULL),
                               .precision = precision};
    assert_ok(tn_plan_create(&n.plan, n.g, n.device, &opts));
    return n;
}

static void net_close(net *n)
{
    tn_plan_destroy(n->plan);
    tn_device_close(n->device);
    tn_graph_destroy(n->g);
}

static void the_scale_goes_on(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices() + 1; *device; device++) {
        print_message("%s\n", *device);
        const tn_plan_scaling want = {.scales = true, .scale = 1024.5f, .growth = 7, .skipped = 3};
        net saved = net_open(*device, TN_PRECISION_F16),
            resumed = net_open(*device, TN_PRECISION_F16);
        tn_plan_scaling got;
        assert_ok(tn_plan_scaling_set(saved.plan, &want));
        assert_ok(tn_checkpoint_save(saved.plan, path, NULL, 0));
        assert_ok(tn_checkpoint_load(resumed.plan, path, TN_LOAD_RESUME));
        assert_ok(tn_plan_scaling_get(resumed.plan, &got));
        assert_true(got.scales && got.scale == want.scale && got.growth == 7 && got.skipped == 3);
        net_close(&resumed);

        /* Another precision has none: it goes on without, and back in f16 the scale begins anew. */
        resumed = net_open(*device, TN_PRECISION_F32);
        assert_ok(tn_checkpoint_load(resumed.plan, path, TN_LOAD_RESUME));
        assert_ok(tn_plan_scaling_get(resumed.plan, &got));
        assert_false(got.scales);
        assert_ok(tn_checkpoint_save(resumed.plan, path, NULL, 0));
        assert_ok(tn_checkpoint_load(saved.plan, path, TN_LOAD_RESUME));
        net_close(&resumed);
        net_close(&saved);
    }
}

int main(void)
{
    const char *folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_scale_goes_on)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
