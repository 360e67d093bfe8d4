/*
 * Whole networks against PyTorch: loss, logits, the gradient of every parameter and of the input, and
 * running statistics, where values fan out, meet again and change their layout on the way.
 */
#include <math.h>
#include <string.h>

#include "lab_op.h"
#include "plan/plan_test.h"

/* What PyTorch gave for one thing, up to a NULL name: "loss", "logits", "x" (its gradient),
 * "conv1.weight" (its gradient), "bn1.running_mean". */
typedef struct golden_tensor {
    const char *name;
    int64_t count;
    const double *value;
} golden_tensor;

#include "golden/nets.h"

enum { MOST = 2048 }; /* elements of a tensor here */

/* The networks, as in tests/golden/make_nets.py. Each returns its logits. */
static tn_value lenet(tn_graph *g, tn_value x)
{
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv1", .filters = 4, .kernel = {5}});
    x = tn_relu(g, x, NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MAX, .kernel = {2}});
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.name = "conv2", .filters = 6, .kernel = {3}, .pad = {1}});
    x = tn_tanh(g, x, NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .kernel = {2}});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.name = "fc1", .units = 10}), NULL);
    return tn_dense(g, x, &(tn_dense_opts){.name = "fc2", .units = 5});
}

/* A convolution without bias and the batchnorm behind it. */
static tn_value conv_bn(tn_graph *g, tn_value x, const char *conv, const char *bn, int kernel,
                        int stride)
{
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.name = conv,
                                    .filters = 8,
                                    .kernel = {kernel},
                                    .stride = {stride},
                                    .pad = {kernel / 2},
                                    .no_bias = true});
    return tn_batchnorm(g, x, &(tn_batchnorm_opts){.name = bn});
}

static tn_value mean_and_dense(tn_graph *g, tn_value x, int units)
{
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    return tn_dense(g, tn_flatten(g, x, NULL), &(tn_dense_opts){.name = "fc", .units = units});
}

static tn_value residual(tn_graph *g, tn_value x)
{
    tn_value y = tn_relu(g, conv_bn(g, x, "conv1", "bn1", 3, 2), NULL);
    y = tn_add(g, conv_bn(g, y, "conv2", "bn2", 3, 1), conv_bn(g, x, "down", "bn3", 1, 2), NULL);
    y = tn_relu(g, y, NULL);
    const tn_value z = tn_conv2d(
        g, y, &(tn_conv2d_opts){.name = "conv3", .filters = 8, .kernel = {3}, .pad = {1}});
    return mean_and_dense(g, tn_relu(g, tn_add(g, z, y, NULL), NULL), 3);
}

static tn_value conv_relu(tn_graph *g, tn_value x, const char *name, int filters, int kernel)
{
    return tn_relu(
        g,
        tn_conv2d(g, x,
                  &(tn_conv2d_opts){
                      .name = name, .filters = filters, .kernel = {kernel}, .pad = {kernel / 2}}),
        NULL);
}

static tn_value inception_of(tn_graph *g, tn_value x, const int width[4])
{
    x = tn_lrn(g, x, &(tn_lrn_opts){.size = 5, .alpha = 0.5F, .beta = 0.75F, .k = 1});
    const tn_value pooled = tn_pool2d(
        g, x, &(tn_pool2d_opts){.kind = TN_POOL_MAX, .kernel = {3}, .stride = {1}, .pad = {1}});
    const tn_value branch[4] = {
        conv_relu(g, x, "one", width[0], 1),
        conv_relu(g, conv_relu(g, x, "three_reduce", 4, 1), "three", width[1], 3),
        conv_relu(g, conv_relu(g, x, "five_reduce", 2, 1), "five", width[2], 5),
        conv_relu(g, pooled, "pool", width[3], 1),
    };
    return mean_and_dense(g, tn_concat(g, 4, branch, NULL), 4);
}

static tn_value inception(tn_graph *g, tn_value x)
{
    return inception_of(g, x, (int[]){16, 32, 16, 16});
}

static tn_value inception_odd(tn_graph *g, tn_value x)
{
    return inception_of(g, x, (int[]){3, 5, 2, 7});
}

/* ---- numbers by formula ------------------------------------------------------------------- */

static void fill(float *to, int64_t count, const char *name, double scale, double offset)
{
    double phase = 0;
    assert_true(count <= MOST);
    for (const char *c = name; *c; c++)
        phase += (double)*c;
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(offset + scale * sin(0.37 * (double)i * (double)i + phase));
}

