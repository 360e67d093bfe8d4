/*
 * Numbers that are not finite: each kind planted and found, on each kind of device; and that looking changes nothing.
 */
#include <math.h>
#include <string.h>

#include <tenon/sys/op.h>

#include "base/random.h"
#include "lab.h"
#include "lab_sim.h"

enum { ROWS = 8, WIDE = 6, CLASSES = 4, UNITS = 16 };

/* x - fc1 - norm - absolute - root - drop - fc2 - loss. The root's slope at 0 is infinite. */
typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label, dropped, logits, loss;
} rig;

static void open_rig(rig *r, const char *device, bool norm, tn_precision precision)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(ROWS));
    tn_value y = tn_dense(r->g, r->x, &(tn_dense_opts){.name = "fc1", .units = UNITS});
    if (norm)
        y = tn_batchnorm(r->g, y, &(tn_batchnorm_opts){.name = "norm"});
    y = tn_abs(r->g, y, &(tn_layer_opts){.name = "absolute"});
    y = tn_sqrt(r->g, y, &(tn_layer_opts){.name = "root"});
    r->dropped = tn_dropout(r->g, y, &(tn_dropout_opts){.name = "drop", .rate = 0.5F});
    r->logits = tn_dense(r->g, r->dropped, &(tn_dense_opts){.name = "fc2", .units = CLASSES});
    r->loss = tn_softmax_xent(r->g, r->logits, r->label, NULL).loss;
    const tn_plan_opts opts = {.loss = r->loss,
                               .keep = (tn_value[]){r->dropped, r->logits},
                               .num_keep = 2,
                               .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                               .precision = precision,
                               .seed = 7};
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static tn_tensor vector(tn_shape shape, float *data)
{
    return (tn_tensor){TN_F32, shape, data};
}

static void set_batch(const rig *r, int step, int at, float planted)
{
    float x[ROWS * WIDE];
    int32_t label[ROWS];
    tn_random random = tn_random_begin(3, TN_RANDOM_TEST, (uint64_t)step);
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)tn_random_below(&random, 256) / 64 - 2;
    for (int i = 0; i < ROWS; i++)
        label[i] = (i + step) % CLASSES;
    if (at >= 0)
        x[at] = planted;
    assert_ok(tn_plan_set(r->plan, r->x, vector(TN_SHAPE(ROWS, WIDE), x)));
    assert_ok(tn_plan_set(r->plan, r->label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
}

static void change_param(const rig *r, const char *name, int at, float to)
{
    static float w[4096];
    tn_param_info info;
    const int index = tn_plan_find_param(r->plan, name);
    assert_ok(tn_plan_param(r->plan, index, &info));
    const tn_tensor host = {TN_F32, info.shape, w};
    assert_ok(tn_plan_param_get(r->plan, index, TN_PARAM_VALUE, host));
    w[at] = to;
    assert_ok(tn_plan_param_set(r->plan, index, TN_PARAM_VALUE, host));
}

static const struct {
    const char *name;
    tn_precision precision;
    int ranks;
} devices[] = {
    {"cpu", TN_PRECISION_F32, 1},     {"cpu,reference", TN_PRECISION_F32, 1},
    {"cpu:0-1", TN_PRECISION_F32, 2}, {"sim:0", TN_PRECISION_F32, 1},
    {"sim:0", TN_PRECISION_BF16, 1},  {"sim:0-1", TN_PRECISION_F32, 2},
    {"sim:0", TN_PRECISION_F16, 1},
};

static bool is_here(size_t k)
{
    const lab_sim *sim = lab_find_sim();
    if (sim)
        sim->set_devices(2);
    return sim || *devices[k].name == 'c';
}

static bool open_on(rig *r, size_t k, bool norm)
{
    if (is_here(k))
        open_rig(r, devices[k].name, norm, devices[k].precision);
    return is_here(k);
}

static void assert_found(const rig *r, const char *what, const char *node, const char *name,
                         tn_nonfinite *f)
{
    assert_ok(tn_plan_find_nonfinite(r->plan, f));
    assert_string_equal(tn_nonfinite_part_name(f->part), what);
    assert_string_equal(f->node, node);
    assert_string_equal(f->name, name);
    assert_true(f->count >= 1 && f->count <= f->of && f->first < f->of && !isfinite(f->number));
}

static void an_input_is_found_with_its_row(void **state)
{
    enum { ROW = 5, AT = ROW * WIDE + 2 };
    (void)state;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        rig r;
        tn_nonfinite f;
        if (!open_on(&r, k, false))
            continue;
        set_batch(&r, 0, AT, NAN);
        assert_ok(tn_plan_run(r.plan));
        assert_ok(tn_plan_find_nonfinite(r.plan, &f));
        /* The plan's own copy in another layout may read it first. */
        assert_found(&r, "output", *f.node == 'x' ? "x" : "fc1", "x", &f);
        assert_true(f.count == 1 && f.of == ROWS * WIDE / devices[k].ranks);
        const int rank = devices[k].ranks > 1;
        assert_true(f.count == 1 && f.of == ROWS * WIDE / devices[k].ranks);
        assert_true(f.row == ROW && f.rank == rank && isnan(f.number));
        assert_int_equal(f.first, AT - rank * ROWS / 2 * WIDE);
        if (rank)
            assert_non_null(strstr(f.device, ":1"));
        close_rig(&r);
    }
}

