/*
 * A batch that is not full is the smaller batch: what fills it up, rows labelled -1 behind the others, changes no
 * statistic, no mean and no gradient. The answer is the same network planned for as many rows as hold a sample.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"
#include "lab_sim.h"

enum { FULL = 8, CHANNELS = 3, SIDE = 6, CLASSES = 4, MOST = 1 << 16 };
enum { PIXELS = CHANNELS * SIDE * SIDE };

typedef struct net {
    const char *why;
    int filters;
    bool rows_too; /* a batchnorm of N x C, which one row alone has not */
    bool mse;      /* half of the loss is a mean over numbers */
    int reduce; /* and a mean over the batch, of its elements; above 1 sums and the largest, too */
} net;

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label, normal, loss;
    int rows;
    int filters;
} rig;

static tn_value add_reductions(tn_graph *g, tn_value loss, tn_value x, int kinds)
{
    x = tn_tanh(g, x, NULL);
    tn_value mean = tn_reduce(g, x, NULL);
    for (int kind = TN_REDUCE_SUM; kind <= TN_REDUCE_MIN && kinds > 1; kind++) {
        const tn_reduce_opts over = {.kind = (tn_reduce_kind)kind, .axes = TN_SHAPE(0, 2)};
        mean = tn_add(g, mean, tn_reduce(g, tn_reduce(g, x, &over), NULL), NULL);
    }
    return tn_add(g, loss, mean, NULL);
}

static void open_rig(rig *r, const net *n, const char *device, int rows, tn_plan_opts opts)
{
    *r = (rig){.rows = rows, .filters = n->filters};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    tn_graph *g = r->g;
    r->x = tn_input(g, "x", TN_F32, TN_SHAPE(rows, CHANNELS, SIDE, SIDE));
    r->label = tn_input(g, "label", TN_I32, TN_SHAPE(rows));
    const tn_conv2d_opts conv = {.filters = n->filters, .kernel = {3}, .no_bias = true};
    r->normal = tn_batchnorm(g, tn_conv2d(g, r->x, &conv), NULL);
    tn_value y = tn_batchnorm(g, tn_conv2d(g, tn_relu(g, r->normal, NULL), &conv), NULL);
    y = tn_dense(g, y, &(tn_dense_opts){.units = 7});
    if (n->rows_too)
        y = tn_batchnorm(g, y, NULL);
    y = tn_dense(g, tn_relu(g, y, NULL), &(tn_dense_opts){.units = CLASSES});
    r->loss = tn_softmax_xent(g, y, r->label, NULL).loss;
    if (n->mse)
        r->loss =
            tn_add(g, r->loss, tn_mse(g, r->normal, tn_batchnorm(g, r->normal, NULL), NULL), NULL);
    if (n->reduce)
        r->loss = add_reductions(g, r->loss, r->normal, n->reduce);
    opts.loss = r->loss;
    opts.keep = &r->normal;
    opts.num_keep = 1;
    opts.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F});
    opts.input_gradients = true;
    opts.seed = 5;
    assert_ok(tn_plan_create(&r->plan, g, r->device, &opts));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* Row `first` of batch number `step` and on; `samples` of them, and behind them what is no sample. */
static void set_rows(const rig *r, int step, int first, int samples)
{
    float x[FULL * PIXELS];
    int32_t label[FULL];
    for (int n = 0; n < r->rows; n++) {
        const bool sample = n < samples;
        tn_random random = tn_random_begin(3, TN_RANDOM_TEST, (uint64_t)(step * FULL + first + n));
        for (int i = 0; i < PIXELS; i++)
            x[n * PIXELS + i] =
                sample ? (float)tn_random_below(&random, 256) / 128 - (float)(first + n) / 4 : 100;
        label[n] = sample ? (int32_t)tn_random_below(&random, CLASSES) : -1;
    }
    assert_ok(tn_plan_set(r->plan, r->x,
                          (tn_tensor){TN_F32, TN_SHAPE(r->rows, CHANNELS, SIDE, SIDE), x}));
    assert_ok(tn_plan_set(r->plan, r->label, (tn_tensor){TN_I32, TN_SHAPE(r->rows), label}));
}

/* ---- what is compared ----------------------------------------------------------------------- */

typedef struct numbers {
    double v[MOST];
    int64_t count;
} numbers;

static void append(numbers *to, const float *from, int64_t count)
{
    assert_true(to->count + count <= MOST);
    for (int64_t i = 0; i < count; i++)
        to->v[to->count++] = (double)from[i];
}

