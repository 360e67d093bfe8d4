/*
 * What a layer takes for its parameter may be computed of other parameters: values and gradients against loops in double, in
 * every layout that a kernel wants weights in; that plans which do not train see new numbers; nets quantised in training.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"

/* ---- values and gradients ----------------------------------------------------------------------- */

typedef struct made {
    tn_shape weight; /* of the parameter "v"; the layer's is tanh(v) scale */
    int groups;      /* of a convolution; 0: dense */
    bool twice;      /* the layer's input is multiplied with v[0], too */
} made;

static tn_value weight_of(tn_graph *g, const made *m)
{
    static const float scale = 0.75F;
    const tn_value factor =
        tn_constant(g, "factor", (tn_tensor){TN_F32, TN_SHAPE(1), (void *)(uintptr_t)&scale});
    return tn_mul(g, tn_tanh(g, tn_param(g, "v", m->weight, NULL), NULL), factor, NULL);
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const made *m = opts;
    const tn_param_opts weight = {.value = weight_of(g, m)};
    (void)num_x;
    tn_value in = x[0];
    if (m->twice)
        in = tn_mul(g, in,
                    tn_reduce(g, tn_graph_value(g, "v"), &(tn_reduce_opts){.kind = TN_REDUCE_SUM}),
                    NULL);
    if (m->groups == 0)
        return tn_dense(g, in, &(tn_dense_opts){.units = (int)m->weight.dim[0], .weight = weight});
    return tn_conv2d(g, in,
                     &(tn_conv2d_opts){.filters = (int)m->weight.dim[0],
                                       .kernel = {(int)m->weight.dim[2], (int)m->weight.dim[3]},
                                       .groups = m->groups,
                                       .no_bias = true,
                                       .weight = weight});
}

static double weight_at(const lab_ref *r, int64_t i)
{
    return tanh(r->w[0][i]) * 0.75;
}

static double factor_of(const lab_ref *r)
{
    const made *m = r->opts;
    double sum = 0;
    if (!m->twice)
        return 1;
    for (int64_t i = 0; i < tn_elements(&m->weight); i++)
        sum += r->w[0][i];
    return sum;
}

static void reference_dense(const lab_ref *r)
{
    const made *m = r->opts;
    const int64_t K = m->weight.dim[0], D = m->weight.dim[1];
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        r->y[i] = r->w[1][i % K];
        for (int64_t d = 0; d < D; d++)
            r->y[i] += weight_at(r, i % K * D + d) * r->x[0][i / K * D + d] * factor_of(r);
    }
}

static void reference_conv(const lab_ref *r)
{
    const made *m = r->opts;
    const tn_shape *x = &r->x_shape[0], *y = &r->y_shape, *w = &m->weight;
    const int64_t K = w->dim[0], C = w->dim[1], R = w->dim[2], S = w->dim[3];
    for (int64_t i = 0; i < tn_elements(y); i++) {
        const int64_t q = i % y->dim[3], p = i / y->dim[3] % y->dim[2],
                      k = i / y->dim[3] / y->dim[2] % K, n = i / y->dim[3] / y->dim[2] / K;
        const int64_t first = k / (K / m->groups) * C;
        r->y[i] = 0;
        for (int64_t j = 0; j < C * R * S; j++) {
            const int64_t c = j / S / R, h = p + j / S % R, v = q + j % S;
            r->y[i] += weight_at(r, k * C * R * S + j) *
                       r->x[0][((n * x->dim[1] + first + c) * x->dim[2] + h) * x->dim[3] + v];
        }
    }
}

