/*
 * conv2d of whole numbers on the CPU: against the reference, which computes the same net in f32, over windows, strides and
 * channels that fill no block; what of the net is left to be done; and when it is not done so.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"

typedef struct conv_case {
    const char *why;
    int64_t images, channels, height, width;
    tn_conv2d_opts conv;
    bool sign, relu;
    bool adds;   /* what comes of x in f32 */
    bool given;  /* scales of filters are, */
    bool twice;  /* a second convolution reads the same x, */
    bool kept;   /* and so does the program */
    bool behind; /* x comes out of another convolution, in whatever layout that likes */
    int left;    /* steps of fake_quant and of add */
} conv_case;

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_plan *p;
    tn_value x, y;
} net;

static tn_value weight_of(tn_graph *g, const conv_case *c, int64_t channels, const char *name)
{
    const tn_shape shape = TN_SHAPE(c->conv.filters, channels, c->conv.kernel[0],
                                    c->conv.kernel[1] ? c->conv.kernel[1] : c->conv.kernel[0]);
    tn_value scales = {0};
    if (c->given) {
        float numbers[64];
        for (int k = 0; k < c->conv.filters; k++)
            numbers[k] = 0.0021F * (float)(1 + k % 4);
        scales = tn_constant(g, "scales", (tn_tensor){TN_F32, TN_SHAPE(c->conv.filters), numbers});
    }
    return tn_fake_quant(g, tn_param(g, name, shape, NULL), scales,
                         &(tn_fake_quant_opts){.axis = TN_ZERO});
}

static void begin(net *t, const conv_case *c, const tn_plan_opts *opts, const char *device)
{
    *t = (net){0};
    assert_ok(tn_device_open(&t->device, device));
    assert_ok(tn_graph_create(&t->g));
    tn_graph *g = t->g;
    t->x = tn_input(g, "x", TN_F32, TN_SHAPE(c->images, c->channels, c->height, c->width));
    tn_value x = t->x;
    int64_t channels = c->channels;
    if (c->behind) {
        channels = 32;
        x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 32, .kernel = {1}});
        if (!c->sign)
            x = tn_relu(g, x, NULL);
    }
    x = tn_fake_quant(g, x, (tn_value){0},
                      &(tn_fake_quant_opts){.scale = c->sign ? 0.0072F : 0.0037F,
                                            .lo = c->sign ? -128 : 0,
                                            .hi = c->sign ? 127 : 255});
    tn_conv2d_opts conv = c->conv;
    conv.name = "conv";
    conv.weight.value = weight_of(g, c, channels, "w");
    t->y = tn_conv2d(g, x, &conv);
    if (c->adds)
        t->y = tn_add(
            g, t->y,
            tn_conv2d(g, t->x, &(tn_conv2d_opts){.filters = c->conv.filters, .kernel = {1}}), NULL);
    if (c->relu)
        t->y = tn_relu(g, t->y, NULL);
    if (c->twice) {
        conv.name = "other";
        conv.weight.value = weight_of(g, c, channels, "w2");
        t->y = tn_add(g, t->y, tn_conv2d(g, x, &conv), NULL);
    }
    tn_plan_opts o = *opts;
    const tn_value keep[] = {t->y, x};
    o.keep = keep;
    o.num_keep = c->kept ? 2 : 1;
    o.seed = 5;
    assert_ok(tn_plan_create(&t->p, g, t->device, &o));
}

static void end(net *t)
{
    tn_plan_destroy(t->p);
    tn_graph_destroy(t->g);
    tn_device_close(t->device);
}

static float *evaluate(const net *t, int64_t *count)
{
    tn_shape x, y;
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 0);
    assert_ok(tn_value_shape(t->g, t->x, &x));
    assert_ok(tn_value_shape(t->g, t->y, &y));
    float *in = malloc((size_t)tn_elements(&x) * sizeof *in);
    *count = tn_elements(&y);
    float *out = malloc((size_t)*count * sizeof *out);
    assert_true(in && out);
    for (int64_t i = 0; i < tn_elements(&x); i++)
        in[i] = (float)(tn_random_real(&r) * 2 - 1);
    assert_ok(tn_plan_set(t->p, t->x, (tn_tensor){TN_F32, x, in}));
    assert_ok(tn_plan_evaluate(t->p));
    assert_ok(tn_plan_get(t->p, t->y, (tn_tensor){TN_F32, y, out}));
    free(in);
    return out;
}