static void append_params(const rig *r, int part, bool trained, numbers *to)
{
    static float buffer[MOST];
    for (int i = 0; i < tn_plan_num_params(r->plan); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(r->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        if (info.trained != trained)
            continue;
        assert_ok(tn_plan_param_get(r->plan, i, part, (tn_tensor){TN_F32, info.shape, buffer}));
        append(to, buffer, count);
    }
}

typedef enum what { LOSS, FORWARD, DX, GRADIENTS, STATISTICS, WEIGHTS, WHATS } what;
static const char *const names[WHATS] = {"loss", "y", "dx", "gradients", "statistics", "weights"};
typedef struct results {
    numbers of[WHATS];
} results;

/* One run's, of the first `samples` rows; then an update. */
static void step(const rig *r, int number, int first, int samples, results *to)
{
    static float buffer[MOST];
    float loss;
    const int64_t each = (int64_t)r->filters * (SIDE - 2) * (SIDE - 2);
    set_rows(r, number, first, samples);
    assert_ok(tn_plan_run(r->plan));
    assert_ok(tn_plan_get(r->plan, r->loss, (tn_tensor){TN_F32, {0}, &loss}));
    append(&to->of[LOSS], &loss, 1);
    assert_ok(tn_plan_get(
        r->plan, r->normal,
        (tn_tensor){TN_F32, TN_SHAPE(r->rows, r->filters, SIDE - 2, SIDE - 2), buffer}));
    append(&to->of[FORWARD], buffer, samples * each);
    for (int64_t i = samples * each; i < r->rows * each; i++)
        assert_true(buffer[i] == 0);
    assert_ok(tn_plan_get_gradient(
        r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(r->rows, CHANNELS, SIDE, SIDE), buffer}));
    append(&to->of[DX], buffer, (int64_t)samples * PIXELS);
    for (int64_t i = (int64_t)samples * PIXELS; i < (int64_t)r->rows * PIXELS; i++)
        assert_true(buffer[i] == 0);
    append_params(r, TN_PARAM_GRADIENT, true, &to->of[GRADIENTS]);
    append_params(r, TN_PARAM_VALUE, false, &to->of[STATISTICS]);
    assert_ok(tn_plan_update(r->plan, 0.01F));
    append_params(r, TN_PARAM_VALUE, true, &to->of[WEIGHTS]);
}

static void compare(const char *device, const char *why, const results *got, const results *want,
                    double allowed)
{
    for (int w = 0; w < WHATS; w++) {
        double largest = 0, worst = 0;
        assert_int_equal(got->of[w].count, want->of[w].count);
        for (int64_t i = 0; i < got->of[w].count; i++) {
            const double d = fabs(got->of[w].v[i] - want->of[w].v[i]);
            largest = fmax(largest, fabs(want->of[w].v[i]));
            worst = d <= worst ? worst : d; /* NaN too */
        }
        if (!(worst <= allowed * fmax(largest, 0.05)))
            fail_msg("%s, %s: %s differ by %g, the largest is %g", device, why, names[w], worst,
                     largest);
    }
}

/* ---- one device ------------------------------------------------------------------------------ */

static const net nets[] = {
    {"less than a block of channels", 3, false, false},
    {"no whole blocks", 19, true, false},
    {"whole blocks", 32, true, true},
    {"reduced over the batch", 5, false, false, 1},
};

static void check(const net *n, const char *device, tn_precision precision, double allowed)
{
    static const int samples[] = {5, FULL, 3, 7};
    static results got, want;
    got = want = (results){0};
    rig whole, fitting;
    const tn_plan_opts opts = {.precision = precision, .loss_scale = 1024};
    /* Recorded and replayed on a GPU: the same plan sees full and short batches. */
    open_rig(&whole, n, device, FULL, opts);
    for (size_t i = 0; i < TN_COUNT(samples); i++) {
        got = want = (results){0};
        open_rig(&fitting, n, device, samples[i], opts);
        for (int p = 0; p < tn_plan_num_params(whole.plan); p++) {
            static float buffer[MOST];
            tn_param_info info;
            assert_ok(tn_plan_param(whole.plan, p, &info));
            for (int part = TN_PARAM_VALUE; part <= (info.trained ? TN_PARAM_SLOT : 0); part++) {
                if (part == TN_PARAM_GRADIENT)
                    continue;
                const tn_tensor t = {TN_F32, info.shape, buffer};
                assert_ok(tn_plan_param_get(whole.plan, p, part, t));
                assert_ok(tn_plan_param_set(fitting.plan, p, part, t));
            }
        }
        step(&whole, (int)i, 0, samples[i], &got);
        step(&fitting, (int)i, 0, samples[i], &want);
        compare(device, n->why, &got, &want, allowed);
        close_rig(&fitting);
    }
    close_rig(&whole);
}

static void it_is_the_smaller_batch(void **unused)
{
    (void)unused;
    check(&nets[1], "cpu,reference", TN_PRECISION_F32, 2e-5);
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(nets); i++) {
            check(&nets[i], *device, TN_PRECISION_F32, 2e-5);
            if (i != 1 || strncmp(*device, "cpu", 3) == 0)
                continue;
            check(&nets[i], *device, TN_PRECISION_BF16, 0.1);
            check(&nets[i], *device, TN_PRECISION_F16, 0.02);
        }
}