static void fill_params(tn_plan *p)
{
    float data[MOST];
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        char name[64];
        int64_t count;
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        if (!info.trained)
            continue;
        snprintf(name, sizeof name, "%s.%s", info.node, info.name);
        if (strcmp(info.name, "bias") == 0)
            fill(data, count, name, 0.1, 0);
        else if (info.shape.ndim == 1)
            fill(data, count, name, 0.2, 1);
        else
            fill(data, count, name, sqrt(3 / ((double)count / (double)info.shape.dim[0])), 0);
        assert_ok(tn_plan_param_set(p, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, data}));
    }
}

/* ---- the comparison ----------------------------------------------------------------------- */

typedef struct net {
    const char *name;
    tn_value (*build)(tn_graph *g, tn_value x);
    tn_shape x;
    int classes;
    float smoothing;
    const golden_tensor *golden;
} net;

static const net nets[] = {
    {"lenet", lenet, {4, {3, 1, 12, 12}}, 5, 0.1F, golden_lenet},
    {"residual", residual, {4, {4, 3, 6, 6}}, 3, 0, golden_residual},
    {"inception", inception, {4, {2, 5, 7, 7}}, 4, 0, golden_inception},
    {"inception_odd", inception_odd, {4, {2, 5, 7, 7}}, 4, 0, golden_inception_odd},
};

/* One thing by its golden's name. */
static void get(const net *n, tn_plan *p, const tn_value v[3], const char *name, float *to)
{
    tn_param_info info;
    if (strcmp(name, "x") == 0) {
        assert_ok(tn_plan_get_gradient(p, v[0], (tn_tensor){TN_F32, n->x, to}));
    } else if (strcmp(name, "logits") == 0) {
        const tn_shape shape = TN_SHAPE(n->x.dim[0], n->classes);
        assert_ok(tn_plan_get(p, v[1], (tn_tensor){TN_F32, shape, to}));
    } else if (strcmp(name, "loss") == 0) {
        assert_ok(tn_plan_get(p, v[2], (tn_tensor){TN_F32, {0}, to}));
    } else {
        const int i = tn_plan_find_param(p, name);
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_plan_param_get(p, i, info.trained ? TN_PARAM_GRADIENT : TN_PARAM_VALUE,
                                    (tn_tensor){TN_F32, info.shape, to}));
    }
}

static void check(const net *n, tn_device *d, bool no_fusion)
{
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float data[MOST];
    int32_t classes[8];
    const tn_shape rows = TN_SHAPE(n->x.dim[0]);
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, n->x), labels = tn_input(g, "y", TN_I32, rows);
    const tn_value logits = n->build(g, x);
    const tn_value loss =
        tn_softmax_xent(g, logits, labels, &(tn_softmax_xent_opts){.label_smoothing = n->smoothing})
            .loss;
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.loss = loss,
                                             .keep = &logits,
                                             .num_keep = 1,
                                             .no_fusion = no_fusion,
                                             .precision = TN_PRECISION_F32,
                                             .input_gradients = true}));
    int64_t count;
    assert_ok(tn_shape_count(&n->x, &count));
    fill(data, count, "x", 1, 0);
    for (int i = 0; i < (int)n->x.dim[0]; i++)
        classes[i] = i % n->classes;
    fill_params(p);
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, n->x, data}));
    assert_ok(tn_plan_set(p, labels, (tn_tensor){TN_I32, rows, classes}));
    assert_ok(tn_plan_poison(p));
    assert_ok(tn_plan_run(p));
    for (const golden_tensor *t = n->golden; t->name; t++) {
        char what[96];
        snprintf(what, sizeof what, "%s %s%s", n->name, t->name, no_fusion ? ", not fused" : "");
        get(n, p, (tn_value[]){x, logits, loss}, t->name, data);
        /* The loss hands 1 / rows to what it averages. */
        lab_assert_close(what, data, t->value, t->count, 1 / (double)n->x.dim[0]);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static void agree_with_pytorch(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(nets); i++)
            for (int no_fusion = 0; no_fusion < 2; no_fusion++) {
                tn_device *d = NULL;
                assert_ok(tn_device_open(&d, *device));
                check(&nets[i], d, no_fusion);
                tn_device_close(d);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree_with_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
