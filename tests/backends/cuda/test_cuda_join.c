/*
 * What an inception's concat costs where cuDNN writes its convolutions there at once, as seen from the trace of
 * the simulated GPU: nothing; and what it costs where it cannot, or where only some of it is there.
 */
#include <string.h>

#include "lab_sim.h"

enum { ROWS = 2, CHANNELS = 4, SIDE = 5 };
static const tn_shape x_shape = {4, {ROWS, CHANNELS, SIDE, SIDE}};

static tn_value conv_relu(tn_graph *g, tn_value x, int filters)
{
    return tn_relu(
        g, tn_conv2d(g, x, &(tn_conv2d_opts){.filters = filters, .kernel = {3}, .pad = {1}}), NULL);
}

/* GoogLeNet's 3a, small: its four ways. */
static void inception(tn_graph *g, tn_value x, tn_value way[4])
{
    const tn_pool2d_opts o = {.kernel = {3}, .stride = {1}, .pad = {1}};
    way[0] = conv_relu(g, x, 64);
    way[1] = conv_relu(g, conv_relu(g, x, 96), 128);
    way[2] = conv_relu(g, conv_relu(g, x, 16), 32);
    way[3] = conv_relu(g, tn_pool2d(g, x, &o), 32);
}

typedef struct cost {
    tn_sim_counts counts;
    size_t activations;
    char text[1 << 13];
} cost;

/* Of evaluating the ways, joined or as they are. */
static cost evaluate(const lab_sim *sim, const char *device, tn_precision precision, bool joined)
{
    float data[ROWS * CHANNELS * SIDE * SIDE];
    cost c = {0};
    tn_device *d;
    tn_graph *g;
    tn_plan *p;
    tn_value way[4];
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, x_shape);
    inception(g, x, way);
    if (joined)
        way[0] = tn_concat(g, 4, way, NULL);
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.keep = way, .num_keep = joined ? 1 : 4, .precision = precision}));
    for (size_t i = 0; i < TN_COUNT(data); i++)
        data[i] = (float)(i * 37 % 101) / 64 - 1;
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, x_shape, data}));
    sim->trace_begin();
    assert_ok(tn_plan_evaluate(p));
    c.counts = sim->trace_counts();
    c.activations = tn_plan_memory(p).activations;
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(p, TN_DESCRIBE_TEXT, f));
    rewind(f);
    c.text[fread(c.text, 1, sizeof c.text - 1, f)] = 0;
    fclose(f);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return c;
}

/* An inception's concat is no launch, no copy and no memory; the plan says where the ways are written. */
static void costs_nothing(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    enum { Y_BYTES = ROWS * 256 * SIDE * SIDE * 4 };
    const tn_precision f32 = TN_PRECISION_F32;
    const cost apart = evaluate(sim, "sim:0", f32, false);
    const cost joined = evaluate(sim, "sim:0", f32, true);
    assert_int_equal(joined.counts.executions, 6);
    assert_int_equal(joined.counts.executions, apart.counts.executions);
    assert_int_equal(joined.counts.launches, apart.counts.launches);
    assert_int_equal(joined.counts.copies_inside, apart.counts.copies_inside);
    assert_true(joined.activations <= apart.activations + Y_BYTES / 8);
    assert_non_null(strstr(joined.text, "nhwc of 256 f32"));
    assert_null(strstr(joined.text, "concat"));
    assert_null(strstr(joined.text, "placed"));

    const cost copied = evaluate(sim, "sim:0,cudnn=off", f32, true);
    const cost without = evaluate(sim, "sim:0,cudnn=off", f32, false);
    assert_int_equal(copied.counts.launches, without.counts.launches + 1);
}

/* Engines with tensor cores write no gaps: each way is moved to its place, out of memory that all share. */
static void is_placed_behind_tensor_cores(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    enum { Y_BYTES = ROWS * 256 * SIDE * SIDE * 2, WIDEST = Y_BYTES / 2 };
    const cost apart = evaluate(sim, "sim:0", TN_PRECISION_BF16, false);
    const cost joined = evaluate(sim, "sim:0", TN_PRECISION_BF16, true);
    assert_int_equal(joined.counts.executions, apart.counts.executions);
    assert_int_equal(joined.counts.launches, apart.counts.launches + 4);
    assert_true(joined.activations <= apart.activations + WIDEST);
    assert_null(strstr(joined.text, "concat"));
    assert_non_null(strstr(joined.text, ", placed"));
}

/* What is there is neither read nor written by the node that joins the rest to it. */
static void moves_only_the_rest(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    (void)sim;
    tn_device *d;
    tn_graph *g;
    tn_plan *p;
    int seen = 0;
    assert_ok(tn_device_open(&d, "sim:0"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, x_shape),
                   target = tn_input(g, "t", TN_F32, TN_SHAPE(ROWS, 24, SIDE, SIDE));
    const tn_value y = conv_relu(g, x, 8); /* which another reads, too */
    const tn_value all = tn_concat(g, 2, (tn_value[]){y, conv_relu(g, y, 16)}, NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, all, target, NULL),
                                             .precision = TN_PRECISION_F32,
                                             .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        if (s.pass == TN_PASS_ADD || strcmp(s.op, "concat") != 0)
            continue;
        assert_int_equal(s.read, ROWS * 8 * SIDE * SIDE * sizeof(float));
        assert_int_equal(s.written, s.read);
        seen++;
    }
    assert_int_equal(seen, 2);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

/* Two ways, written as they are in f32 and placed in bf16. */
static tn_status make_plan(void *precision)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_status status = tn_device_open(&d, "sim:0");
    if (status == TN_OK)
        status = tn_graph_create(&g);
    if (status == TN_OK) {
        const tn_value x = tn_input(g, "x", TN_F32, x_shape);
        const tn_value y =
            tn_concat(g, 2, (tn_value[]){conv_relu(g, x, 8), conv_relu(g, x, 8)}, NULL);
        status = tn_plan_create(&p, g, d,
                                &(tn_plan_opts){.keep = &y,
                                                .num_keep = 1,
                                                .precision = *(const tn_precision *)precision});
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return status;
}

static void survives_failing_allocations(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    for (int half = 0; half < 2; half++) {
        tn_precision precision = half ? TN_PRECISION_BF16 : TN_PRECISION_F32;
        assert_true(lab_fail_each_allocation(make_plan, &precision) > 20);
        sim->check_leaks();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_nothing),
        cmocka_unit_test(is_placed_behind_tensor_cores),
        cmocka_unit_test(moves_only_the_rest),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
