/*
 * Sums of kept scalars that nobody has asked for yet are in a checkpoint, as each replica has them: a plan that goes on
 * comes to the same sum, to the last bit, and one of another number of replicas to the same but for rounding. Who only looks
 * changes nothing.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "lab_sim.h"

enum { ROWS = 12, WIDE = 4, CLASSES = 3, RUNS = 7 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label;
    tn_loss loss;
} rig;

static void open_rig(rig *r, const char *device)
{
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(ROWS));
    const tn_value y = tn_dense(r->g, r->x, &(tn_dense_opts){.name = "d", .units = CLASSES});
    r->loss = tn_softmax_xent(r->g, y, r->label, NULL);
    const tn_value keep[] = {r->loss.loss, r->loss.top_1};
    assert_ok(tn_plan_create(
        &r->plan, r->g, r->device,
        &(tn_plan_opts){
            .loss = r->loss.loss, .keep = keep, .num_keep = 2, .optim = tn_sgd(NULL), .seed = 3}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void run(const rig *r, int from, int to)
{
    for (int k = from; k < to; k++) {
        float x[ROWS * WIDE];
        int32_t label[ROWS];
        tn_random random = tn_random_begin(8, TN_RANDOM_TEST, (uint64_t)k);
        for (int i = 0; i < ROWS * WIDE; i++)
            x[i] = (float)tn_random_below(&random, 1000) / 77 - 3;
        for (int i = 0; i < ROWS; i++)
            label[i] = (int32_t)tn_random_below(&random, CLASSES);
        assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), x}));
        assert_ok(tn_plan_set(r->plan, r->label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
        assert_ok(tn_plan_run(r->plan));
        assert_ok(tn_plan_update(r->plan, 0.01F));
    }
}

typedef struct sums {
    double loss, top_1;
    int64_t runs;
} sums;

static sums take(const rig *r)
{
    sums s, seen;
    assert_ok(tn_plan_see_sum(r->plan, r->loss.loss, &seen.loss, &seen.runs));
    assert_ok(tn_plan_see_sum(r->plan, r->loss.top_1, &seen.top_1, &seen.runs));
    assert_ok(tn_plan_take_sum(r->plan, r->loss.loss, &s.loss, &s.runs));
    assert_ok(tn_plan_take_sum(r->plan, r->loss.top_1, &s.top_1, &s.runs));
    assert_true(seen.loss == s.loss && seen.top_1 == s.top_1 && seen.runs == s.runs);
    return s;
}

static void check(const char *device, const char *other, const char *path)
{
    const bool same = strcmp(device, other) == 0;
    rig first, second; /* one after the other: several GPUs that sum up do nothing beside */
    open_rig(&first, device);
    for (int k = 0; k < RUNS; k++) {
        if (k == 3)
            assert_ok(tn_checkpoint_save(first.plan, path, NULL, 0));
        run(&first, k, k + 1);
    }
    const sums want = take(&first);
    assert_int_equal(take(&first).runs, 0);
    close_rig(&first);
    open_rig(&second, other);
    run(&second, 20, 22); /* which the file replaces */
    assert_ok(tn_checkpoint_load(second.plan, path, TN_LOAD_RESUME));
    run(&second, 3, RUNS);
    const sums got = take(&second);
    close_rig(&second);
    assert_int_equal(got.runs, want.runs);
    assert_true(got.top_1 == want.top_1);
    if (same ? got.loss != want.loss : fabs(got.loss - want.loss) > 1e-3 * fabs(want.loss))
        fail_msg("from %s to %s: the sum is %.17g, not %.17g", device, other, got.loss, want.loss);
}

static void sums_go_on(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu,threads=1", "cpu:0-1,threads=2", "cpu:0-2,threads=3",
                                          "sim:0-1,deterministic=on"};
    const lab_sim *sim = lab_counting_sim();
    const char *folder = lab_make_folder();
    char path[1100];
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    if (sim)
        sim->set_devices(2);
    for (size_t i = 0; i < TN_COUNT(devices); i++)
        for (size_t j = 0; j < TN_COUNT(devices); j++)
            if (sim || (devices[i][0] != 's' && devices[j][0] != 's'))
                check(devices[i], devices[j], path);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_go_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