/* What several devices cannot share. */
static void sums_and_extremes_are_of_samples(void **unused)
{
    (void)unused;
    static const net n = {"all kinds of reduce", 5, false, false, 2};
    for (const char *const *device = lab_devices(); *device; device++)
        check(&n, *device, TN_PRECISION_F32, 2e-5);
    check(&n, "cpu,reference", TN_PRECISION_F32, 2e-5);
}

/* ---- hardly a sample ------------------------------------------------------------------------- */

/* One number a channel has no variance: the run goes on, and running statistics stay. So it is with no row at
 * all, and then weights have no gradient either. */
static void what_has_no_variance_moves_nothing(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        static results before, after;
        rig r;
        before = after = (results){0};
        const net n = {"one pixel", 3, true, false};
        open_rig(&r, &n, *device, FULL, (tn_plan_opts){.precision = TN_PRECISION_F32});
        step(&r, 0, 0, FULL, &before);
        for (int samples = 1; samples >= 0; samples--) {
            after = (results){0};
            step(&r, 1, 0, samples, &after);
            for (int w = 0; w < WHATS; w++)
                for (int64_t i = 0; i < after.of[w].count; i++)
                    assert_true(isfinite(after.of[w].v[i]));
            /* The last batchnorm's 7 means and 7 variances are the last; others saw pixels of one row. */
            const int64_t same = samples ? 14 : after.of[STATISTICS].count;
            numbers *a = &after.of[STATISTICS], *b = &before.of[STATISTICS];
            assert_memory_equal(a->v + a->count - same, b->v + b->count - same,
                                (size_t)same * sizeof a->v[0]);
            for (int64_t i = 0; !samples && i < after.of[GRADIENTS].count; i++)
                assert_true(after.of[GRADIENTS].v[i] == 0);
            before = after;
        }
        close_rig(&r);
    }
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Two devices with four rows each, of which the second has few or none with a sample. */
static void check_whole(const net *n, const char *one, const char *group)
{
    static const int samples[] = {5, FULL, 3};
    static results got, want;
    rig several, single;
    open_rig(&several, n, group, FULL,
             (tn_plan_opts){.precision = TN_PRECISION_F32, .sync_batchnorm = true});
    open_rig(&single, n, one, FULL, (tn_plan_opts){.precision = TN_PRECISION_F32});
    for (size_t i = 0; i < TN_COUNT(samples); i++) {
        got = want = (results){0};
        step(&several, (int)i, 0, samples[i], &got);
        step(&single, (int)i, 0, samples[i], &want);
        compare(group, n->why, &got, &want, 1e-4); /* what rounding is after some steps */
    }
    close_rig(&single);
    close_rig(&several);
}

/* Where each takes its own statistics, the gradient is the sum of both, each weighed by its rows, and the
 * statistics are the first one's. */
static void check_own(const net *n, const char *one, const char *group)
{
    static results got, want, part;
    const int samples = 5, half = FULL / 2;
    rig several, single;
    got = want = (results){0};
    open_rig(&several, n, group, FULL, (tn_plan_opts){.precision = TN_PRECISION_F32});
    step(&several, 0, 0, samples, &got);
    for (int i = 0; i < 2; i++) {
        const int rows = i ? samples - half : half;
        part = (results){0};
        open_rig(&single, n, one, rows, (tn_plan_opts){.precision = TN_PRECISION_F32});
        step(&single, 0, i * half, rows, &part);
        close_rig(&single);
        if (i == 0)
            want.of[STATISTICS] = part.of[STATISTICS];
        want.of[GRADIENTS].count = part.of[GRADIENTS].count;
        for (int64_t k = 0; k < part.of[GRADIENTS].count; k++)
            want.of[GRADIENTS].v[k] += part.of[GRADIENTS].v[k] * rows / samples;
    }
    for (int w = 0; w < WHATS; w++)
        if (w != GRADIENTS && w != STATISTICS)
            got.of[w].count = 0;
    compare(group, n->why, &got, &want, 1e-4);
    close_rig(&several);
}

static void groups_count_the_same_rows(void **unused)
{
    (void)unused;
    static const net plain = {"without a batchnorm of rows", 19, false, false};
    const lab_sim *sim = lab_counting_sim();
    for (size_t i = 0; i < TN_COUNT(nets); i++)
        check_whole(&nets[i], "cpu", "cpu:0-1");
    check_own(&plain, "cpu", "cpu:0-1");
    if (!sim)
        return;
    sim->set_devices(2);
    for (size_t i = 0; i < TN_COUNT(nets); i++)
        check_whole(&nets[i], "sim:0,deterministic=on", "sim:0-1,deterministic=on");
    check_own(&plain, "sim:0,deterministic=on", "sim:0-1,deterministic=on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_smaller_batch),
        cmocka_unit_test(sums_and_extremes_are_of_samples),
        cmocka_unit_test(what_has_no_variance_moves_nothing),
        cmocka_unit_test(groups_count_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
