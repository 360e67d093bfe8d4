/*
 * Functions of one and of two values as PyTorch has them, and their gradients, where they bend, where two values are
 * equal and where a formula has a pole.
 */
#include <math.h>

#include "golden/elementwise.h"
#include "lab_op.h"

enum { MOST = 16 };

typedef tn_value one_layer(tn_graph *g, tn_value x, const tn_layer_opts *opts);
typedef tn_value two_layer(tn_graph *g, tn_value a, tn_value b, const tn_layer_opts *opts);

static tn_value clip(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_clip(g, x, &(tn_clip_opts){.min = -1, .max = 2});
}

static tn_value relu6(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_clip(g, x, &(tn_clip_opts){.max = 6});
}

static tn_value elu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_elu(g, x, &(tn_elu_opts){.alpha = 0.5F});
}

static tn_value gelu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_gelu(g, x, NULL);
}

static tn_value gelu_tanh(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_gelu(g, x, &(tn_gelu_opts){.tanh = true});
}

static tn_value hardsigmoid(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_hardsigmoid(g, x, &(tn_hardsigmoid_opts){.alpha = 1.0F / 6});
}

static tn_value celu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_celu(g, x, &(tn_celu_opts){.alpha = 0.5F});
}

static tn_value selu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_selu(g, x, NULL);
}

static tn_value thresholded_relu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_thresholded_relu(g, x, NULL);
}

/* Its weight starts with 0.25. */
static tn_value prelu(tn_graph *g, tn_value x, const tn_layer_opts *opts)
{
    (void)opts;
    return tn_prelu(g, x, &(tn_prelu_opts){.shared = true});
}

/* x[1], dx[1]: NULL of a function of one value. */
typedef struct golden {
    const char *name;
    one_layer *one;
    two_layer *two;
    int count;
    const double *x[2], *y, *dx[2];
} golden;

#define ONE(name, layer)                                                                          \
    {                                                                                             \
#name, layer, NULL, TN_COUNT(golden_##name##_x), {golden_##name##_x }, golden_##name##_y, \
        {                                                                                         \
            golden_##name##_dx                                                                    \
        }                                                                                         \
    }
#define TWO(name)                                                       \
    {                                                                   \
#name, NULL, tn_##name, TN_COUNT(golden_##name##_a),            \
            {golden_##name##_a, golden_##name##_b }, golden_##name##_y, \
        {                                                               \
            golden_##name##_da, golden_##name##_db                      \
        }                                                               \
    }

static const golden all[] = {
    ONE(abs, tn_abs),
    ONE(clip, clip),
    ONE(relu6, relu6),
    ONE(elu, elu),
    ONE(exp, tn_exp),
    ONE(gelu, gelu),
    ONE(gelu_tanh, gelu_tanh),
    ONE(hardsigmoid, hardsigmoid),
    ONE(hardswish, tn_hardswish),
    ONE(log, tn_log),
    ONE(neg, tn_neg),
    ONE(prelu, prelu),
    ONE(sqrt, tn_sqrt),
    ONE(swish, tn_swish),
    ONE(atan, tn_atan),
    ONE(cos, tn_cos),
    ONE(sin, tn_sin),
    ONE(ceil, tn_ceil),
    ONE(celu, celu),
    ONE(erf, tn_erf),
    ONE(floor, tn_floor),
    ONE(mish, tn_mish),
    ONE(reciprocal, tn_reciprocal),
    ONE(round, tn_round),
    ONE(selu, selu),
    ONE(sign, tn_sign),
    ONE(softplus, tn_softplus),
    ONE(softsign, tn_softsign),
    ONE(thresholded_relu, thresholded_relu),
    TWO(add),
    TWO(sub),
    TWO(mul),
    TWO(div),
    TWO(pow),
    TWO(minimum),
    TWO(maximum),
    TWO(mask),
};

static void compare(const golden *of, const char *device, const char *what, const float *got,
                    const double *want)
{
    for (int i = 0; i < of->count; i++) {
        const double g = (double)got[i], w = want[i];
        const bool same = isnan(w)   ? isnan(g)
                          : isinf(w) ? g == w
                                     : fabs(g - w) <= 1e-5 * (1 + fabs(w));
        if (!same)
            fail_msg("%s (%s): %s[%d], at %g, is %.9g, not %.9g", of->name, device, what, i,
                     of->x[0][i], g, w);
    }
}

/* The target is so far away that the gradient of y is 1. */
static void check(const golden *of, const char *device)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape shape = TN_SHAPE(of->count);
    float x[2][MOST], target[MOST], y[MOST], dx[MOST];
    tn_value in[2];
    assert_true(of->count <= MOST);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const int inputs = of->two ? 2 : 1;
    for (int i = 0; i < inputs; i++)
        in[i] = tn_input(g, i ? "b" : "a", TN_F32, shape);
    const tn_value out = of->two ? of->two(g, in[0], in[1], NULL) : of->one(g, in[0], NULL);
    const tn_value want = tn_input(g, "target", TN_F32, shape);
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = tn_mse(g, out, want, NULL),
                                             .keep = &out,
                                             .num_keep = 1,
                                             .input_gradients = true}));
    for (int i = 0; i < of->count; i++) {
        for (int j = 0; j < inputs; j++)
            x[j][i] = (float)of->x[j][i];
        target[i] = (float)(of->y[i] - 0.5 * of->count);
    }
    for (int i = 0; i < inputs; i++)
        assert_ok(tn_plan_set(p, in[i], (tn_tensor){TN_F32, shape, x[i]}));
    assert_ok(tn_plan_set(p, want, (tn_tensor){TN_F32, shape, target}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));
    compare(of, device, "y", y, of->y);
    for (int i = 0; i < inputs; i++) {
        assert_ok(tn_plan_get_gradient(p, in[i], (tn_tensor){TN_F32, shape, dx}));
        compare(of, device, i ? "the second gradient" : "the gradient", dx, of->dx[i]);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void is_as_pytorch_has_it(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TN_COUNT(all); i++) {
        for (const char *const *device = lab_devices(); *device; device++)
            check(&all[i], *device);
        check(&all[i], "cpu,reference");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_as_pytorch_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