static void a_parameter_is_found_where_it_is_read(void **state)
{
    (void)state;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        rig r;
        tn_nonfinite f;
        if (!open_on(&r, k, true))
            continue;
        set_batch(&r, 0, -1, 0);
        change_param(&r, "fc2.weight", 3, INFINITY);
        assert_ok(tn_plan_run(r.plan));
        assert_found(&r, "parameter", "fc2", "fc2.weight", &f);
        assert_true(f.count == 1 && f.of == UNITS * CLASSES && f.first == 3 && f.row == -1);
        assert_true(f.rank == 0 && f.number == INFINITY);
        change_param(&r, "fc2.weight", 3, 0);
        /* A statistic that training made so is not what training reads; an evaluation does. */
        change_param(&r, "norm.running_mean", 1, NAN);
        assert_ok(tn_plan_run(r.plan));
        assert_ok(tn_plan_find_nonfinite(r.plan, &f));
        assert_int_equal(f.part, TN_NONFINITE_NOTHING);
        assert_ok(tn_plan_evaluate(r.plan));
        assert_found(&r, "parameter", "norm", "norm.running_mean", &f);
        close_rig(&r);
    }
}

static void an_output_is_found_at_the_node_that_made_it(void **state)
{
    (void)state;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        rig r;
        tn_nonfinite f;
        if (!open_on(&r, k, false))
            continue;
        set_batch(&r, 0, 3 * WIDE, 100);
        change_param(&r, "fc1.weight", 0, devices[k].precision == TN_PRECISION_F16 ? 3e4F : 1e38F);
        assert_ok(tn_plan_run(r.plan));
        assert_found(&r, "output", "fc1", "fc1", &f);
        assert_true(isinf(f.number) && f.of == ROWS * UNITS / devices[k].ranks);
        close_rig(&r);
    }
}

static void a_gradient_is_found_behind_finite_outputs(void **state)
{
    (void)state;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        rig r;
        tn_nonfinite f;
        if (!open_on(&r, k, false))
            continue;
        float w[UNITS * WIDE] = {0}; /* all of fc1 is 0 */
        assert_ok(tn_plan_param_set(r.plan, tn_plan_find_param(r.plan, "fc1.weight"),
                                    TN_PARAM_VALUE, vector(TN_SHAPE(UNITS, WIDE), w)));
        set_batch(&r, 0, -1, 0);
        assert_ok(tn_plan_run(r.plan));
        assert_found(&r, "gradient of output", "root", "absolute", &f);
        assert_true(f.row == 0 && f.rank == 0);
        close_rig(&r);
    }
}