/* Steps of fake_quant and of add, and whether the convolution is that of whole numbers. */
static int look(const tn_plan *p, bool *whole)
{
    tn_step_info step;
    int left = 0;
    *whole = false;
    for (int i = 0; tn_plan_step(p, i, &step) == TN_OK; i++) {
        left += strcmp(step.op, "fake_quant") == 0 || strcmp(step.op, "add") == 0;
        *whole |= strcmp(step.node, "conv") == 0 &&
                  (strstr(step.kernel, "vnni") || strstr(step.kernel, "amx"));
    }
    return left;
}

/* x behind a convolution is rounded in f32 by two ways: a number near the middle may become another one, one step of x's scale
 * times a weight away. */
static void check(const conv_case *c, const float *y, const float *want, int64_t count)
{
    double most = 0;
    int64_t differ = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)want[i]));
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs((double)y[i] - (double)want[i]);
        differ += off > 1e-5 * most;
        if (!(off <= (c->behind ? 0.02 : 1e-5) * most))
            fail_msg("%s: y[%lld] is %g, not %g", c->why, (long long)i, (double)y[i],
                     (double)want[i]);
    }
    assert_true(differ <= count / 20);
}

#define CONV(...)   \
    {               \
        __VA_ARGS__ \
    }

static const conv_case cases[] = {
    {"3 x 3", 1, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1})},
    {"1 x 1", 2, 64, 7, 7, CONV(.filters = 48, .kernel = {1}), .relu = true},
    {"no block is full", 3, 5, 6, 8, CONV(.filters = 7, .kernel = {3}, .pad = {1}), .relu = true},
    {"strides, no bias", 1, 32, 12, 12,
     CONV(.filters = 32, .kernel = {3}, .stride = {2}, .pad = {1}, .no_bias = true)},
    {"a window of two sizes", 1, 8, 9, 9,
     CONV(.filters = 16, .kernel = {1, 5}, .pad = {0, 2}, .pad_extra = {0, 1})},
    {"dilated", 1, 16, 9, 9, CONV(.filters = 16, .kernel = {3}, .dilation = {2})},
    {"with a sign", 2, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}), .sign = true},
    {"scales that are given", 1, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}),
     .given = true},
    {"with a sign, 1 x 1", 1, 24, 5, 5, CONV(.filters = 10, .kernel = {1}), .sign = true,
     .relu = true},
    {"another reads it, too", 1, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}),
     .twice = true},
    {"and the program", 1, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}), .kept = true,
     .left = 1},
    {"and what is added", 2, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}),
     .adds = true},
    {"added, and a relu", 2, 20, 5, 7, CONV(.filters = 19, .kernel = {1}), .adds = true,
     .relu = true},
    {"behind a convolution", 2, 16, 9, 11, CONV(.filters = 32, .kernel = {3}, .pad = {1}),
     .behind = true},
    {"behind a convolution, with a sign", 2, 16, 9, 11, CONV(.filters = 8, .kernel = {1}),
     .behind = true, .sign = true},
};

static bool can(void)
{
    net t;
    bool whole;
    begin(&t, &cases[0], &(tn_plan_opts){.kept_weights = INFINITY}, "cpu");
    (void)look(t.p, &whole);
    end(&t);
    return whole;
}

static void is_the_reference(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        net naive, fast;
        bool whole;
        int64_t count;
        begin(&naive, &cases[i], &(tn_plan_opts){0}, "cpu,reference");
        begin(&fast, &cases[i], &(tn_plan_opts){.kept_weights = INFINITY}, "cpu");
        const int left = look(fast.p, &whole);
        if (!whole || left != cases[i].left)
            fail_msg("%s: in whole numbers: %d; %d steps beside it", cases[i].why, whole, left);
        float *want = evaluate(&naive, &count), *y = evaluate(&fast, &count);
        check(&cases[i], y, want, count);
        free(y);
        y = evaluate(&fast, &count);
        check(&cases[i], y, want, count);
        free(y);
        free(want);
        end(&naive);
        end(&fast);
    }
}

