/* batchnorm: the formula in training and evaluation, running statistics as PyTorch's, frozen parts. */
#include <math.h>

#include "golden/batchnorm.h"
#include "lab_blocked.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_batchnorm(g, x[0], opts);
}

typedef struct channel {
    double mean, var;
} channel;

/* Elements of channel c are x[(n * C + c) * area + pixel]. */
static int64_t area_of(const tn_shape *x)
{
    return x->ndim == 4 ? x->dim[2] * x->dim[3] : 1;
}

static channel statistics(const lab_ref *r, int64_t c)
{
    const tn_shape *x = &r->x_shape[0];
    const int64_t N = x->dim[0], C = x->dim[1], area = area_of(x);
    channel s = {0, 0};
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < area; i++)
            s.mean += r->x[0][(n * C + c) * area + i] / (double)(N * area);
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < area; i++) {
            const double off = r->x[0][(n * C + c) * area + i] - s.mean;
            s.var += off * off / (double)(N * area);
        }
    return r->training ? s : (channel){r->w[2][c], r->w[3][c]};
}

static double epsilon(const lab_ref *r)
{
    const tn_batchnorm_opts *o = r->opts;
    return o && o->epsilon != 0 ? (double)o->epsilon : (double)1e-5F;
}

static void reference(const lab_ref *r)
{
    const tn_shape *x = &r->x_shape[0];
    const int64_t N = x->dim[0], C = x->dim[1], area = area_of(x);
    for (int64_t c = 0; c < C; c++) {
        const channel s = statistics(r, c);
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < area; i++) {
                const int64_t at = (n * C + c) * area + i;
                const double z = (r->x[0][at] - s.mean) / sqrt(s.var + epsilon(r));
                r->y[at] = r->w[0][c] * z + r->w[1][c];
            }
    }
}

static void backward(const lab_ref *r)
{
    const tn_shape *x = &r->x_shape[0];
    const int64_t N = x->dim[0], C = x->dim[1], area = area_of(x);
    const double M = (double)(N * area);
    for (int64_t c = 0; c < C; c++) {
        const channel s = statistics(r, c);
        const double deviation = sqrt(s.var + epsilon(r));
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < area; i++) {
                const int64_t at = (n * C + c) * area + i;
                r->dw[0][c] += r->dy[at] * (r->x[0][at] - s.mean) / deviation;
                r->dw[1][c] += r->dy[at];
            }
        for (int64_t n = 0; r->dx[0] && n < N; n++)
            for (int64_t i = 0; i < area; i++) {
                const int64_t at = (n * C + c) * area + i;
                const double z = (r->x[0][at] - s.mean) / deviation;
                r->dx[0][at] +=
                    r->w[0][c] / deviation * (r->dy[at] - r->dw[1][c] / M - z * r->dw[0][c] / M);
            }
    }
}

#define X(...)                             \
    {                                      \
        {                                  \
            .shape = TN_SHAPE(__VA_ARGS__) \
        }                                  \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build,
        .reference = reference,
        .backward = backward,
        .param = {{"weight"}, {"bias"}, {"running_mean"}, {"running_var", .low = 0.5, .high = 2}},
    };
    const lab_case cases[] = {
        {"small", X(2, 3, 2, 2), NULL},
        {"all of a channel in one image", X(1, 4, 3, 5), NULL},
        {"one channel", X(4, 1, 3, 3), NULL},
        {"two elements a channel", X(2, 5, 1, 1), NULL},
        {"no whole blocks of channels", X(3, 19, 3, 4), NULL},
        {"whole blocks", X(2, 32, 5, 4), NULL},
        {"behind dense: N x C", X(6, 7), NULL},
        {"behind dense, wide", X(16, 64), NULL},
        {"a mean far from 0", {{TN_SHAPE(4, 3, 3, 3), .low = 9, .high = 11}}, NULL},
        {.why = "a mean far from 0 of many elements",
         .x = {{TN_SHAPE(5, 8, 17, 16), .low = 49, .high = 51}},
         .big = true,
         .f32_only = true},
        {"epsilon matters",
         {{TN_SHAPE(4, 6, 3, 3), .low = -0.1, .high = 0.1}},
         &(const tn_batchnorm_opts){.epsilon = 0.01F}},
        {"ResNet-50's first", X(1, 64, 112, 112), NULL, .big = true, .f32_only = true},
        {"ResNet-50's last", X(2, 2048, 7, 7), NULL, true},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* Behind a convolution, whose weight is the only one that the lab finds: batchnorm's own stays 1. */

typedef struct setup {
    int filters;
    tn_batchnorm_opts opts;
} setup;

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    const setup *s = opts;
    return tn_batchnorm(g, lab_blocked(g, x[0], s->filters), &s->opts);
}