static void gives_values_and_gradients(void **unused)
{
    (void)unused;
    static const lab_op dense = {
        .build = build, .reference = reference_dense, .param = {{"v"}, {"bias"}}};
    static const lab_op conv = {.build = build, .reference = reference_conv, .param = {{"v"}}};
    static const made small = {{2, {3, 5}}, 0}, twice = {{2, {3, 5}}, 0, true},
                      wide = {{2, {20, 33}}, 0};
    static const lab_case by_dense[] = {
        {"small", {{{2, {2, 5}}}}, &small},
        {"the parameter is read as a value, too", {{{2, {2, 5}}}}, &twice},
        {"tiles of weights", {{{2, {6, 33}}}}, &wide, .f32_only = true},
    };
    static const made one = {{4, {4, 3, 1, 1}}, 1}, window = {{4, {16, 4, 3, 3}}, 1},
                      groups = {{4, {16, 4, 3, 3}}, 2}, depth = {{4, {16, 1, 3, 3}}, 16};
    static const lab_case by_conv[] = {
        {"1 x 1", {{{4, {2, 3, 2, 3}}}}, &one},
        {"3 x 3", {{{4, {1, 4, 8, 6}}}}, &window, .f32_only = true},
        {"groups, whose weights have another form",
         {{{4, {1, 8, 4, 5}}}},
         &groups,
         .f32_only = true},
        {"a filter a channel", {{{4, {1, 16, 4, 5}}}}, &depth, .f32_only = true},
    };
    lab_check_op(&dense, by_dense, TN_COUNT(by_dense));
    lab_check_op(&conv, by_conv, TN_COUNT(by_conv));
}

/* ---- numbers that are set ----------------------------------------------------------------------- */

/* Nothing that a plan keeps of weights from run to run outlives them; and where it may keep all, weights are put on their grid once. */
static void check_new_numbers(float kept_weights)
{
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        tn_step_info step;
        float x[16 * 64], w[16 * 16 * 9], y[2][16 * 36];
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(1, 16, 8, 8));
        const tn_value weight =
            tn_fake_quant(g, tn_param(g, "w", TN_SHAPE(16, 16, 3, 3), NULL), (tn_value){0},
                          &(tn_fake_quant_opts){.axis = TN_ZERO});
        const tn_value out = tn_conv2d(
            g, in,
            &(tn_conv2d_opts){
                .filters = 16, .kernel = {3}, .no_bias = true, .weight = {.value = weight}});
        assert_ok(tn_plan_create(
            &p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1, .kept_weights = kept_weights}));
        if (kept_weights != 0)
            for (int i = 0; tn_plan_step(p, i, &step) == TN_OK; i++)
                assert_string_not_equal(step.op, "fake_quant");
        for (size_t i = 0; i < TN_COUNT(x); i++)
            x[i] = (float)(i % 7) - 3;
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, TN_SHAPE(1, 16, 8, 8), x}));
        for (int round = 0; round < 2; round++) {
            for (size_t i = 0; i < TN_COUNT(w); i++)
                w[i] = round == 0 ? 1 : -2;
            assert_ok(tn_plan_param_set(p, 0, TN_PARAM_VALUE,
                                        (tn_tensor){TN_F32, TN_SHAPE(16, 16, 3, 3), w}));
            for (int run = 0; run < 2; run++)
                assert_ok(tn_plan_evaluate(p));
            assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, TN_SHAPE(1, 16, 6, 6), y[round]}));
        }
        for (int i = 0; i < 16 * 36; i++)
            if (fabsf(y[1][i] + 2 * y[0][i]) > 1e-3F)
                fail_msg("%s: y[%d] is %g, then %g", *device, i, (double)y[0][i], (double)y[1][i]);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static void sees_new_numbers(void **unused)
{
    (void)unused;
    check_new_numbers(0);
    check_new_numbers(INFINITY);
}

/* ---- quantisation-aware training ------------------------------------------------------------------ */

enum { ROWS = 64, FEATURES = 6, UNITS = 12 };

