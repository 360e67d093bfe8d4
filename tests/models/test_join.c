/*
 * What is only joined is written there at once, where a device can: small networks around a concat, on
 * every device against the CPU, and how many copies a GPU with cuDNN needs.
 */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "lab_op.h"
#include "plan/plan_test.h"

enum { ROWS = 2, CHANNELS = 4, SIDE = 5, MOST = 1 << 14 };
static const tn_shape x_shape = {4, {ROWS, CHANNELS, SIDE, SIDE}};

static tn_value conv(tn_graph *g, tn_value x, int filters, bool bias)
{
    return tn_conv2d(
        g, x, &(tn_conv2d_opts){.filters = filters, .kernel = {3}, .pad = {1}, .no_bias = !bias});
}

static tn_value conv_relu(tn_graph *g, tn_value x, int filters)
{
    return tn_relu(g, conv(g, x, filters, true), NULL);
}

#define CONCAT(g, ...)                                                                            \
    tn_concat(g, sizeof((tn_value[]){__VA_ARGS__}) / sizeof(tn_value), (tn_value[]){__VA_ARGS__}, \
              NULL)

static tn_value all(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv_relu(g, x, 8), conv_relu(g, x, 16), conv_relu(g, x, 8));
}

/* Without a relu the gradients of x and of weights read dy where it lies. */
static tn_value bare(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv(g, x, 8, false), conv(g, x, 8, true));
}

static tn_value in_groups(tn_graph *g, tn_value x)
{
    x = conv_relu(g, x, 16);
    const tn_conv2d_opts o = {.filters = 16, .kernel = {1}, .groups = 2};
    return CONCAT(g, tn_conv2d(g, x, &o), conv(g, x, 8, true));
}

static tn_value unaligned(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv_relu(g, x, 6), conv_relu(g, x, 8), conv_relu(g, x, 2));
}

static tn_value unaligned_pixels(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv_relu(g, x, 8), conv_relu(g, x, 7));
}

static tn_value read_twice(tn_graph *g, tn_value x)
{
    const tn_value y = conv_relu(g, x, 8);
    return CONCAT(g, y, conv_relu(g, y, 8));
}

static tn_value twice_in_one(tn_graph *g, tn_value x)
{
    const tn_value y = conv_relu(g, x, 8);
    return CONCAT(g, y, y, conv_relu(g, x, 8));
}

static tn_value with_input(tn_graph *g, tn_value x)
{
    return CONCAT(g, x, conv_relu(g, x, 8));
}

static tn_value with_view(tn_graph *g, tn_value x)
{
    const tn_value flat = tn_flatten(g, conv_relu(g, x, 8), NULL);
    return CONCAT(g, flat, tn_flatten(g, conv(g, x, 8, true), NULL));
}

static tn_value of_concat(tn_graph *g, tn_value x)
{
    return CONCAT(g, CONCAT(g, conv_relu(g, x, 8), conv_relu(g, x, 8)), conv_relu(g, x, 8));
}

static tn_value alone(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv_relu(g, x, 8));
}

static tn_value nested_alone(tn_graph *g, tn_value x)
{
    return CONCAT(g, conv_relu(g, x, 8), CONCAT(g, CONCAT(g, conv(g, x, 8, true))));
}

static tn_value fans_out(tn_graph *g, tn_value x)
{
    const tn_value y = CONCAT(g, conv_relu(g, x, 8), conv(g, x, 8, true));
    return CONCAT(g, tn_tanh(g, y, NULL), conv_relu(g, y, 8), conv_relu(g, y, 8));
}

/* tanh works in place on the concat and on its gradient, batchnorm on what is joined. */
static tn_value in_place(tn_graph *g, tn_value x)
{
    const tn_value normal = tn_batchnorm(g, conv(g, x, 8, false), NULL);
    return conv(g, tn_tanh(g, CONCAT(g, normal, conv(g, x, 8, true)), NULL), 4, true);
}

