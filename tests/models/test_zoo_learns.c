/*
 * The networks of nets/ learn: a few steps on one small batch, which a network that learns soon knows by heart. On
 * the simulated GPU fewer steps of those that it can do in a moment, which go as they do on the CPU.
 */
#include <math.h>
#include <stdlib.h>

#include "../../nets/nets.h"
#include "base/random.h"
#include "lab_op.h"

enum { BATCH = 4, CLASSES = 4, STEPS = 20, GPU_STEPS = 3, SEED = 1 };

/* Seen on the CPU after STEPS of Adam: about two thirds of `below`. */
static const struct task {
    const char *name;
    int side;
    float rate;
    double below;
    bool
        gpu; /* small enough for the simulated one, and no statistics over four numbers, which magnify every rounding */
} tasks[] = {
    {"lenet", 28, 3e-4f, 0.6, true},         {"slim", 67, 1e-3f, 1.2, true},
    {"torchvision", 67, 3e-4f, 0.5, false},  {"caffe", 67, 3e-4f, 0.5, false},
    {"2012", 67, 3e-4f, 1.2, false},         {"vgg11", 32, 1e-3f, 1.2, false},
    {"vgg16", 32, 3e-4f, 1.38, false},       {"googlenet", 80, 3e-4f, 3.0, false},
    {"resnet18", 32, 3e-4f, 0.1, false},     {"resnet50", 32, 3e-4f, 0.1, false},
    {"mobilenet_v2", 32, 3e-4f, 0.8, false}, {"squeezenet", 67, 3e-4f, 1.3, true},
    {"densenet121", 32, 3e-4f, 0.2, false},  {"unet", 16, 3e-3f, 1.3, true},
    {"vit_tiny", 32, 3e-4f, 0.1, true},
};

static const int32_t others[BATCH] = {3, 2, 2, 0};

typedef struct training {
    tn_graph *g;
    tn_plan *plan;
    tn_value image, label;
    tn_loss loss;
    tn_shape images, labels;
} training;

/* share: of an image in what it is mixed with, which is of the class that `others` tell; 0: none is mixed. */
static void open_training(training *t, const struct task *task, tn_device *d, float share)
{
    const net *n = net_find(task->name);
    tn_value logits;
    assert_non_null(n);
    assert_ok(tn_graph_create(&t->g));
    t->images = TN_SHAPE(BATCH, task->side, task->side, n->channels);
    t->labels = n->pixels ? TN_SHAPE(BATCH, task->side, task->side) : TN_SHAPE(BATCH);
    t->image = tn_input(t->g, "image", TN_U8, t->images);
    t->label = tn_input(t->g, "label", TN_I32, t->labels);
    const tn_value x = tn_image_input(t->g, t->image, &n->input);
    net_labels labels = {t->label};
    float shares[BATCH] = {share, share, share, share};
    if (share > 0) {
        labels.partner = tn_constant(
            t->g, "partner", (tn_tensor){TN_I32, TN_SHAPE(BATCH), (void *)(uintptr_t)others});
        labels.share = tn_constant(t->g, "share", (tn_tensor){TN_F32, TN_SHAPE(BATCH), shares});
    }
    t->loss = net_train(n, t->g, x, labels, CLASSES, NULL, &logits);
    assert_ok(tn_plan_create(&t->plan, t->g, d,
                             &(tn_plan_opts){.loss = t->loss.loss,
                                             .optim = tn_adam(NULL),
                                             .precision = TN_PRECISION_F32,
                                             .seed = SEED}));
}

