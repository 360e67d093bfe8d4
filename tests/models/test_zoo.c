/*
 * The networks of nets/: their parameters and operations are the published ones, and one step of training is
 * PyTorch's (golden/make_zoo.py): the loss, the gradient of every parameter, and the loss after an update.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../nets/nets.h"
#include "graph/graph.h"
#include "lab_op.h"

/* Of the gradient of one parameter: its 2-norm, and its product with numbers that follow from the name. */
typedef struct zoo_gradient {
    const char *name;
    double norm, along;
} zoo_gradient;

typedef struct zoo_step {
    const char *name;
    const char *image; /* by what name it is made */
    double off;        /* of the gradients, relative: PyTorch's own in f32 */
    int channels, side;
    double before, after; /* the loss, before and after the step */
    double norm;          /* of all gradients */
    const zoo_gradient *gradient;
} zoo_step;

#include "golden/zoo.h"

/* ---- what is published ------------------------------------------------------------------------ */

/* With 1000 classes, LeNet with 10 and the U-Net with 2; without running statistics. Multiplications and
 * additions of one counted as one, in millions, as the sources count: of convolutions and products of matrices. */
static const struct published {
    const char *name;
    int classes;
    int64_t parameters;
    double millions;
    const char *source;
} published[] = {
    {"lenet", 10, 431080, 2.29, "Caffe's examples/mnist/lenet, by its own formulas"},
    {"torchvision", 1000, 61100840, 714, "torchvision's docs: AlexNet_Weights"},
    {"caffe", 1000, 60965224, 724, "Caffe's models/bvlc_alexnet, by its own formulas"},
    {"2012", 1000, 60965224, 724, "as Caffe's"},
    {"vgg11", 1000, 132863336, 7609, "torchvision's docs: VGG11_Weights"},
    {"vgg16", 1000, 138357544, 15470, "torchvision's docs: VGG16_Weights"},
    {"googlenet", 1000, 6998552, 1582, "Caffe's models/bvlc_googlenet, by its own formulas"},
    {"resnet18", 1000, 11689512, 1814, "torchvision's docs: ResNet18_Weights"},
    {"resnet50", 1000, 25557032, 4089, "torchvision's docs: ResNet50_Weights"},
    {"mobilenet_v2", 1000, 3504872, 301, "torchvision's docs: MobileNet_V2_Weights"},
    {"densenet121", 1000, 7978856, 2834, "torchvision's docs: DenseNet121_Weights"},
    {"squeezenet", 1000, 1235496, 349, "torchvision's docs: SqueezeNet1_1_Weights"},
    {"unet", 2, 482050, 580, "by its own formulas"},
    {"vit_tiny", 1000, 5717416, 1258, "timm's results-imagenet.csv: vit_tiny_patch16_224"},
};

static bool is_product(const tn_step_info *s)
{
    return strcmp(s->op, "conv2d") == 0 || strcmp(s->op, "dense") == 0 ||
           strcmp(s->op, "matmul") == 0 || strcmp(s->op, "conv_transpose2d") == 0;
}

static void check_published(const struct published *want, tn_device *d)
{
    const net *n = net_find(want->name);
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    int64_t parameters = 0;
    double flops = 0;
    assert_non_null(n);
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, n->channels, n->size, n->size));
    const tn_value y = n->build(g, x, want->classes);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &y, .num_keep = 1, .dry = true}));
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        parameters += info.trained || !strstr(info.name, "running") ? count : 0;
    }
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info s;
        assert_ok(tn_plan_step(p, i, &s));
        flops += is_product(&s) ? s.flops : 0;
    }
    if (parameters != want->parameters)
        fail_msg("%s has %lld parameters, not %lld (%s)", want->name, (long long)parameters,
                 (long long)want->parameters, want->source);
    const double millions = flops / 2e6;
    if (!(fabs(millions / want->millions - 1) < 0.01))
        fail_msg("%s has %.5g million operations, not %g (%s)", want->name, millions,
                 want->millions, want->source);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static void are_the_published_ones(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    for (size_t i = 0; i < TN_COUNT(published); i++)
        check_published(&published[i], d);
    tn_device_close(d);
}

/* ---- one step, as PyTorch takes it ------------------------------------------------------------- */

/* Element i is scale * sin(0.37 j^2 + sum of the bytes of the name) + offset, j = i modulo ZOO_PERIOD. */
static void fill(float *to, int64_t count, const char *name, double scale, double offset)
{
    double phase = 0;
    for (const char *c = name; *c; c++)
        phase += (double)*c;
    for (int64_t i = 0; i < count; i++)
        to[i] = i < ZOO_PERIOD ? (float)(offset + scale * sin(0.37 * (double)i * (double)i + phase))
                               : to[i - ZOO_PERIOD];
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static float *take(int64_t count)
{
    float *data = malloc((size_t)count * sizeof *data);
    assert_non_null(data);
    return data;
}

static void fill_params(tn_plan *p)
{
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(p, i, &info));
        assert_ok(tn_shape_count(&info.shape, &count));
        if (!info.trained)
            continue;
        const char *name = info.full_name;
        float *data = take(count);
        if (ends_with(name, "bias"))
            fill(data, count, name, 0.1, 0);
        else if (info.shape.ndim == 1)
            fill(data, count, name, 0.1, 0.5);
        else
            fill(data, count, name, 2 / sqrt((double)count / (double)info.shape.dim[0]), 0);
        assert_ok(tn_plan_param_set(p, i, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, data}));
        free(data);
    }
}