static bool is_frozen(const tn_batchnorm_opts *o)
{
    return o->weight.frozen && o->bias.frozen;
}

static void reference_behind(const lab_ref *r)
{
    double weight[64];
    lab_ref behind = lab_behind_blocked(r);
    for (int i = 0; i < 64; i++)
        weight[i] = 1;
    behind.w[0] = weight;
    for (int i = 1; i < LAB_MAX_W; i++)
        behind.w[i] = r->w[i];
    behind.opts = &((const setup *)r->opts)->opts;
    if (is_frozen(behind.opts))
        behind.training = false;
    reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

#define FROZEN                                                \
    {                                                         \
        .weight = {.frozen = true}, .bias = {.frozen = true } \
    }

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const lab_op op = {
        .build = build_behind,
        .reference = reference_behind,
        .param = {{"weight"}, {"bias"}, {"running_mean"}, {"running_var", .low = 0.5, .high = 2}},
    };
    const lab_case cases[] = {
        {"small", X(1, 2, 2, 3), &(const setup){16}},
        {"several blocks", X(3, 3, 3, 5), &(const setup){48}},
        {"no whole blocks", X(2, 3, 3, 5), &(const setup){19}},
        {"less than a block", X(2, 3, 4, 5), &(const setup){5}},
        {"one element a picture", X(7, 6, 1, 1), &(const setup){32}},
        {"weight frozen", X(2, 3, 3, 5), &(const setup){19, {.weight = {.frozen = true}}}},
        {"both frozen: as in evaluation", X(2, 3, 3, 5), &(const setup){19, FROZEN}},
        {"both frozen, one element a channel", X(1, 3, 1, 1), &(const setup){16, FROZEN}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- running statistics ------------------------------------------------------------------- */

enum { STEPS = 4, N = 3, C = 5, AREA = 6, COUNT = N * C * AREA };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, y;
    tn_shape shape;
} rig;

/* Behind it a layer with something to train, so that all of batchnorm may be frozen. */
static void open_rig(rig *r, const char *device, tn_batchnorm_opts opts)
{
    opts.name = "bn";
    *r = (rig){.shape = TN_SHAPE(N, C, 2, 3)};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, r->shape);
    r->y = tn_batchnorm(r->g, r->x, &opts);
    const tn_value last = tn_batchnorm(r->g, r->y, NULL);
    const tn_value loss = tn_mse(r->g, last, r->x, NULL);
    assert_ok(tn_plan_create(&r->plan, r->g, r->device,
                             &(tn_plan_opts){.loss = loss, .keep = &r->y, .num_keep = 1}));
    float weight[C], bias[C];
    for (int c = 0; c < C; c++) {
        weight[c] = (float)c / 4 - 0.5F;
        bias[c] = (float)c / 8;
    }
    assert_ok(tn_plan_param_set(r->plan, tn_plan_find_param(r->plan, "bn.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(C), weight}));
    assert_ok(tn_plan_param_set(r->plan, tn_plan_find_param(r->plan, "bn.bias"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(C), bias}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void set_x(const rig *r, size_t step)
{
    float x[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        x[i] = golden_batchnorm_x[step * COUNT + i];
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, r->shape, x}));
}

/* want: C numbers a step. */
static void compare_param(const rig *r, const char *name, const double *want, size_t step)
{
    float got[C];
    assert_ok(tn_plan_param_get(r->plan, tn_plan_find_param(r->plan, name), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(C), got}));
    lab_assert_close(name, got, want + step * C, C, 0);
}

static void compare_y(const rig *r, const double *want)
{
    float y[COUNT];
    assert_ok(tn_plan_get(r->plan, r->y, (tn_tensor){TN_F32, r->shape, y}));
    lab_assert_close("y", y, want, COUNT, 1);
}

static void run_as_pytorch(const char *device, tn_batchnorm_opts opts)
{
    rig r;
    open_rig(&r, device, opts);
    compare_param(&r, "bn.running_mean", (const double[C]){0}, 0);
    compare_param(&r, "bn.running_var", (const double[C]){1, 1, 1, 1, 1}, 0);
    for (size_t step = 0; step < STEPS; step++) {
        set_x(&r, step);
        assert_ok(tn_plan_run(r.plan));
        compare_y(&r, golden_batchnorm_y + step * COUNT);
        assert_ok(tn_plan_evaluate(r.plan));
        compare_param(&r, "bn.running_mean", golden_batchnorm_running_mean, step);
        compare_param(&r, "bn.running_var", golden_batchnorm_running_var, step);
    }
    set_x(&r, 0);
    assert_ok(tn_plan_evaluate(r.plan));
    compare_y(&r, golden_batchnorm_evaluated);
    close_rig(&r);
}

/* Training moves the statistics, also where one of the parameters is frozen; evaluation never does. */
static void runs_as_pytorch(void **unused)
{
    (void)unused;
    const tn_param_opts frozen = {.frozen = true};
    const tn_batchnorm_opts opts[] = {
        {.epsilon = 0x1p-10F, .momentum = 0.25F},
        {.epsilon = 0x1p-10F, .momentum = 0.25F, .weight = frozen},
        {.epsilon = 0x1p-10F, .momentum = 0.25F, .bias = frozen},
    };
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(opts); i++)
            run_as_pytorch(*device, opts[i]);
}

/* ---- errors ------------------------------------------------------------------------------- */

/* PyTorch: "Expected more than 1 value per channel when training". */
static void one_element_has_no_variance(void **unused)
{
    (void)unused;
    const tn_shape shape = TN_SHAPE(1, 8);
    float x[8] = {0}, y[8];
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        tn_graph *g = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_ok(tn_graph_create(&g));
        const tn_value in = tn_input(g, "x", TN_F32, shape);
        const tn_value out = tn_batchnorm(g, in, &(tn_batchnorm_opts){.name = "bn"});
        assert_fails(tn_plan_create(&p, g, d, &(tn_plan_opts){.loss = tn_mse(g, out, in, NULL)}),
                     TN_ERR_SHAPE,
                     "batchnorm bn: training needs more than 1 element a channel, and input 0 is "
                     "1 x 8");
        assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &out, .num_keep = 1}));
        assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, shape, x}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, out, (tn_tensor){TN_F32, shape, y}));
        assert_true(y[0] == 0 && y[7] == 0);
        tn_plan_destroy(p);
        tn_graph_destroy(g);
        tn_device_close(d);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    const struct {
        const char *why, *says;
        tn_status status;
        tn_shape x;
        tn_batchnorm_opts opts;
    } cases[] = {
        {"below 0", "epsilon -1 is not above 0", TN_ERR_ARGUMENT, TN_SHAPE(4, 4), {.epsilon = -1}},
        {"no number", "epsilon nan is", TN_ERR_ARGUMENT, TN_SHAPE(4, 4), {.epsilon = NAN}},
        {"overshoots",
         "momentum 1.5 is not in [0, 1]",
         TN_ERR_ARGUMENT,
         TN_SHAPE(4, 4),
         {.momentum = 1.5F}},
        {"below 0", "momentum -0.1 is not", TN_ERR_ARGUMENT, TN_SHAPE(4, 4), {.momentum = -0.1F}},
        {"neither image nor features",
         "2 x 4 x 4: 3 dimensions, not 4 or 2",
         TN_ERR_SHAPE,
         TN_SHAPE(2, 4, 4),
         {.momentum = 1}},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        tn_batchnorm_opts opts = cases[i].opts;
        opts.name = "bn";
        tn_batchnorm(g, tn_input(g, "x", TN_F32, cases[i].x), &opts);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].says);
        assert_fails(tn_graph_status(g), cases[i].status, "batchnorm bn: ");
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(runs_as_pytorch),
        cmocka_unit_test(one_element_has_no_variance),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