/* Noise; a pixel's class is how bright its first channel is, an image's is its number. */
static void set_batch(const training *t)
{
    int64_t bytes, count;
    assert_ok(tn_shape_count(&t->images, &bytes));
    assert_ok(tn_shape_count(&t->labels, &count));
    uint8_t *image = malloc((size_t)bytes);
    int32_t *label = malloc((size_t)count * sizeof *label);
    assert_non_null(image);
    assert_non_null(label);
    for (int64_t i = 0; i < bytes; i++)
        image[i] = (uint8_t)(tn_random_at(SEED, TN_RANDOM_INIT, 0, (uint64_t)i).word[0] >> 24);
    for (int64_t i = 0; i < count; i++)
        label[i] = count == BATCH ? (int32_t)i % CLASSES : image[i * t->images.dim[3]] / 64;
    assert_ok(tn_plan_set(t->plan, t->image, (tn_tensor){TN_U8, t->images, image}));
    assert_ok(tn_plan_set(t->plan, t->label, (tn_tensor){TN_I32, t->labels, label}));
    free(image);
    free(label);
}

/* Loss before the first step, and after each. */
static void train(const struct task *task, tn_device *d, int steps, float *loss)
{
    training t;
    open_training(&t, task, d, 0);
    set_batch(&t);
    for (int i = 0; i <= steps; i++) {
        assert_ok(tn_plan_run(t.plan));
        assert_ok(tn_plan_get(t.plan, t.loss.loss, (tn_tensor){TN_F32, {0}, &loss[i]}));
        if (i < steps)
            assert_ok(tn_plan_update(t.plan, task->rate));
    }
    tn_plan_destroy(t.plan);
    tn_graph_destroy(t.g);
}

static void agree(const struct task *task, const char *device, const float *cpu)
{
    tn_device *d = NULL;
    float loss[GPU_STEPS + 1];
    assert_ok(tn_device_open(&d, device));
    train(task, d, GPU_STEPS, loss);
    for (int i = 0; i <= GPU_STEPS; i++)
        if (!(fabsf(loss[i] - cpu[i]) <= 0.02f * cpu[0]))
            fail_msg("%s on %s: the loss is %g after %d steps, %g on the CPU", task->name, device,
                     (double)loss[i], i, (double)cpu[i]);
    tn_device_close(d);
}

static void learn(void **unused)
{
    (void)unused;
    const char *gpu = lab_devices()[1];
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    for (size_t i = 0; i < TN_COUNT(tasks); i++) {
        float loss[STEPS + 1];
        if (LAB_SLOW && !tasks[i].gpu)
            continue;
        train(&tasks[i], d, STEPS, loss);
        if (!((double)loss[STEPS] < tasks[i].below))
            fail_msg("%s: the loss went from %g to %g, not below %g", tasks[i].name,
                     (double)loss[0], (double)loss[STEPS], tasks[i].below);
        if (gpu && tasks[i].gpu && !LAB_SLOW)
            agree(&tasks[i], gpu, loss);
    }
    tn_device_close(d);
}

static float evaluated(const training *t) /* nothing is dropped */
{
    float loss;
    assert_ok(tn_plan_evaluate(t->plan));
    assert_ok(tn_plan_get(t->plan, t->loss.loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

static void close_training(const training *t)
{
    tn_plan_destroy(t->plan);
    tn_graph_destroy(t->g);
}

/* Those of further classifiers, too: the loss is linear in the shares. */
static void all_losses_are_mixed(void **unused)
{
    (void)unused;
    static const struct task task = {.name = "googlenet", .side = 80};
    const double share = 0.25;
    training t;
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, "cpu"));
    open_training(&t, &task, d, 0);
    set_batch(&t);
    const double own = (double)evaluated(&t);
    assert_ok(
        tn_plan_set(t.plan, t.label, (tn_tensor){TN_I32, t.labels, (void *)(uintptr_t)others}));
    const double other = (double)evaluated(&t), want = share * own + (1 - share) * other;
    close_training(&t);
    open_training(&t, &task, d, (float)share);
    set_batch(&t);
    const double mixed = (double)evaluated(&t);
    assert_true(fabs(own - other) > 1e-3 * own);
    if (!(fabs(mixed - want) <= 1e-5 * own))
        fail_msg("the loss is %g of %g and %g, and not %g", mixed, own, other, want);
    close_training(&t);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_losses_are_mixed),
                                       cmocka_unit_test(learn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
