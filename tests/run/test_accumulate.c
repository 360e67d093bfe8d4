/*
 * Several runs that one update takes are one batch: the mean is over all of their rows with a label. And what failed
 * is in no sum.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"
#include "lab_sim.h"

enum { ROWS = 4, MOST_RUNS = 3, WIDE = 5, CLASSES = 3, MOST_PARAMS = 256 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label, target, loss;
    int rows;
} rig;

static void open_rig(rig *r, const char *device, int rows, bool labels, tn_plan_opts opts)
{
    *r = (rig){.rows = rows};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(rows, WIDE));
    tn_value y =
        tn_relu(r->g, tn_dense(r->g, r->x, &(tn_dense_opts){.name = "fc1", .units = 6}), NULL);
    y = tn_dense(r->g, y, &(tn_dense_opts){.name = "fc2", .units = CLASSES});
    if (labels) {
        r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(rows));
        r->loss = tn_softmax_xent(r->g, y, r->label, NULL).loss;
    } else {
        r->target = tn_input(r->g, "target", TN_F32, TN_SHAPE(rows, CLASSES));
        r->loss = tn_mse(r->g, y, r->target, NULL);
    }
    opts.loss = r->loss;
    opts.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F});
    opts.seed = 11;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* Rows `first` and on of the set; labels of the batch that they are in. */
static void set_rows(const rig *r, int first, const int32_t *label)
{
    float x[ROWS * MOST_RUNS * WIDE], target[ROWS * MOST_RUNS * CLASSES];
    tn_random random = tn_random_begin(9, TN_RANDOM_TEST, 0);
    const tn_tensor targets = {TN_F32, TN_SHAPE(r->rows, CLASSES), target};
    for (int n = 0; n < first + r->rows; n++) {
        float *row = x + (n < first ? 0 : n - first) * WIDE;
        float *want = target + (n < first ? 0 : n - first) * CLASSES;
        for (int i = 0; i < WIDE; i++)
            row[i] = (float)tn_random_below(&random, 256) / 128 - 1;
        for (int i = 0; i < CLASSES; i++)
            want[i] = (float)tn_random_below(&random, 256) / 128 - 1;
    }
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(r->rows, WIDE), x}));
    if (r->label.id)
        assert_ok(tn_plan_set(r->plan, r->label,
                              (tn_tensor){TN_I32, TN_SHAPE(r->rows), (void *)(uintptr_t)label}));
    else
        assert_ok(tn_plan_set(r->plan, r->target, targets));
}

static int get_params(const rig *r, int part, float *to)
{
    int count = 0;
    for (int i = 0; i < tn_plan_num_params(r->plan); i++) {
        tn_param_info info;
        int64_t own;
        assert_ok(tn_plan_param(r->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &own));
        assert_ok(tn_plan_param_get(r->plan, i, part, (tn_tensor){TN_F32, info.shape, to + count}));
        count += (int)own;
    }
    assert_true(count <= MOST_PARAMS);
    return count;
}

static void assert_near(const char *what, const float *got, const float *want, int count,
                        float allowed)
{
    for (int i = 0; i < count; i++)
        if (!(fabsf(got[i] - want[i]) <= allowed))
            fail_msg("%s: number %d is %g, not %g", what, i, (double)got[i], (double)want[i]);
}

/* ---- a mean of all rows ---------------------------------------------------------------------- */

typedef struct labels {
    const char *why;
    int runs;
    int32_t of[ROWS * MOST_RUNS];
} labels;

static const labels cases[] = {
    {"all have one", 2, {0, 1, 2, 0, 1, 2, 0, 1}},
    {"the last is short", 2, {0, 1, 2, 0, 1, -1, -1, -1}},
    {"the first is short, with holes", 2, {-1, 1, -1, -1, 1, 2, -1, 1}},
    {"one without any between", 3, {2, 1, 0, -1, -1, -1, -1, -1, 0, 1, 2, 0}},
    {"no label at all", 2, {-1, -1, -1, -1, -1, -1, -1, -1}},
};

/* Two updates by accumulated runs against two by the batch of all of them. */
static void check(const char *device, const char *one, const labels *l, bool labelled,
                  tn_precision precision)
{
    const float allowed = precision == TN_PRECISION_F32 ? 1e-6F : 2e-3F;
    float got[MOST_PARAMS], want[MOST_PARAMS];
    char what[128];
    rig parts, whole;
    tn_plan_opts opts = {.precision = precision, .accumulate = l->runs, .loss_scale = 1024};
    snprintf(what, sizeof what, "%s, %s", device, l->why);
    open_rig(&parts, device, ROWS, labelled, opts);
    opts.accumulate = 0;
    open_rig(&whole, one, ROWS * l->runs, labelled, opts);
    for (int update = 0; update < 2; update++) {
        for (int k = 0; k < l->runs; k++) {
            set_rows(&parts, k * ROWS, l->of + (ptrdiff_t)k * ROWS);
            assert_ok(tn_plan_run(parts.plan));
        }
        assert_ok(tn_plan_update(parts.plan, 0.1F));
        set_rows(&whole, 0, l->of);
        assert_ok(tn_plan_run(whole.plan));
        assert_ok(tn_plan_update(whole.plan, 0.1F));
    }
    for (int part = TN_PARAM_VALUE; part <= TN_PARAM_SLOT; part += TN_PARAM_SLOT) {
        const int count = get_params(&whole, part, want);
        assert_int_equal(get_params(&parts, part, got), count);
        assert_near(what, got, want, count, allowed);
    }
    close_rig(&whole);
    close_rig(&parts);
}