/* A layer in whole numbers from -most to most; 0: in f32. */
static tn_value layer(tn_graph *g, tn_value x, const char *name, int64_t inputs, int units,
                      int most)
{
    const tn_value v = tn_param(g, name, TN_SHAPE(units, inputs), NULL);
    const tn_value w = tn_fake_quant(
        g, v, (tn_value){0}, &(tn_fake_quant_opts){.lo = -most, .hi = most, .axis = TN_ZERO});
    return tn_dense(g, x, &(tn_dense_opts){.units = units, .weight = {.value = most ? w : v}});
}

typedef struct qat {
    tn_device *device;
    tn_graph *g;
    tn_plan *p;
    tn_value x, want, loss;
} qat;

static void begin(qat *q, const char *device, int most)
{
    *q = (qat){0};
    assert_ok(tn_device_open(&q->device, device));
    assert_ok(tn_graph_create(&q->g));
    q->x = tn_input(q->g, "x", TN_F32, TN_SHAPE(ROWS, FEATURES));
    q->want = tn_input(q->g, "want", TN_F32, TN_SHAPE(ROWS, 1));
    tn_value y = tn_relu(q->g, layer(q->g, q->x, "w1", FEATURES, UNITS, most), NULL);
    if (most)
        y = tn_fake_quant(q->g, y, (tn_value){0}, &(tn_fake_quant_opts){.scale = 0.25F, .hi = 15});
    y = layer(q->g, y, "w2", UNITS, 1, most);
    q->loss = tn_mse(q->g, y, q->want, NULL);
    assert_ok(tn_plan_create(&q->p, q->g, q->device,
                             &(tn_plan_opts){.loss = q->loss, .optim = tn_adam(NULL), .seed = 3}));
    float x[ROWS * FEATURES], want[ROWS];
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 1);
    for (int i = 0; i < ROWS * FEATURES; i++)
        x[i] = (float)tn_random_normal(&r);
    for (int i = 0; i < ROWS; i++)
        want[i] = fabsf(x[i * FEATURES]) + x[i * FEATURES + 1] - 0.5F * x[i * FEATURES + 2];
    assert_ok(tn_plan_set(q->p, q->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, FEATURES), x}));
    assert_ok(tn_plan_set(q->p, q->want, (tn_tensor){TN_F32, TN_SHAPE(ROWS, 1), want}));
}

static float train(qat *q, int steps)
{
    float loss;
    for (int i = 0; i < steps; i++) {
        assert_ok(tn_plan_run(q->p));
        assert_ok(tn_plan_update(q->p, 0.02F));
    }
    assert_ok(tn_plan_evaluate(q->p));
    assert_ok(tn_plan_get(q->p, q->loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

static void end(qat *q)
{
    tn_plan_destroy(q->p);
    tn_graph_destroy(q->g);
    tn_device_close(q->device);
}

static void copy_params(tn_plan *to, tn_plan *from)
{
    for (int i = 0; i < tn_plan_num_params(from); i++) {
        float numbers[UNITS * FEATURES];
        tn_param_info info;
        assert_ok(tn_plan_param(from, i, &info));
        assert_ok(
            tn_plan_param_get(from, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, numbers}));
        assert_ok(
            tn_plan_param_set(to, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, numbers}));
    }
}

/* With weights in 7 steps and values in 16 a net that was trained in f32 has lost much of what it had learnt, and training it
 * on brings back most. */
static void learns_to_be_quantised(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        qat plain, coarse;
        begin(&plain, *device, 0);
        const float learnt = train(&plain, 150);
        begin(&coarse, *device, 3);
        copy_params(coarse.p, plain.p);
        const float lost = train(&coarse, 0), regained = train(&coarse, 150);
        if (!(learnt < 0.1F && lost > 2 * learnt && regained < 0.6F * lost))
            fail_msg("%s: in f32 the loss is %g, quantised %g, after training that %g", *device,
                     (double)learnt, (double)lost, (double)regained);
        end(&plain);
        end(&coarse);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_values_and_gradients),
        cmocka_unit_test(sees_new_numbers),
        cmocka_unit_test(learns_to_be_quantised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
