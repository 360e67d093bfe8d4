/* Two batchnorms that meet in an addition, and the relu behind it, on GPUs in one pass; in training, too. */
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"
#include "lab_answers.h"
#include "lab_norm.h"

typedef struct setup {
    tn_batchnorm_opts norm[2];
    bool swapped; /* the second is made first */
    bool relu;
} setup;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts;
    tn_value y[2];
    (void)num_x;
    for (int i = 0; i < 2; i++) {
        const int k = s->swapped ? 1 - i : i;
        tn_batchnorm_opts o = s->norm[k];
        o.name = k ? "b" : "a";
        y[k] = tn_batchnorm(g, x[k], &o);
    }
    const tn_value sum = tn_add(g, y[0], y[1], NULL);
    return s->relu ? tn_relu(g, sum, NULL) : sum;
}

static lab_norm norm_of(const lab_ref *r, int i)
{
    const setup *s = r->opts;
    return lab_norm_of(r, i, 4 * i, s->norm[i].weight.frozen && s->norm[i].bias.frozen);
}

/* What relu sees. */
static void add_both(const lab_ref *r, double *y)
{
    const lab_norm a = norm_of(r, 0), b = norm_of(r, 1);
    const int64_t count = tn_elements(&a.shape);
    double *z = lab_take(count, sizeof *z);
    lab_norm_forward(&a, y);
    lab_norm_forward(&b, z);
    for (int64_t i = 0; i < count; i++)
        y[i] += z[i];
    free(z);
}

static void reference(const lab_ref *r)
{
    const setup *s = r->opts;
    add_both(r, r->y);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = s->relu && r->y[i] < 0 ? 0 : r->y[i];
}

static void backward(const lab_ref *r)
{
    const setup *s = r->opts;
    const int64_t count = tn_elements(&r->y_shape);
    double *g = lab_take(count, sizeof *g);
    add_both(r, g);
    for (int64_t i = 0; i < count; i++)
        g[i] = s->relu && g[i] <= 0 ? 0 : r->dy[i];
    for (int i = 0; i < 2; i++) {
        const lab_norm n = norm_of(r, i);
        lab_norm_backward(&n, g, r->dx[i], r->dw[4 * i], r->dw[4 * i + 1]);
    }
    free(g);
}

#define VARIANCE(name)              \
    {                               \
        name, .low = 0.5, .high = 2 \
    }
static const lab_op op = {
    .build = build,
    .reference = reference,
    .backward = backward,
    .param = {{"a.weight"},
              {"a.bias"},
              {"a.running_mean"},
              VARIANCE("a.running_var"),
              {"b.weight"},
              {"b.bias"},
              {"b.running_mean"},
              VARIANCE("b.running_var")},
};

#define BOTH(...)                          \
    {                                      \
        {.shape = TN_SHAPE(__VA_ARGS__)},  \
        {                                  \
            .shape = TN_SHAPE(__VA_ARGS__) \
        }                                  \
    }
#define FROZEN .weight = {.frozen = true}, .bias = {.frozen = true}
static const setup plain = {.relu = false}, both = {.relu = true},
                   swapped = {.relu = true, .swapped = true},
                   one_frozen = {.norm = {{0}, {FROZEN}}, .relu = true},
                   weight_frozen = {.norm = {{.weight = {.frozen = true}}, {.epsilon = 1e-5f}},
                                    .relu = true};

/* By differences: no y of these is within 1e-4 of the kink. */
static void agrees_with_differences(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"add", BOTH(2, 3, 2, 2), &plain},
        {"add and relu", BOTH(2, 3, 3, 2), &both},
        {"the second is made first", BOTH(2, 3, 2, 2), &swapped},
        {"rows", BOTH(5, 3), &both},
        {"one of constants, apart", BOTH(2, 3, 2, 2), &one_frozen},
        {"weight frozen", BOTH(2, 3, 2, 2), &weight_frozen},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    const lab_case cases[] = {
        {"more than fills lanes", BOTH(3, 19, 5, 7), &both, .f32_only = true}, /* near the kink */
        {"more than fills lanes, add", BOTH(3, 19, 5, 7), &plain},
        {"whole lanes", BOTH(2, 32, 4, 4), &plain},
        {"whole lanes, relu", BOTH(5, 16), &both},
    };
    lab_check_big(&op, cases, TN_COUNT(cases));
}

/* ---- that it is one step ---------------------------------------------------------------------- */

enum { X_BYTES = 2 * 16 * 32 * 32 * 4 };

static int count_steps(const char *device, bool twice)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int norms = 0;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 16, 32, 32));
    const tn_conv2d_opts conv = {.filters = 16, .kernel = {1}, .no_bias = true};
    const tn_value a = tn_batchnorm(g, tn_conv2d(g, x, &conv), NULL),
                   b = tn_batchnorm(g, tn_conv2d(g, x, &conv), NULL);
    tn_value y = tn_relu(g, tn_add(g, a, b, NULL), NULL);
    y = twice ? tn_add(g, y, tn_add(g, a, b, NULL), NULL) : y;
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, y, x, NULL),
                                             .precision = TN_PRECISION_F32,
                                             .dry = true}));
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        norms += strcmp(s.op, "batchnorm") == 0;
        if (!s.fused || strcmp(s.fused, "batchnorm+add+relu") != 0)
            continue;
        const bool back = s.pass == TN_PASS_BACKWARD; /* statistics or sums, then the pass itself */
        assert_int_equal(s.read / X_BYTES, back ? 6 : 4);
        assert_int_equal(s.written / X_BYTES, back ? 2 : 1);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return norms;
}

static void is_one_step(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        const bool gpu = strncmp(*device, "cpu", 3) != 0;
        assert_int_equal(count_steps(*device, false), gpu ? 2 : 4);
        assert_int_equal(count_steps(*device, true), 4); /* what others read too is made */
    }
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
