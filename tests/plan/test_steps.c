/*
 * What a plan tells of its steps: on the toy backend every number by hand; on the CPU that a step measured
 * is a step of training.
 */
#include <string.h>

#include "lab_op.h"
#include "plan/plan_io.h"
#include "plan/toy.h"

enum { BYTES = 8 * sizeof(float), HALF = 4 * sizeof(float), ONE = sizeof(float) };

/* x (8 numbers) -> scale and mono, in the foreign layout -> plus -> half -> total. */
static tn_value small(tn_graph *g)
{
    const toy_opts reversed = {.start = 2, .reversed = true};
    tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(8));
    x = toy_mono(g, toy_scale(g, x, &reversed), &reversed);
    return toy_total(g, toy_half(g, toy_plus(g, x, x, NULL), NULL));
}

typedef struct row {
    tn_pass pass;
    const char *node, *op, *fused, *x_layout, *y_layout;
    double flops;
    size_t read, written, scratch;
    const char *why;
} row;

static const row rows[] = {
    {TN_PASS_FORWARD, "x", "reorder", NULL, "-", "reversed", 8, BYTES, BYTES, 0,
     "scale wants the other layout"},
    {TN_PASS_FORWARD, "scale1", "scale", "mono", "reversed", "reversed", 8, BYTES + ONE, BYTES,
     BYTES, "reads its parameter; mono is done with it"},
    {TN_PASS_FORWARD, "mono1", "reorder", NULL, "reversed", "-", 8, BYTES, BYTES, 0, "and back"},
    {TN_PASS_FORWARD, "plus1", "plus", NULL, "-", "-", 8, BYTES, BYTES, 0,
     "one input, read twice, comes once"},
    {TN_PASS_FORWARD, "half1", "half", NULL, "-", "-", 4, BYTES, HALF + 4, 0,
     "keeps a byte an element for backward"},
    {TN_PASS_FORWARD, "total1", "total", NULL, "-", "-", 1, HALF, ONE, 0, "a scalar"},
    {TN_PASS_TALLY, "total1", "tally", NULL, "-", "-", 1, ONE + 16, 16, 0,
     "a sum and a count, in double"},
    {TN_PASS_BACKWARD, "total1", "total", NULL, "-", "-", 1, ONE, HALF, 0, "reads dy only"},
    {TN_PASS_BACKWARD, "half1", "half", NULL, "-", "-", 4, HALF + 4, BYTES, 0,
     "reads what it kept"},
    {TN_PASS_BACKWARD, "plus1", "plus", NULL, "-", "-", 8, BYTES, 2 * BYTES, 0, "two gradients"},
    {TN_PASS_ADD, "mono1", "add", NULL, "-", "-", 8, 2 * BYTES, BYTES, 0, "which meet"},
    {TN_PASS_BACKWARD, "mono1", "reorder", NULL, "reversed", "-", 8, BYTES, BYTES, 0,
     "a gradient goes back the same way"},
    {TN_PASS_BACKWARD, "scale1", "scale", "mono", "reversed", "reversed", 8, 3 * BYTES, ONE, BYTES,
     "dw alone is wanted: dy, x and y, but not w"},
};

static void check_row(const tn_plan *p, int i)
{
    const row *want = &rows[i];
    tn_step_info s;
    double seconds;
    print_message("%d: %s\n", i, want->why);
    assert_ok(tn_plan_step(p, i, &s));
    assert_string_equal(tn_pass_name(s.pass), tn_pass_name(want->pass));
    assert_string_equal(s.node, want->node);
    assert_string_equal(s.op, want->op);
    assert_string_equal(s.fused ? s.fused : "", want->fused ? want->fused : "");
    assert_string_equal(s.kernel, "own");
    assert_string_equal(s.x_layout, want->x_layout);
    assert_string_equal(s.y_layout, want->y_layout);
    assert_true(s.flops == want->flops);
    assert_int_equal(s.read, want->read);
    assert_int_equal(s.written, want->written);
    assert_int_equal(s.scratch, want->scratch);
    const double compute = s.flops / TOY_FLOPS,
                 memory = (double)(s.read + s.written) / TOY_BANDWIDTH;
    assert_ok(tn_plan_lower_bound(p, i, &seconds));
    assert_true(seconds == (compute > memory ? compute : memory));
}

static void every_step_is_told(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_step_info s;
    double forward, training, sum = 0;
    assert_ok(tn_graph_create(&g));
    assert_ok(tn_plan_create(&p, g, &toy_device, &(tn_plan_opts){.loss = small(g), .dry = true}));
    assert_int_equal(tn_plan_num_steps(p), TN_COUNT(rows));
    for (int i = 0; i < (int)TN_COUNT(rows); i++) {
        check_row(p, i);
        const bool node = rows[i].pass == TN_PASS_FORWARD || rows[i].pass == TN_PASS_BACKWARD;
        sum += node ? rows[i].flops : 0;
    }
    tn_plan_flops(p, &forward, &training);
    assert_true(forward == 37 && training == sum);
    assert_fails(tn_plan_step(p, -1, &s), TN_ERR_ARGUMENT, "step -1 of 13");
    assert_fails(tn_plan_lower_bound(p, 13, &sum), TN_ERR_ARGUMENT, "step 13 of 13");
    assert_null(tn_pass_name((tn_pass)99));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

/* ---- what is done to all parameters --------------------------------------------------------- */

static const char one_thread[] = "cpu,threads=1";

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, loss;
    tn_plan *plan;
} rig;

