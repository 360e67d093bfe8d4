/*
 * The same training on the CPU and on a GPU: LeNet (Caffe's examples/mnist/lenet, smaller) from the same
 * seed, on the same made-up digits. In f32 the losses of 20 steps are the same within 1e-4; in half
 * precision they stay near, and fall as far.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"

enum { STEPS = 20, ROWS = 8, SIDE = 20, PIXELS = SIDE * SIDE, CLASSES = 10 };

static tn_value lenet(tn_graph *g, tn_value x)
{
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv1", .filters = 8, .kernel = {5}});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv2", .filters = 16, .kernel = {5}});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.name = "ip1", .units = 40}), NULL);
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    return tn_dense(g, x, &(tn_dense_opts){.name = "ip2", .units = CLASSES});
}

/* A class is a bar of its own place and direction, under noise. */
static void draw(int step, uint8_t *x, int32_t *labels)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, (uint64_t)step);
    for (int n = 0; n < ROWS; n++) {
        labels[n] = (int32_t)tn_random_below(&r, CLASSES);
        for (int i = 0; i < PIXELS; i++) {
            const int along = labels[n] % 2 ? i / SIDE : i % SIDE;
            const bool on = along / 4 == labels[n] / 2;
            x[n * PIXELS + i] = (uint8_t)((on ? 180 : 20) + (int)tn_random_below(&r, 60));
        }
    }
}

static void train(const char *device, tn_precision precision, float *losses)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    const tn_shape images = TN_SHAPE(ROWS, SIDE, SIDE, 1), rows = TN_SHAPE(ROWS);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, images);
    const tn_value label = tn_input(g, "label", TN_I32, rows);
    const tn_value x = tn_image_input(g, image, &(tn_image_input_opts){.scale = {1 / 256.F}});
    const tn_loss loss = tn_softmax_xent(g, lenet(g, x), label, NULL);
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = loss.loss,
                        .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F, .weight_decay = 5e-4F}),
                        .precision = precision,
                        .loss_scale = 128,
                        .seed = 1}));
    for (int step = 0; step < STEPS; step++) {
        uint8_t pixels[ROWS * PIXELS];
        int32_t labels[ROWS];
        draw(step, pixels, labels);
        assert_ok(tn_plan_set(p, image, (tn_tensor){TN_U8, images, pixels}));
        assert_ok(tn_plan_set(p, label, (tn_tensor){TN_I32, rows, labels}));
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_update(p, 0.01F));
        assert_ok(tn_plan_get(p, loss.loss, (tn_tensor){TN_F32, {0}, &losses[step]}));
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void losses_agree(void **unused)
{
    (void)unused;
    static const struct {
        tn_precision precision;
        float allowed;
    } manners[] = {
        {TN_PRECISION_F32, 1e-4F},
        /* The loss is about 2: a relative rounding of 2^-8, 2^-11, of each layer's output and gradient,
         * through 20 steps. */
        {TN_PRECISION_BF16, 0.1F},
        {TN_PRECISION_F16, 0.05F},
    };
    float want[STEPS], got[STEPS];
    train("cpu", TN_PRECISION_F32, want);
    assert_true(want[STEPS - 1] < want[0] * 0.9F);
    for (const char *const *device = lab_devices() + 1; *device; device++)
        for (size_t m = 0; m < TN_COUNT(manners); m++) {
            train(*device, manners[m].precision, got);
            for (int i = 0; i < STEPS; i++)
                if (!(fabsf(got[i] - want[i]) <= manners[m].allowed))
                    fail_msg("%s, %s: the loss of step %d is %.6f, on the CPU %.6f", *device,
                             tn_precision_name(manners[m].precision), i, (double)got[i],
                             (double)want[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(losses_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