/* y = w x with an x that is too large for the sum over rows of x dy. */
static void a_gradient_of_a_parameter_is_found(void **state)
{
    (void)state;
    const float large = 1e38F;
    float x[ROWS], t[ROWS], w = 1 / large;
    for (int i = 0; i < ROWS; i++)
        x[i] = large, t[i] = 1e4F;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        rig r = {0};
        tn_nonfinite f;
        if (!is_here(k) || devices[k].precision != TN_PRECISION_F32)
            continue;
        assert_ok(tn_device_open(&r.device, devices[k].name));
        assert_ok(tn_graph_create(&r.g));
        r.x = tn_input(r.g, "x", TN_F32, TN_SHAPE(ROWS, 1));
        r.label = tn_input(r.g, "t", TN_F32, TN_SHAPE(ROWS, 1));
        r.logits = tn_dense(r.g, r.x, &(tn_dense_opts){.name = "fc", .units = 1, .no_bias = true});
        r.loss = tn_mse(r.g, r.logits, r.label, NULL);
        assert_ok(tn_plan_create(&r.plan, r.g, r.device, &(tn_plan_opts){.loss = r.loss}));
        assert_ok(tn_plan_param_set(r.plan, 0, TN_PARAM_VALUE, vector(TN_SHAPE(1, 1), &w)));
        assert_ok(tn_plan_set(r.plan, r.x, vector(TN_SHAPE(ROWS, 1), x)));
        assert_ok(tn_plan_set(r.plan, r.label, vector(TN_SHAPE(ROWS, 1), t)));
        assert_ok(tn_plan_run(r.plan));
        assert_found(&r, "gradient of parameter", "fc", "fc.weight", &f);
        assert_true(f.count == 1 && f.of == 1 && f.row == -1);
        close_rig(&r);
    }
}

/* ---- nothing is changed ----------------------------------------------------------------------- */

typedef struct snapshot {
    float logits[ROWS * CLASSES], dropped[ROWS * UNITS], param[1024], sum;
    size_t params;
    int64_t runs;
} snapshot;

static void take(const rig *r, snapshot *s)
{
    double sum;
    *s = (snapshot){0};
    assert_ok(tn_plan_get(r->plan, r->logits, vector(TN_SHAPE(ROWS, CLASSES), s->logits)));
    assert_ok(tn_plan_get(r->plan, r->dropped, vector(TN_SHAPE(ROWS, UNITS), s->dropped)));
    for (int i = 0; i < tn_plan_num_params(r->plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(r->plan, i, &info));
        for (int part = TN_PARAM_VALUE; part <= (info.trained ? TN_PARAM_SLOT : TN_PARAM_VALUE);
             part++) {
            assert_ok(tn_plan_param_get(r->plan, i, part,
                                        (tn_tensor){TN_F32, info.shape, s->param + s->params}));
            s->params += (size_t)tn_elements(&info.shape);
        }
    }
    assert_ok(tn_plan_take_sum(r->plan, r->loss, &sum, &s->runs));
    s->sum = (float)sum;
}

/* Six steps; before each update of the second one somebody looks, twice. */
static void train(const char *device, tn_precision precision, bool looks, snapshot *s)
{
    rig r;
    open_rig(&r, device, true, precision);
    for (int i = 0; i < 6; i++) {
        tn_nonfinite f;
        set_batch(&r, i, -1, 0);
        assert_ok(tn_plan_run(r.plan));
        if (looks && i % 2 == 0) {
            assert_ok(tn_plan_find_nonfinite(r.plan, &f));
            /* Times its loss scale a gradient may be too large for f16. */
            assert_true(f.part == TN_NONFINITE_NOTHING || precision == TN_PRECISION_F16);
            assert_true((f.part == TN_NONFINITE_NOTHING) == (f.node == NULL));
        }
        assert_ok(tn_plan_update(r.plan, 0.05F));
        if (i == 3)
            assert_ok(tn_plan_evaluate(r.plan));
        if (looks && i == 3)
            assert_ok(tn_plan_find_nonfinite(r.plan, &f));
    }
    assert_ok(tn_plan_run(r.plan)); /* the values of a run, to be compared with those of it again */
    tn_nonfinite f;
    if (looks)
        assert_ok(tn_plan_find_nonfinite(r.plan, &f));
    take(&r, s);
    close_rig(&r);
}