static tn_value pooled(tn_graph *g, tn_value x)
{
    const tn_pool2d_opts o = {.kernel = {3}, .stride = {1}, .pad = {1}};
    return CONCAT(g, conv_relu(g, x, 16), tn_pool2d(g, x, &o));
}

static tn_value frozen(tn_graph *g, tn_value x)
{
    const tn_conv2d_opts o = {
        .filters = 8, .kernel = {1}, .weight = {.frozen = true}, .bias = {.frozen = true}};
    return CONCAT(g, tn_conv2d(g, x, &o), conv_relu(g, x, 8));
}

typedef struct network {
    const char *why;
    tn_value (*build)(tn_graph *g, tn_value x);
    int concats; /* steps of a plan with cuDNN, forward and backward */
} network;

static const network networks[] = {
    {"all of it is there", all, 0},
    {"no relu", bare, 0},
    {"groups", in_groups, 0},
    {"the second and third begin where pixels are not aligned", unaligned, 2},
    {"pixels are not aligned at all", unaligned_pixels, 2},
    {"one is read by others too", read_twice, 2},
    {"one is there twice", twice_in_one, 2},
    {"an input", with_input, 2},
    {"views, which are no images", with_view, 2},
    {"a concat of a concat", of_concat, 2},
    {"a concat of one", alone, 0},
    {"concats of one in a concat", nested_alone, 2},
    {"concats that fan out", fans_out, 2},
    {"kernels that work in place", in_place, 2},
    {"what is not written so by its kernel", pooled, 2},
    {"no parameters of its own to learn", frozen, 0},
};

/* ---- plans -------------------------------------------------------------------------------- */

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, target, y, loss;
    tn_shape y_shape;
    tn_plan *plan;
} rig;

static void open(rig *r, const network *n, const char *device, tn_precision precision,
                 bool no_fusion)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, x_shape);
    r->y = n->build(r->g, r->x);
    assert_ok(tn_value_shape(r->g, r->y, &r->y_shape));
    r->target = tn_input(r->g, "target", TN_F32, r->y_shape);
    r->loss = tn_mse(r->g, r->y, r->target, NULL);
    assert_ok(tn_plan_create(&r->plan, r->g, r->device,
                             &(tn_plan_opts){.loss = r->loss,
                                             .keep = &r->y,
                                             .num_keep = 1,
                                             .no_fusion = no_fusion,
                                             .input_gradients = true,
                                             .precision = precision,
                                             .seed = LAB_SEED}));
}

static void close(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void fill(float *to, int64_t count, double phase)
{
    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)sin(0.37 * (double)i * (double)i + phase);
}

/* All that a step of training gives, one after the other. */
typedef struct numbers {
    int count;
    int64_t size[32], total;
    double value[MOST];
} numbers;

static void append(numbers *to, const float *from, int64_t count)
{
    assert_true(to->total + count <= MOST && to->count < (int)TN_COUNT(to->size));
    to->size[to->count++] = count;
    for (int64_t i = 0; i < count; i++)
        to->value[to->total++] = (double)from[i];
}

static void step(const rig *r, numbers *out)
{
    static float data[MOST];
    const int64_t size = tn_elements(&r->y_shape);
    *out = (numbers){0};
    fill(data, tn_elements(&x_shape), 1);
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, x_shape, data}));
    fill(data, size, 2);
    assert_ok(tn_plan_set(r->plan, r->target, (tn_tensor){TN_F32, r->y_shape, data}));
    assert_ok(tn_plan_poison(r->plan));
    assert_ok(tn_plan_run(r->plan));
    assert_ok(tn_plan_get(r->plan, r->y, (tn_tensor){TN_F32, r->y_shape, data}));
    append(out, data, size);
    assert_ok(tn_plan_get_gradient(r->plan, r->x, (tn_tensor){TN_F32, x_shape, data}));
    append(out, data, tn_elements(&x_shape));
    for (int i = 0; i < tn_plan_num_params(r->plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(r->plan, i, &info));
        if (!info.trained)
            continue;
        assert_ok(tn_plan_param_get(r->plan, i, TN_PARAM_GRADIENT,
                                    (tn_tensor){TN_F32, info.shape, data}));
        append(out, data, tn_elements(&info.shape));
    }
}

