/* batchnorm, its relu and the largest of windows behind it, on GPUs in one pass; in training, too. */
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"
#include "lab_answers.h"
#include "lab_norm.h"
#include "lab_pool.h"

typedef struct setup {
    tn_pool2d_opts pool;
    tn_batchnorm_opts norm;
    bool no_relu;
} setup;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts;
    (void)num_x;
    tn_value y = tn_batchnorm(g, x[0], &s->norm);
    y = s->no_relu ? y : tn_relu(g, y, NULL);
    return tn_pool2d(g, y, &s->pool);
}

static lab_norm norm_of(const lab_ref *r)
{
    const setup *s = r->opts;
    return lab_norm_of(r, 0, 0, s->norm.weight.frozen && s->norm.bias.frozen);
}

/* What is pooled, new memory. */
static lab_ref pooled(const lab_ref *r, const lab_norm *n)
{
    const setup *s = r->opts;
    double *y = lab_take(tn_elements(&n->shape), sizeof *y);
    lab_norm_forward(n, y);
    for (int64_t i = 0; i < tn_elements(&n->shape); i++)
        y[i] = !s->no_relu && y[i] < 0 ? 0 : y[i];
    lab_ref pool = *r;
    pool.opts = &s->pool;
    pool.x[0] = y;
    return pool;
}

static void reference(const lab_ref *r)
{
    const lab_norm n = norm_of(r);
    const lab_ref pool = pooled(r, &n);
    lab_pool_reference(&pool);
    free((void *)(uintptr_t)pool.x[0]);
}

static void backward(const lab_ref *r)
{
    const setup *s = r->opts;
    const lab_norm n = norm_of(r);
    const int64_t count = tn_elements(&n.shape);
    lab_ref pool = pooled(r, &n);
    double *g = lab_take(count, sizeof *g);
    memset(g, 0, (size_t)count * sizeof *g);
    pool.dx[0] = g;
    lab_pool_backward(&pool);
    for (int64_t i = 0; i < count; i++)
        g[i] = !s->no_relu && pool.x[0][i] <= 0 ? 0 : g[i];
    lab_norm_backward(&n, g, r->dx[0], r->dw[0], r->dw[1]);
    free(g);
    free((void *)(uintptr_t)pool.x[0]);
}

static const lab_op op = {
    .build = build,
    .reference = reference,
    .backward = backward,
    .param = {{"weight"}, {"bias"}, {"running_mean"}, {"running_var", .low = 0.5, .high = 2}},
};

/* As ResNets have it. */
#define THREE .pool = {.kernel = {3}, .stride = {2}, .pad = {1}}
#define FROZEN .norm = {.weight = {.frozen = true}, .bias = {.frozen = true}}
static const setup three = {THREE}, no_relu = {THREE, .no_relu = true}, frozen = {THREE, FROZEN},
                   weight_frozen = {THREE, .norm = {.weight = {.frozen = true}}},
                   apart = {.pool = {.kernel = {1, 2}, .stride = {2, 3}, .dilation = {1, 2}}};

static void agrees_with_differences(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"small", X(2, 3, 4, 4), &three},
        {"no relu", X(2, 3, 4, 4), &no_relu},
        {"constants", X(2, 3, 4, 4), &frozen},
        {"weight frozen", X(2, 3, 4, 5), &weight_frozen},
        {"windows that do not meet, taps apart", X(2, 3, 5, 7), &apart},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"more than fills lanes", X(3, 19, 9, 7), &three},
        {"whole lanes", X(2, 32, 8, 8), &three},
        {"whole lanes, no relu", X(2, 16, 6, 5), &no_relu},
    };
    lab_check_big(&op, cases, TN_COUNT(cases));
}

/* ---- that it is one step ---------------------------------------------------------------------- */

enum { X_BYTES = 2 * 16 * 32 * 32 * 4, Y_BYTES = X_BYTES / 4 };

static void check_device(const char *device, bool training)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int norms = 0, pools = 0, relus = 0;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 16, 32, 32));
    const tn_value goal = tn_input(g, "goal", TN_F32, TN_SHAPE(2, 16, 16, 16));
    const tn_conv2d_opts conv = {.filters = 16, .kernel = {1}, .no_bias = true};
    const tn_value a = tn_conv2d(g, x, &conv), y = build(g, &a, 1, &three);
    const tn_value loss = tn_mse(g, y, goal, NULL);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = training ? loss : (tn_value){0},
                                             .keep = &y,
                                             .num_keep = 1,
                                             .precision = TN_PRECISION_F32,
                                             .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        pools += strcmp(s.op, "pool2d") == 0;
        relus += strcmp(s.op, "relu") == 0 || (s.fused && strcmp(s.op, "pool2d") == 0);
        if (strcmp(s.op, "batchnorm") != 0 || !s.fused || strcmp(s.fused, "relu+pool2d") != 0)
            continue;
        norms++; /* as the kernels move them: x, y, those x that were the largest, and a byte for which */
        const bool back = s.pass == TN_PASS_BACKWARD;
        const size_t kept = training ? Y_BYTES + Y_BYTES / 4 : 0;
        const size_t read =
            back ? X_BYTES + kept + 2 * Y_BYTES : (size_t)X_BYTES * (training ? 2 : 1);
        const size_t written = back ? X_BYTES : Y_BYTES + kept;
        assert_true(s.read >= read && s.read < read + 2048);
        assert_true(s.written >= written && s.written < written + 2048);
    }
    const bool gpu = strncmp(device, "cpu", 3) != 0;
    assert_int_equal(norms, gpu ? 1 + training : 0);
    assert_int_equal(pools, gpu ? 0 : 1 + training);
    assert_int_equal(relus, 0); /* nor behind the pooling, where it would cost a pass */
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void is_one_step(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (int training = 0; training < 2; training++)
            check_device(*device, training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_differences),
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(is_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