static void looking_changes_nothing(void **state)
{
    (void)state;
    static snapshot want, got;
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        if (!is_here(k))
            continue;
        train(devices[k].name, devices[k].precision, false, &want);
        train(devices[k].name, devices[k].precision, true, &got);
        assert_true(want.runs == 8 && want.params > 0);
        assert_memory_equal(&want, &got, sizeof want);
    }
}

/* In f16 the update that is left out halves the scale: what is looked at behind it is still what was too large. */
static void the_loss_scale_is_that_of_the_run(void **state)
{
    (void)state;
    lab_need_sim(sim);
    rig r;
    tn_nonfinite before, after;
    float scale, then;
    int found = 0;
    sim->set_devices(1);
    open_rig(&r, "sim:0", false, TN_PRECISION_F16);
    set_batch(&r, 0, -1, 0);
    change_param(&r, "fc2.weight", 0, 60);
    for (int i = 0; i < 12; i++) {
        assert_ok(tn_plan_run(r.plan));
        assert_ok(tn_plan_loss_scale(r.plan, &scale));
        assert_ok(tn_plan_find_nonfinite(r.plan, &before));
        assert_ok(tn_plan_update(r.plan, 0));
        assert_ok(tn_plan_find_nonfinite(r.plan, &after));
        assert_ok(tn_plan_loss_scale(r.plan, &then));
        assert_true(before.part == after.part && before.count == after.count && scale == then);
        found += before.part == TN_NONFINITE_GRADIENT;
    }
    assert_true(found > 0 && found < 12);
    close_rig(&r);
}

/* It does harm there, too: 0, the gradient of such a row, times NaN is NaN in that of the weight. */
static void an_input_is_looked_at_in_rows_without_a_sample(void **state)
{
    (void)state;
    rig r;
    tn_nonfinite f;
    open_rig(&r, "cpu", false, TN_PRECISION_F32);
    set_batch(&r, 0, 6 * WIDE, NAN);
    int32_t label[ROWS] = {0, 1, 2, 3, 0, -1, -1, -1};
    assert_ok(tn_plan_set(r.plan, r.label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
    assert_ok(tn_plan_run(r.plan));
    assert_found(&r, "output", "fc1", "x", &f);
    assert_int_equal(f.row, 6);
    set_batch(&r, 0, -1, 0);
    assert_ok(tn_plan_set(r.plan, r.label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
    assert_ok(tn_plan_run(r.plan));
    assert_ok(tn_plan_find_nonfinite(r.plan, &f));
    assert_int_equal(f.part, TN_NONFINITE_NOTHING);
    close_rig(&r);
}

static void what_has_not_run_cannot_be_done_again(void **state)
{
    (void)state;
    rig r;
    tn_nonfinite f;
    open_rig(&r, "cpu:0-1", false, TN_PRECISION_F32);
    assert_fails(tn_plan_find_nonfinite(r.plan, &f), TN_ERR_ARGUMENT, "nothing has run yet");
    close_rig(&r);
    assert_null(tn_nonfinite_part_name((tn_nonfinite_part)77));
}

static tn_status look(void *plan)
{
    return tn_plan_find_nonfinite(plan, &(tn_nonfinite){0});
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "cpu,reference", true, TN_PRECISION_F32);
    set_batch(&r, 0, -1, 0);
    assert_ok(tn_plan_run(r.plan));
    assert_true(lab_fail_each_allocation(look, r.plan) >= 2);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_is_found_with_its_row),
        cmocka_unit_test(a_parameter_is_found_where_it_is_read),
        cmocka_unit_test(an_output_is_found_at_the_node_that_made_it),
        cmocka_unit_test(a_gradient_is_found_behind_finite_outputs),
        cmocka_unit_test(a_gradient_of_a_parameter_is_found),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(the_loss_scale_is_that_of_the_run),
        cmocka_unit_test(an_input_is_looked_at_in_rows_without_a_sample),
        cmocka_unit_test(what_has_not_run_cannot_be_done_again),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
