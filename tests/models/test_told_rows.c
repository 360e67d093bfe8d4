/*
 * In a plan without labels a batch that is not full is the smaller batch, once the program has told how many rows hold a
 * sample: the answer is the same network planned for as many.
 */
#include <math.h>

#include "lab_op.h"

enum { FULL = 8, WIDTH = 5, STEPS = 4, PARAMS = 64 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, y, loss;
    int rows;
} rig;

static void open_rig(rig *r, const char *device, int rows, tn_plan_opts opts)
{
    *r = (rig){.rows = rows};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(rows, WIDTH));
    r->y = tn_input(r->g, "y", TN_F32, TN_SHAPE(rows, 2));
    tn_value v = tn_dense(r->g, r->x, &(tn_dense_opts){.name = "a", .units = 4});
    v = tn_relu(r->g, tn_batchnorm(r->g, v, NULL), NULL);
    v = tn_dense(r->g, v, &(tn_dense_opts){.name = "b", .units = 2});
    r->loss = tn_mse(r->g, v, r->y, NULL);
    opts.loss = r->loss;
    opts.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F});
    opts.sync_batchnorm = true;
    opts.precision = TN_PRECISION_F32;
    opts.seed = 4;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* Rows that hold no sample have numbers that would be seen in any sum. */
static void set(rig *r, int step, int samples)
{
    float x[FULL * WIDTH], y[FULL * 2];
    for (int i = 0; i < r->rows * WIDTH; i++)
        x[i] = i < samples * WIDTH ? sinf((float)(7 * i + step)) : 1000;
    for (int i = 0; i < r->rows * 2; i++)
        y[i] = i < samples * 2 ? cosf((float)(5 * i + step)) : -1000;
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(r->rows, WIDTH), x}));
    assert_ok(tn_plan_set(r->plan, r->y, (tn_tensor){TN_F32, TN_SHAPE(r->rows, 2), y}));
}

static float step_of(rig *r, int step, int samples)
{
    float loss;
    set(r, step, samples);
    assert_ok(tn_plan_run(r->plan));
    assert_ok(tn_plan_get(r->plan, r->loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

static void assert_same_params(rig *a, rig *b)
{
    for (int i = 0; i < tn_plan_num_params(a->plan); i++) {
        tn_param_info info;
        float x[PARAMS], y[PARAMS];
        int64_t count;
        assert_ok(tn_plan_param(a->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        assert_true(count <= PARAMS);
        assert_ok(
            tn_plan_param_get(a->plan, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, x}));
        assert_ok(
            tn_plan_param_get(b->plan, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, y}));
        for (int64_t k = 0; k < count; k++)
            if (!(fabsf(x[k] - y[k]) <= 2e-5F))
                fail_msg("%s.%s[%d] is %g, not %g", info.node, info.name, (int)k, (double)x[k],
                         (double)y[k]);
    }
}

static void check_device(const char *device)
{
    static const int samples[STEPS] = {8, 5, 3, 8}; /* in a group of two the second has none once */
    rig told, once;
    open_rig(&told, device, FULL, (tn_plan_opts){.short_batches = true});
    for (int step = 0; step < STEPS; step++) {
        assert_ok(tn_plan_set_rows(told.plan, samples[step]));
        const float got = step_of(&told, step, samples[step]);
        open_rig(&once, "cpu", samples[step], (tn_plan_opts){0});
        for (int i = 0; i < tn_plan_num_params(told.plan); i++) { /* as they were before the step */
            tn_param_info info;
            float x[PARAMS];
            assert_ok(tn_plan_param(told.plan, i, &info));
            if (!info.trained)
                continue;
            const tn_tensor w = {TN_F32, info.shape, x};
            assert_ok(tn_plan_param_get(told.plan, i, TN_PARAM_VALUE, w));
            assert_ok(tn_plan_param_set(once.plan, i, TN_PARAM_VALUE, w));
            assert_ok(tn_plan_param_get(told.plan, i, TN_PARAM_SLOT, w));
            assert_ok(tn_plan_param_set(once.plan, i, TN_PARAM_SLOT, w));
        }
        const float want = step_of(&once, step, samples[step]);
        if (!(fabsf(got - want) <= 2e-5F * fmaxf(1, want)))
            fail_msg("%s, step %d: the loss is %g, not %g", device, step, (double)got,
                     (double)want);
        assert_ok(tn_plan_update(told.plan, 0.1F));
        assert_ok(tn_plan_update(once.plan, 0.1F));
        if (step == 0)
            assert_same_params(&told, &once);
        close_rig(&once);
    }
    close_rig(&told);
}

static void a_short_batch_is_the_smaller_batch(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++)
        check_device(*device);
    check_device("cpu,reference");
    check_device("cpu:0-1,threads=2");
}

static void what_cannot_be_told_is_refused(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "cpu", FULL, (tn_plan_opts){0});
    assert_fails(tn_plan_set_rows(r.plan, 3), TN_ERR_ARGUMENT, "without short_batches");
    close_rig(&r);
    open_rig(&r, "cpu:0-1,threads=2", FULL, (tn_plan_opts){.short_batches = true});
    assert_fails(tn_plan_set_rows(r.plan, 9), TN_ERR_ARGUMENT,
                 "9 rows with a sample are not from 0 to 8");
    assert_fails(tn_plan_set_rows(r.plan, -1), TN_ERR_ARGUMENT, "-1 rows");
    assert_ok(tn_plan_set_rows(r.plan, 8));
    close_rig(&r);
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)),
                   label = tn_input(g, "label", TN_I32, TN_SHAPE(2)),
                   y = tn_dense(g, x, &(tn_dense_opts){.units = 2});
    const tn_value loss = tn_softmax_xent(g, y, label, NULL).loss;
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = loss, .short_batches = true}));
    assert_fails(tn_plan_set_rows(p, 1), TN_ERR_ARGUMENT, "its labels tell");
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_batch_is_the_smaller_batch),
        cmocka_unit_test(what_cannot_be_told_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