static int count_steps(const tn_plan *p, const char *op)
{
    int count = 0;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        count += s.pass != TN_PASS_ADD && strcmp(s.op, op) == 0;
    }
    return count;
}

/* In bf16 each of the few layers rounds what it hands on, to a part in 2^8. */
static double allowed(tn_precision precision)
{
    return precision == TN_PRECISION_BF16 ? 16 * 0x1p-8 : 1e-5;
}

static void compare(const char *what, const double *got, const double *want, int64_t count,
                    double tolerance)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(want[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * most))
            fail_msg("%s: number %d is %.6f, on the CPU %.6f", what, (int)i, got[i], want[i]);
}

static void check(const network *n, const char *device, tn_precision precision, bool no_fusion,
                  const numbers *want)
{
    static numbers got;
    rig r;
    open(&r, n, device, precision, no_fusion);
    step(&r, &got);
    assert_int_equal(got.count, want->count);
    for (int64_t i = 0, at = 0; i < got.count; at += got.size[i++]) {
        char what[160];
        snprintf(what, sizeof what, "%s on %s in %s, tensor %d", n->why, device,
                 tn_precision_name(precision), (int)i);
        compare(what, got.value + at, want->value + at, want->size[i], allowed(precision));
    }
    if (!no_fusion && !strstr(device, "cudnn=off"))
        assert_int_equal(count_steps(r.plan, "concat"), n->concats);
    close(&r);
}

static void agrees_with_the_cpu(void **unused)
{
    (void)unused;
    static numbers want;
    for (size_t i = 0; i < TN_COUNT(networks); i++)
        for (int no_fusion = 0; no_fusion < 2; no_fusion++) {
            rig r;
            print_message("%s\n", networks[i].why);
            open(&r, &networks[i], "cpu", TN_PRECISION_F32, no_fusion);
            step(&r, &want);
            close(&r);
            for (const char *const *device = lab_devices() + 1; *device; device++) {
                check(&networks[i], *device, TN_PRECISION_F32, no_fusion, &want);
                check(&networks[i], *device, TN_PRECISION_BF16, no_fusion, &want);
            }
        }
}

/* A value that the program wants to see is a whole tensor of its own. */
static void kept_values_stay(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        float data[ROWS * CHANNELS * SIDE * SIDE], a[ROWS * 8 * SIDE * SIDE], y[2 * TN_COUNT(a)];
        tn_device *d;
        tn_graph *g;
        tn_plan *p;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_F32, x_shape), one = conv_relu(g, x, 8);
        const tn_value keep[] = {CONCAT(g, conv_relu(g, x, 8), one), one};
        const tn_plan_opts opts = {.keep = keep, .num_keep = 2, .precision = TN_PRECISION_F32};
        assert_ok(tn_plan_create(&p, g, d, &opts));
        fill(data, TN_COUNT(data), 0);
        assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, x_shape, data}));
        assert_ok(tn_plan_poison(p));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, keep[0], (tn_tensor){TN_F32, {4, {ROWS, 16, SIDE, SIDE}}, y}));
        assert_ok(tn_plan_get(p, one, (tn_tensor){TN_F32, {4, {ROWS, 8, SIDE, SIDE}}, a}));
        const size_t half = TN_COUNT(a) / ROWS;
        for (size_t n = 0; n < ROWS; n++)
            assert_memory_equal(y + (2 * n + 1) * half, a + n * half, half * sizeof *a);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_cpu),
        cmocka_unit_test(kept_values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
