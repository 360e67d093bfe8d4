/*
 * On a GPU of one multiprocessor, where a grid ends after 8 blocks: every kernel's loop over the grid goes
 * round, which it seldom does on a larger one. Results are the CPU's, in f32, and the same bits in any
 * order of blocks and threads.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab_answers.h"
#include "lab_sim.h"

enum { MOST_PARAMS = 4 };

typedef struct network {
    tn_graph *g;
    tn_value x, labels, y, loss;
} network;

/* ---- layers, each large enough -------------------------------------------------------------- */

static tn_value lrn(network *n)
{
    return tn_lrn(n->g, n->x, &(tn_lrn_opts){.alpha = 1});
}
static tn_value batchnorm(network *n)
{
    return tn_batchnorm(n->g, n->x, NULL);
}
static tn_value max_pool(network *n)
{
    return tn_pool2d(n->g, n->x, &(tn_pool2d_opts){.kernel = {3}, .stride = {2}, .pad = {1}});
}
static tn_value mean_pool(network *n)
{
    return tn_pool2d(n->g, n->x,
                     &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .kernel = {3}, .stride = {1}});
}
static tn_value concat(network *n)
{
    return tn_concat(n->g, 2, (tn_value[]){n->x, n->x}, NULL);
}
static tn_value softmax(network *n)
{
    return tn_softmax(n->g, n->x, NULL);
}
static tn_value add(network *n)
{
    return tn_add(n->g, tn_relu(n->g, n->x, NULL), tn_tanh(n->g, n->x, NULL), NULL);
}
static tn_value dropout(network *n)
{
    return tn_dropout(n->g, n->x, &(tn_dropout_opts){.rate = 0.5F});
}
static tn_value dense(network *n)
{
    return tn_dense(n->g, n->x, &(tn_dense_opts){.units = 40});
}
static tn_value conv2d(network *n)
{
    return tn_conv2d(n->g, n->x, &(tn_conv2d_opts){.filters = 12, .kernel = {3}, .pad = {1}});
}
static tn_value softmax_xent(network *n)
{
    tn_shape x;
    assert_ok(tn_value_shape(n->g, n->x, &x));
    n->labels = tn_input(n->g, "labels", TN_I32, TN_SHAPE(x.dim[0]));
    return n->loss = tn_softmax_xent(n->g, n->x, n->labels, NULL).loss;
}

static const struct {
    const char *why;
    tn_shape x;
    tn_value (*build)(network *n);
} layers[] = {
    {"lrn", {4, {3, 40, 20, 21}}, lrn},
    {"batchnorm of images", {4, {3, 40, 20, 21}}, batchnorm},
    {"batchnorm of rows, with more tiles of columns than blocks", {2, {70, 1500}}, batchnorm},
    {"max-pooling", {4, {2, 40, 33, 33}}, max_pool},
    {"pooling of means", {4, {2, 10, 33, 33}}, mean_pool},
    {"concat", {4, {2, 20, 21, 33}}, concat},
    {"softmax, a warp a row", {2, {301, 60}}, softmax},
    {"softmax, a block a row", {2, {21, 1030}}, softmax},
    {"softmax_xent, a warp a row", {2, {301, 60}}, softmax_xent},
    {"softmax_xent, a block a row", {2, {21, 1030}}, softmax_xent},
    {"element by element", {2, {31, 1001}}, add},
    {"dropout", {2, {31, 1001}}, dropout},
    {"dense", {2, {1100, 30}}, dense},
    {"conv2d", {4, {3, 8, 20, 21}}, conv2d},
};

/* ---- runs ----------------------------------------------------------------------------------- */

typedef struct outcome {
    float loss, *y, *dx, *dw[MOST_PARAMS];
    int64_t count, x_count, w_count[MOST_PARAMS];
} outcome;

/* Numbers without order, the same every time; not around 0, where sums of them would be lost in rounding. */
static float *numbers(int64_t count, float pace)
{
    float *v = lab_take(count, sizeof *v);
    for (int64_t i = 0; i < count; i++)
        v[i] = 0.25F + sinf((float)(i % 100003) * pace);
    return v;
}

static void set(tn_plan *p, tn_value v, tn_shape shape, float pace)
{
    int64_t count;
    assert_ok(tn_shape_count(&shape, &count));
    float *data = numbers(count, pace);
    assert_ok(tn_plan_set(p, v, (tn_tensor){TN_F32, shape, data}));
    free(data);
}

static void set_labels(tn_plan *p, tn_value labels, tn_shape x)
{
    int32_t *data = lab_take(x.dim[0], sizeof *data);
    for (int64_t i = 0; i < x.dim[0]; i++)
        data[i] = (int32_t)(i % (x.dim[1] + 1)) - 1;
    assert_ok(tn_plan_set(p, labels, (tn_tensor){TN_I32, TN_SHAPE(x.dim[0]), data}));
    free(data);
}