static void check_gradient(const zoo_step *want, tn_plan *p, const zoo_gradient *gradient)
{
    tn_param_info info;
    int64_t count;
    char name[2 * NET_NAME];
    double square = 0, along = 0;
    const int i = tn_plan_find_param(p, gradient->name);
    if (i < 0)
        fail_msg("%s has no parameter %s", want->name, gradient->name);
    assert_ok(tn_plan_param(p, i, &info));
    assert_ok(tn_shape_count(&info.shape, &count));
    float *g = take(count), *direction = take(count);
    assert_ok(tn_plan_param_get(p, i, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, g}));
    snprintf(name, sizeof name, "%s'", gradient->name);
    fill(direction, count, name, 1, 0);
    for (int64_t k = 0; k < count; k++) {
        square += (double)g[k] * (double)g[k];
        along += (double)g[k] * (double)direction[k];
    }
    /* A bias in front of a batchnorm has a gradient of 0, but for rounding: that is measured by the whole one. Where a sum
     * is rounded the other way, one relu or maximum may take the other side, which moves a gradient by up to a per
     * cent; what is wrong moves it by its own size. */
    const double allowed = (0.02 + 5 * want->off) * (gradient->norm + 1e-3 * want->norm);
    if (!(fabs(sqrt(square) - gradient->norm) <= allowed) ||
        !(fabs(along - gradient->along) <= allowed))
        fail_msg("%s: the gradient of %s has norm %g and is %g along, not %g and %g", want->name,
                 gradient->name, sqrt(square), along, gradient->norm, gradient->along);
    free(g);
    free(direction);
}

/* Which units fall out is each framework's own choice. */
static void drop_nothing(tn_graph *g)
{
    for (size_t i = 0; i < g->num_nodes; i++)
        if (strcmp(g->node[i]->op->name, "dropout") == 0)
            ((tn_dropout_opts *)g->node[i]->opts)->rate = 0;
}

static double loss_of(tn_plan *p, tn_value loss)
{
    float value;
    assert_ok(tn_plan_get(p, loss, (tn_tensor){TN_F32, {0}, &value}));
    return (double)value;
}

static void check_loss(const zoo_step *z, const char *when, double got, double want, double allowed)
{
    if (!(fabs(got - want) <= allowed * fabs(want)))
        fail_msg("%s: the loss %s is %g, not %g", z->name, when, got, want);
}

static void set_batch(tn_plan *p, const char *name, tn_value x, const tn_shape *shape, tn_value y,
                      const tn_shape *places)
{
    int64_t count, labels;
    assert_ok(tn_shape_count(shape, &count));
    assert_ok(tn_shape_count(places, &labels));
    float *image = take(count);
    int32_t *label = malloc((size_t)labels * sizeof *label);
    assert_non_null(label);
    fill(image, count, name, 1, 0);
    for (int64_t i = 0; i < labels; i++)
        label[i] = (int32_t)(i * 3 % ZOO_CLASSES);
    assert_ok(tn_plan_set(p, x, (tn_tensor){TN_F32, *shape, image}));
    assert_ok(tn_plan_set(p, y, (tn_tensor){TN_I32, *places, label}));
    free(image);
    free(label);
}

static void check_step(const zoo_step *want, tn_device *d)
{
    const net *n = net_find(want->name);
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    assert_non_null(n);
    assert_ok(tn_graph_create(&g));
    const tn_shape shape = TN_SHAPE(ZOO_BATCH, want->channels, want->side, want->side);
    const tn_shape places =
        n->pixels ? TN_SHAPE(ZOO_BATCH, want->side, want->side) : TN_SHAPE(ZOO_BATCH);
    const tn_value x = tn_input(g, "x", TN_F32, shape), y = tn_input(g, "y", TN_I32, places);
    tn_value logits;
    const tn_loss loss = net_train(n, g, x, (net_labels){y}, ZOO_CLASSES, NULL, &logits);
    drop_nothing(g);
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = loss.loss, .optim = tn_sgd(NULL), .precision = TN_PRECISION_F32}));
    fill_params(p);
    set_batch(p, want->image, x, &shape, y, &places);
    assert_ok(tn_plan_run(p));
    check_loss(want, "before the step", loss_of(p, loss.loss), want->before, 1e-4);
    for (const zoo_gradient *gradient = want->gradient; gradient->name; gradient++)
        check_gradient(want, p, gradient);
    assert_ok(tn_plan_update(p, (float)((double)zoo_rate / want->norm)));
    assert_ok(tn_plan_run(p));
    check_loss(want, "after the step", loss_of(p, loss.loss), want->after, 5e-3 + want->off);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

/* Tens of millions of parameters, and nothing that the others lack. */
static bool is_large(const char *name)
{
    return strcmp(name, "torchvision") == 0 || strcmp(name, "caffe") == 0 ||
           strcmp(name, "2012") == 0 || strcmp(name, "vgg16") == 0;
}

static void step_as_pytorch(void **unused)
{
    (void)unused;
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    for (size_t i = 0; i < TN_COUNT(zoo); i++)
        if (!LAB_SLOW || !is_large(zoo[i].name))
            check_step(&zoo[i], d);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_the_published_ones),
        cmocka_unit_test(step_as_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