static void open_rig(rig *r, const char *device, tn_plan_opts opts)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(2, 4));
    const tn_value y = tn_dense(r->g, r->x, &(tn_dense_opts){.name = "fc", .units = 3});
    r->loss = tn_mse(
        r->g, y, tn_dropout(r->g, tn_relu(r->g, y, NULL), &(tn_dropout_opts){.rate = 0.5F}), NULL);
    opts.loss = r->loss;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
    float x[8] = {1, -2, 3, -4, 5, -6, 7, -8};
    if (!opts.dry)
        assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(2, 4), x}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void updates_are_steps(void **unused)
{
    (void)unused;
    const tn_optim momentum = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}), adam = tn_adam(NULL);
    const struct {
        tn_plan_opts opts;
        size_t slots, read, written; /* in units of all parameters */
        bool sums;
        const char *op, *why;
    } cases[] = {
        {{.optim = momentum}, 1, 3, 2, false, "sgd", "w, g, momentum; w, momentum"},
        {{.optim = adam}, 2, 4, 3, false, "adam", "w, g, m, v; w, m, v"},
        {{.optim = momentum, .clip_norm = 1}, 1, 4, 2, false, "sgd", "g once more, for its norm"},
        {{.optim = momentum, .accumulate = 3}, 1, 3, 3, true, "sgd", "the sum is cleared"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        rig r;
        tn_step_info s;
        tn_plan_opts opts = cases[i].opts;
        opts.dry = true;
        print_message("%s\n", cases[i].why);
        open_rig(&r, one_thread, opts);
        const int last = tn_plan_num_steps(r.plan) - 1;
        const size_t one = tn_plan_memory(r.plan).optimizer / cases[i].slots;
        assert_ok(tn_plan_step(r.plan, last, &s));
        assert_int_equal(s.pass, TN_PASS_UPDATE);
        assert_string_equal(s.op, cases[i].op);
        assert_int_equal(s.read, cases[i].read * one);
        assert_int_equal(s.written, cases[i].written * one);
        assert_ok(tn_plan_step(r.plan, last - 1, &s));
        assert_int_equal(s.pass, cases[i].sums ? TN_PASS_ADD : TN_PASS_BACKWARD);
        if (cases[i].sums)
            assert_int_equal(s.read + s.written, 3 * one);
        close_rig(&r);
    }
}

static void no_rates_are_made_up(void **unused)
{
    (void)unused;
    rig r;
    double flops, bytes;
    open_rig(&r, one_thread, (tn_plan_opts){.dry = true});
    assert_fails(tn_device_rates(r.device, TN_PRECISION_F32, &flops, &bytes), TN_ERR_UNSUPPORTED,
                 "cpu,threads=1: its peak rates are not known");
    assert_fails(tn_plan_lower_bound(r.plan, 0, &flops), TN_ERR_UNSUPPORTED, "not known");
    close_rig(&r);
}

/* ---- measuring ---------------------------------------------------------------------------- */

static void check_profile(const char *device)
{
    rig r[2];
    double seconds[64];
    float w[2][12];
    print_message("%s\n", device);
    for (int i = 0; i < 2; i++) {
        open_rig(&r[i], device, (tn_plan_opts){.optim = tn_adam(NULL), .seed = 7});
        for (int step = 0; step < 5; step++) {
            for (int j = 0; j < 64; j++)
                seconds[j] = -1;
            if (i == 1 && (step == 0 || step == 3)) {
                assert_ok(tn_plan_profile(r[i].plan, 0.1F, seconds));
                for (int j = 0; j < 64; j++)
                    assert_true((seconds[j] >= 0) == (j < tn_plan_num_steps(r[i].plan)));
            } else {
                assert_ok(tn_plan_run(r[i].plan));
                assert_ok(tn_plan_update(r[i].plan, 0.1F));
            }
        }
        assert_ok(tn_plan_param_get(r[i].plan, 0, 0, (tn_tensor){TN_F32, TN_SHAPE(3, 4), w[i]}));
        assert_int_equal(tn_plan_updates(r[i].plan), 5);
        assert_int_equal(tn_plan_runs(r[i].plan), 5);
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]); /* dropout's numbers too are those of its step */
    assert_fails(tn_plan_profile(r[1].plan, -1, seconds), TN_ERR_ARGUMENT, "the rate is -1");
    close_rig(&r[0]);
    close_rig(&r[1]);
}

/* Before anything else, and between steps that are replayed. */
static void a_profile_is_a_step_of_training(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        check_profile(*device);
}

static void profiles_are_refused(void **unused)
{
    (void)unused;
    rig r;
    double seconds[64];
    open_rig(&r, one_thread, (tn_plan_opts){.dry = true});
    assert_fails(tn_plan_profile(r.plan, 0, seconds), TN_ERR_ARGUMENT, "it is dry");
    close_rig(&r);
    open_rig(&r, one_thread, (tn_plan_opts){.accumulate = 2});
    assert_fails(tn_plan_profile(r.plan, 0, seconds), TN_ERR_ARGUMENT, "accumulates 2 runs");
    close_rig(&r);
    open_rig(&r, one_thread, (tn_plan_opts){0}); /* no optimizer: run alone, whatever the rate */
    assert_ok(tn_plan_profile(r.plan, -1, seconds));
    assert_int_equal(tn_plan_runs(r.plan), 1);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_told),   cmocka_unit_test(updates_are_steps),
        cmocka_unit_test(no_rates_are_made_up), cmocka_unit_test(a_profile_is_a_step_of_training),
        cmocka_unit_test(profiles_are_refused),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