static void get_params(tn_plan *p, outcome *out)
{
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(p, i, &info));
        if (!info.trained)
            continue;
        assert_ok(tn_shape_count(&info.shape, &out->w_count[i]));
        out->dw[i] = lab_take(out->w_count[i], sizeof(float));
        assert_ok(tn_plan_param_get(p, i, TN_PARAM_GRADIENT,
                                    (tn_tensor){TN_F32, info.shape, out->dw[i]}));
    }
}

static outcome run(const char *device, size_t layer)
{
    const tn_shape x = layers[layer].x;
    tn_shape y;
    network n = {0};
    outcome out = {0};
    tn_device *d = NULL;
    tn_plan *p = NULL;
    tn_value target = {0};
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&n.g));
    n.x = tn_input(n.g, "x", TN_F32, x);
    n.y = layers[layer].build(&n);
    assert_ok(tn_value_shape(n.g, n.y, &y));
    if (!n.loss.id) {
        target = tn_input(n.g, "target", TN_F32, y);
        n.loss = tn_mse(n.g, n.y, target, NULL);
    }
    assert_ok(tn_plan_create(&p, n.g, d,
                             &(tn_plan_opts){.loss = n.loss,
                                             .keep = &n.y,
                                             .num_keep = 1,
                                             .input_gradients = true,
                                             .precision = TN_PRECISION_F32}));
    set(p, n.x, x, 1.7F);
    if (target.id)
        set(p, target, y, 2.3F);
    if (n.labels.id)
        set_labels(p, n.labels, x);
    assert_ok(tn_plan_run(p));
    assert_ok(tn_shape_count(&y, &out.count));
    assert_ok(tn_shape_count(&x, &out.x_count));
    out.y = lab_take(out.count, sizeof(float));
    out.dx = lab_take(out.x_count, sizeof(float));
    assert_ok(tn_plan_get(p, n.loss, (tn_tensor){TN_F32, {0}, &out.loss}));
    assert_ok(tn_plan_get(p, n.y, (tn_tensor){TN_F32, y, out.y}));
    assert_ok(tn_plan_get_gradient(p, n.x, (tn_tensor){TN_F32, x, out.dx}));
    get_params(p, &out);
    tn_plan_destroy(p);
    tn_graph_destroy(n.g);
    tn_device_close(d);
    return out;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void compare(size_t layer, const char *what, const float *got, const float *want,
                    int64_t count, double unit)
{
    char name[128];
    double *exact = lab_take(count, sizeof *exact);
    for (int64_t i = 0; i < count; i++)
        exact[i] = (double)want[i];
    snprintf(name, sizeof name, "%s: %s", layers[layer].why, what);
    lab_assert_close(name, got, exact, count, unit);
    free(exact);
}

static void drop(outcome *o)
{
    free(o->y);
    free(o->dx);
    for (int i = 0; i < MOST_PARAMS; i++)
        free(o->dw[i]);
}

static void same(size_t layer, const void *one, const void *two, int64_t count)
{
    if (memcmp(one, two, (size_t)count * sizeof(float)) != 0)
        fail_msg("%s: other bits in another order of blocks and threads", layers[layer].why);
}

static void loops_go_round(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    assert_true(sim->set_gpu("one"));
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        outcome want = run("cpu", i), got = run("sim:0,cudnn=off", i);
        compare(i, "loss", &got.loss, &want.loss, 1, 1);
        compare(i, "y", got.y, want.y, want.count, 1);
        const double unit = 1 / (double)want.count;
        compare(i, "dx", got.dx, want.dx, want.x_count, unit);
        for (int w = 0; w < MOST_PARAMS; w++)
            if (want.dw[w])
                compare(i, "dw", got.dw[w], want.dw[w], want.w_count[w], unit);
        drop(&want);
        drop(&got);
    }
    assert_true(sim->set_gpu("h100"));
}

/* Nothing says in what order a GPU does blocks and threads. */
static void no_order_is_relied_on(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    assert_true(sim->set_gpu("one"));
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        outcome want = run("sim:0,cudnn=off", i);
        sim->set_seed(i + 1);
        outcome got = run("sim:0,cudnn=off", i);
        sim->set_seed(0);
        same(i, &got.loss, &want.loss, 1);
        same(i, got.y, want.y, want.count);
        same(i, got.dx, want.dx, want.x_count);
        for (int w = 0; w < MOST_PARAMS; w++)
            if (want.dw[w])
                same(i, got.dw[w], want.dw[w], want.w_count[w]);
        drop(&want);
        drop(&got);
    }
    assert_true(sim->set_gpu("h100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_go_round),
        cmocka_unit_test(no_order_is_relied_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