static void sees_new_numbers(void **unused)
{
    (void)unused;
    net naive, fast;
    int64_t count;
    float w[32 * 16 * 9], b[32];
    begin(&naive, &cases[0], &(tn_plan_opts){0}, "cpu,reference");
    begin(&fast, &cases[0], &(tn_plan_opts){.kept_weights = INFINITY}, "cpu");
    for (int round = 0; round < 2; round++) {
        tn_plan *const plan[] = {naive.p, fast.p};
        for (size_t i = 0; i < TN_COUNT(w); i++)
            w[i] = (float)((int)(i * 7 + (size_t)round) % 11 - 5) * 0.3F;
        for (int k = 0; k < 32; k++)
            b[k] = (float)(k * round);
        for (int i = 0; i < 2; i++) {
            assert_ok(tn_plan_param_set(plan[i], tn_plan_find_param(plan[i], "w"), TN_PARAM_VALUE,
                                        (tn_tensor){TN_F32, TN_SHAPE(32, 16, 3, 3), w}));
            assert_ok(tn_plan_param_set(plan[i], tn_plan_find_param(plan[i], "conv.bias"),
                                        TN_PARAM_VALUE, (tn_tensor){TN_F32, TN_SHAPE(32), b}));
        }
        float *want = evaluate(&naive, &count), *y = evaluate(&fast, &count);
        check(&cases[0], y, want, count);
        free(y);
        free(want);
    }
    end(&naive);
    end(&fast);
}

/* All that comes of its image; nothing of the others. */
static void a_nan_shows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        net t;
        int64_t count;
        tn_shape shape;
        const conv_case *c = &cases[i];
        if (c->images < 2 ||
            (c->behind && !c->sign)) /* a relu of oneDNN's before it knows no NaN */
            continue;
        begin(&t, c, &(tn_plan_opts){.kept_weights = INFINITY}, "cpu");
        assert_ok(tn_value_shape(t.g, t.y, &shape));
        float *y = evaluate(&t, &count),
              *x = malloc((size_t)(c->images * c->channels * c->height * c->width) * sizeof *x);
        assert_non_null(x);
        const int64_t each = c->channels * c->height * c->width;
        for (int64_t j = 0; j < c->images * each; j++)
            x[j] = j == 2 * each - 3 ? NAN : 0.5F;
        assert_ok(tn_plan_set(
            t.p, t.x,
            (tn_tensor){TN_F32, TN_SHAPE(c->images, c->channels, c->height, c->width), x}));
        assert_ok(tn_plan_evaluate(t.p));
        assert_ok(tn_plan_get(t.p, t.y, (tn_tensor){TN_F32, shape, y}));
        for (int64_t j = 0; j < count; j++)
            if ((isnan(y[j]) != 0) != (j / (count / c->images) == 1))
                fail_msg("%s: y[%lld] is %g", c->why, (long long)j, (double)y[j]);
        free(x);
        free(y);
        end(&t);
    }
}

static void is_done_otherwise(void **unused)
{
    (void)unused;
    static const tn_plan_opts opts[] = {{.kept_weights = TN_ZERO},
                                        {.kept_weights = INFINITY, .strict = true}};
    for (size_t i = 0; i < TN_COUNT(opts); i++) {
        net naive, fast;
        bool whole;
        int64_t count;
        begin(&naive, &cases[0], &(tn_plan_opts){0}, "cpu,reference");
        begin(&fast, &cases[0], &opts[i], "cpu");
        (void)look(fast.p, &whole);
        assert_false(whole);
        float *want = evaluate(&naive, &count), *y = evaluate(&fast, &count);
        check(&cases[0], y, want, count);
        free(y);
        free(want);
        end(&naive);
        end(&fast);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_reference),
        cmocka_unit_test(sees_new_numbers),
        cmocka_unit_test(a_nan_shows),
        cmocka_unit_test(is_done_otherwise),
    };
    if (!can()) {
        puts("skipped: this processor has no instructions for whole numbers (VNNI), or oneDNN is "
             "not here");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
