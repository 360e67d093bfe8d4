/*
 * An inception's concat of one image on the CPU: convolutions write their channels where it would copy them to, so it is no
 * step; what it computes, and all gradients through it, are those of the naive loops. Of more images it copies.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "lab_op.h"

enum { C = 32, SIDE = 6, PIXELS = SIDE * SIDE };

static tn_value conv_relu(tn_graph *g, tn_value x, int filters)
{
    return tn_relu(
        g, tn_conv2d(g, x, &(tn_conv2d_opts){.filters = filters, .kernel = {3}, .pad = {1}}), NULL);
}

static tn_value join(tn_graph *g, int count, const tn_value *x)
{
    return tn_concat(g, count, x, NULL);
}

/* GoogLeNet's 3a, small. */
static tn_value inception(tn_graph *g, tn_value x)
{
    const tn_pool2d_opts o = {.kernel = {3}, .stride = {1}, .pad = {1}};
    return join(g, 4,
                (tn_value[]){conv_relu(g, x, 64), conv_relu(g, conv_relu(g, x, 96), 128),
                             conv_relu(g, conv_relu(g, x, 16), 32),
                             conv_relu(g, tn_pool2d(g, x, &o), 32)});
}

/* One of them is the image, which lies in canonical layout. */
static tn_value with_the_image(tn_graph *g, tn_value x)
{
    return join(g, 3, (tn_value[]){conv_relu(g, x, 16), x, conv_relu(g, x, 32)});
}

/* What another reads is copied, and so is what is there twice. */
static tn_value with_others(tn_graph *g, tn_value x)
{
    const tn_value y = conv_relu(g, x, 16), z = conv_relu(g, y, 32);
    return join(g, 4, (tn_value[]){y, conv_relu(g, y, 16), z, z});
}

/* A part of a part. */
static tn_value nested(tn_graph *g, tn_value x)
{
    const tn_value inner = join(g, 2, (tn_value[]){conv_relu(g, x, 16), conv_relu(g, x, 32)});
    return join(g, 3, (tn_value[]){conv_relu(g, x, 64), inner, conv_relu(g, x, 16)});
}

/* No whole blocks of channels. */
static tn_value with_a_rest(tn_graph *g, tn_value x)
{
    return join(g, 3, (tn_value[]){conv_relu(g, x, 16), conv_relu(g, x, 20), conv_relu(g, x, 12)});
}

static tn_value one_alone(tn_graph *g, tn_value x)
{
    const tn_value y = conv_relu(g, x, 16);
    return join(g, 1, &y);
}

static const struct {
    const char *why;
    tn_value (*build)(tn_graph *g, tn_value x);
    int images, copies; /* steps of concat in a plan that evaluates */
} cases[] = {
    {"all is there", inception, 1, 0},   {"of two images nothing is", inception, 2, 1},
    {"the image", with_the_image, 1, 1}, {"what others read", with_others, 1, 1},
    {"a part of a part", nested, 1, 0},  {"no whole blocks", with_a_rest, 1, 1},
    {"one alone", one_alone, 1, 1},
};

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *p;
    tn_value x, y;
    int64_t elements;
} rig;

/* The net, another layer behind the concat, and a loss if it is to be trained. */
static rig make(size_t i, const char *device, bool training)
{
    rig r = {0};
    float data[2 * C * PIXELS];
    const tn_shape shape = TN_SHAPE(cases[i].images, C, SIDE, SIDE);
    assert_ok(tn_device_open(&r.device, device));
    assert_ok(tn_graph_create(&r.g));
    r.x = tn_input(r.g, "x", TN_F32, shape);
    r.y = tn_conv2d(r.g, cases[i].build(r.g, r.x),
                    &(tn_conv2d_opts){.filters = C, .kernel = {1}, .name = "last"});
    const tn_value loss = tn_mse(r.g, r.y, r.x, NULL);
    tn_plan_opts opts = {.keep = &r.y, .num_keep = 1, .seed = 3, .strict = true};
    if (training) {
        opts.loss = loss;
        opts.keep_gradients = opts.input_gradients = true;
    }
    assert_ok(tn_plan_create(&r.p, r.g, r.device, &opts));
    r.elements = (int64_t)cases[i].images * C * PIXELS;
    for (int64_t j = 0; j < r.elements; j++)
        data[j] = (float)(j * 37 % 101) / 64 - 1;
    assert_ok(tn_plan_set(r.p, r.x, (tn_tensor){TN_F32, shape, data}));
    assert_ok(training ? tn_plan_run(r.p) : tn_plan_evaluate(r.p));
    return r;
}

static void end(rig *r)
{
    tn_plan_destroy(r->p);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void assert_near(const float *a, const float *b, int64_t count, const char *what,
                        const char *why)
{
    double most = 0, off = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)b[i]));
        off = fmax(off, fabs((double)a[i] - (double)b[i]));
    }
    if (!(off <= 2e-6 * most))
        fail_msg("%s: %s is off by %g of %g", why, what, off, most);
}

static int count_copies(const tn_plan *p)
{
    int copies = 0;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        copies += strcmp(s.op, "concat") == 0;
    }
    return copies;
}

static void compare_values(size_t i)
{
    static float got[2 * C * PIXELS], want[2 * C * PIXELS];
    rig a = make(i, "cpu,threads=1", false), b = make(i, "cpu,threads=1,reference", false);
    const tn_shape shape = TN_SHAPE(cases[i].images, C, SIDE, SIDE);
    assert_ok(tn_plan_get(a.p, a.y, (tn_tensor){TN_F32, shape, got}));
    assert_ok(tn_plan_get(b.p, b.y, (tn_tensor){TN_F32, shape, want}));
    assert_near(got, want, a.elements, "y", cases[i].why);
    if (lab_can_prefer() && count_copies(a.p) != cases[i].copies)
        fail_msg("%s: %d copies, not %d", cases[i].why, count_copies(a.p), cases[i].copies);
    end(&a);
    end(&b);
}

static void compare_gradients(size_t i)
{
    rig a = make(i, "cpu,threads=1", true), b = make(i, "cpu,threads=1,reference", true);
    for (int w = 0; w < tn_plan_num_params(a.p); w++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(a.p, w, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        float *got = malloc((size_t)count * sizeof *got);
        float *want = malloc((size_t)count * sizeof *want);
        assert_true(got && want);
        const int same = tn_plan_find_param(b.p, info.full_name);
        assert_ok(
            tn_plan_param_get(a.p, w, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, got}));
        assert_ok(
            tn_plan_param_get(b.p, same, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, want}));
        assert_near(got, want, count, info.full_name, cases[i].why);
        free(got);
        free(want);
    }
    end(&a);
    end(&b);
}

static void computes_what_it_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        compare_values(i);
        compare_gradients(i);
    }
}

static tn_status make_plan(void *unused)
{
    (void)unused;
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_status status = tn_device_open(&d, "cpu,threads=1");
    if (status == TN_OK)
        status = tn_graph_create(&g);
    if (status == TN_OK) {
        const tn_value y = nested(g, tn_input(g, "x", TN_F32, TN_SHAPE(1, C, SIDE, SIDE)));
        status = tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1});
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
    return status;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(make_plan, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_what_it_did),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
