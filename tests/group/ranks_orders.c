#include "group/ranks_orders.h"

#include <stdio.h>

#include "lab_set.h"
#include "runs/lab_run.h"

static const char ranked[] = "mpi:cpu,threads=1";
enum { MOST_NUMBERS = 512 };

/* Twelve steps of a run with orders: its parameters, and what was set in the end. */
static void train_with_orders(const char *device, const char *folder, float *params,
                              tn_run_set *set)
{
    const lab_run_kind kind = {.device = device, .log_every = 4};
    lab_run r;
    int64_t count = 0, own;
    lab_run_plan(&r, &kind);
    assert_ok(lab_run_open(&r, folder, false));
    if (tn_device_rank(r.device) == 0) {
        lab_write_text(lab_path(folder, "control/1.json"),
                       "{\"v\":1,\"order\":\"set\",\"at_step\":3,\"set\":{\"momentum\":0.5,"
                       "\"clip\":0.5,\"rate_scale\":2}}");
        lab_write_text(lab_path(folder, "control/2.json"),
                       "{\"v\":1,\"order\":\"set\",\"at_step\":4,\"set\":{\"momentum\":1}}");
        lab_write_text(lab_path(folder, "control/3.json"),
                       "{\"v\":1,\"order\":\"stop\",\"at_step\":12}");
    }
    lab_run_train(&r, 100);
    assert_int_equal(tn_plan_updates(r.plan), 12);
    *set = r.orders.set;
    for (int i = 0; i < tn_plan_num_params(r.plan); i++, count += own) {
        tn_param_info info;
        assert_ok(tn_plan_param(r.plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &own));
        assert_true(count + own <= MOST_NUMBERS);
        assert_ok(tn_plan_param_get(r.plan, i, TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, info.shape, params + count}));
    }
    lab_run_end(&r, TN_RUN_STOPPED);
}

/* Rank 0 reads them, all obey them, at the same step. */
void orders_reach_all_ranks(void **unused)
{
    (void)unused;
    static float one[MOST_NUMBERS], ranks[MOST_NUMBERS];
    static char all[4][512];
    tn_run_set set, wanted;
    tn_device *d = NULL;
    char shared[sizeof *all] = "", together[48];
    assert_ok(tn_device_open(&d, ranked));
    const bool first = tn_device_rank(d) == 0;
    snprintf(together, sizeof together, "cpu:0-%d,threads=%d", tn_device_ranks(d) - 1,
             tn_device_ranks(d));
    if (first)
        snprintf(shared, sizeof shared, "%s", lab_make_folder());
    assert_ok(tn_device_gather(d, shared, sizeof shared, all));
    train_with_orders(ranked, all[0], ranks, &set);
    const char *own = lab_make_folder();
    train_with_orders(together, own, one, &wanted);
    assert_memory_equal(ranks, one, sizeof one);
    assert_true(set.momentum == 0.5F && set.clip == 0.5F && set.rate_scale == 2);
    lab_remove(own);
    assert_ok(tn_device_gather(d, shared, sizeof shared, all)); /* all are done with it */
    if (first)
        lab_remove(all[0]);
    tn_device_close(d);
}