static void check_all(const char *device, const char *one, tn_precision precision)
{
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        check(device, one, &cases[i], true, precision);
    check(device, one, &cases[0], false, precision);
}

static void several_runs_are_one_batch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        check_all(*device, *device, TN_PRECISION_F32);
        if (strncmp(*device, "cpu", 3) != 0)
            check_all(*device, *device, TN_PRECISION_F16);
    }
}

static void so_they_are_on_several_devices(void **unused)
{
    (void)unused;
    const lab_sim *sim = lab_counting_sim();
    check_all("cpu:0-1", "cpu", TN_PRECISION_F32);
    if (!sim)
        return;
    sim->set_devices(2);
    check_all("sim:0-1", "sim:0", TN_PRECISION_F32);
    check_all("sim:0-1", "sim:0", TN_PRECISION_F16);
}

/* ---- what one run leaves --------------------------------------------------------------------- */

/* The loss and the gradient that are read after a run are its own, however much it weighs in the update. */
static void a_run_tells_its_own(void **unused)
{
    (void)unused;
    float got[MOST_PARAMS], want[MOST_PARAMS], loss[2];
    for (const char *const *device = lab_devices(); *device; device++) {
        rig parts, whole;
        open_rig(&parts, *device, ROWS, true,
                 (tn_plan_opts){.precision = TN_PRECISION_F32, .accumulate = 2});
        open_rig(&whole, *device, ROWS, true, (tn_plan_opts){.precision = TN_PRECISION_F32});
        set_rows(&parts, 0, cases[2].of);
        set_rows(&whole, 0, cases[2].of);
        assert_ok(tn_plan_run(parts.plan));
        assert_ok(tn_plan_run(whole.plan));
        assert_ok(tn_plan_get(parts.plan, parts.loss, (tn_tensor){TN_F32, {0}, &loss[0]}));
        assert_ok(tn_plan_get(whole.plan, whole.loss, (tn_tensor){TN_F32, {0}, &loss[1]}));
        assert_true(loss[0] == loss[1]);
        const int count = get_params(&whole, TN_PARAM_GRADIENT, want);
        get_params(&parts, TN_PARAM_GRADIENT, got);
        assert_near(*device, got, want, count, 1e-6F);
        close_rig(&whole);
        close_rig(&parts);
    }
}

/* ---- what failed ----------------------------------------------------------------------------- */

/* Runs or evaluates; what a GPU finds wrong is told by a later call. */
static void fail_run(const rig *r, bool training, const int32_t *bad)
{
    float loss;
    set_rows(r, 0, bad);
    tn_status status = training ? tn_plan_run(r->plan) : tn_plan_evaluate(r->plan);
    if (status == TN_OK)
        status = tn_plan_get(r->plan, r->loss, (tn_tensor){TN_F32, {0}, &loss});
    assert_int_equal(status, TN_ERR_ARGUMENT);
}

static void what_failed_is_in_no_sum(void **unused)
{
    (void)unused;
    const int32_t bad[ROWS] = {0, 7, 1, 2};
    float before[MOST_PARAMS], after[MOST_PARAMS];
    for (const char *const *device = lab_devices(); *device; device++) {
        rig r;
        float loss;
        double sum;
        int64_t runs;
        open_rig(&r, *device, ROWS, true, (tn_plan_opts){.precision = TN_PRECISION_F32});
        fail_run(&r, true, bad);
        set_rows(&r, 0, cases[0].of);
        assert_ok(tn_plan_evaluate(r.plan));
        assert_ok(tn_plan_get(r.plan, r.loss, (tn_tensor){TN_F32, {0}, &loss}));
        fail_run(&r, false, bad);
        assert_ok(tn_plan_take_sum(r.plan, r.loss, &sum, &runs));
        assert_int_equal(runs, 1);
        assert_true(sum == (double)loss);

        /* An error that was told already spoils the update that would have been its all the same. */
        get_params(&r, TN_PARAM_VALUE, before);
        fail_run(&r, true, bad);
        set_rows(&r, 0, cases[0].of);
        assert_ok(tn_plan_evaluate(r.plan));
        const tn_status status = tn_plan_update(r.plan, 1);
        assert_true(status == TN_OK || status == TN_ERR_ARGUMENT);
        const int count = get_params(&r, TN_PARAM_VALUE, after);
        assert_memory_equal(before, after, (size_t)count * sizeof before[0]);
        assert_ok(tn_plan_run(r.plan)); /* and no other */
        assert_ok(tn_plan_update(r.plan, 1));
        get_params(&r, TN_PARAM_VALUE, after);
        assert_memory_not_equal(before, after, (size_t)count * sizeof before[0]);
        close_rig(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_runs_are_one_batch),
        cmocka_unit_test(so_they_are_on_several_devices),
        cmocka_unit_test(a_run_tells_its_own),
        cmocka_unit_test(what_failed_is_in_no_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
