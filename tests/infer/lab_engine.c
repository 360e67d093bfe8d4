#include "lab_engine.h"

#include <math.h>

#include "lab.h"

enum { BATCH = 4 };

static tn_graph *net(bool sure_alone)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(BATCH, LAB_SIDE, LAB_SIDE, 3));
    const tn_value label = tn_input(g, "label", TN_I32, TN_SHAPE(BATCH));
    tn_value x =
        tn_image_input(g, image, &(tn_image_input_opts){.mean = {120, 110, 100}, .scale = {0.02F}});
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.name = "conv1", .filters = 16, .kernel = {3}, .pad = {1}});
    x = tn_relu(g, tn_batchnorm(g, x, &(tn_batchnorm_opts){.name = "bn1"}), NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}, .stride = {2}});
    x = tn_relu(
        g, tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv2", .filters = 20, .kernel = {3}}), NULL);
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.global = true, .kind = TN_POOL_MEAN});
    x = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = LAB_CLASSES});
    if (!sure_alone)
        tn_output(g, x);
    tn_output(g, tn_softmax(g, x, &(tn_softmax_opts){.name = "sure"}));
    tn_minimise(g, tn_softmax_xent(g, x, label, &(tn_softmax_xent_opts){.name = "loss"}).loss);
    assert_ok(tn_graph_status(g));
    return g;
}

void lab_engine_pixels(int first, int count, uint8_t *to)
{
    for (int i = 0; i < count * LAB_PIXELS; i++) {
        const int at = first * LAB_PIXELS + i;
        to[i] = (uint8_t)(at * 37 + at / 7 + at / LAB_PIXELS * 11);
    }
}

tn_model *lab_engine_model(bool sure_alone)
{
    uint8_t pixels[BATCH * LAB_PIXELS];
    int32_t labels[BATCH] = {1, 0, 2, 1};
    tn_graph *g = net(sure_alone);
    tn_device *device = NULL;
    tn_plan *p = NULL;
    tn_model *m = NULL;
    lab_engine_pixels(0, BATCH, pixels);
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_plan_create(
        &p, g, device,
        &(tn_plan_opts){.loss = tn_graph_loss(g), .optim = tn_adam(NULL), .seed = 3}));
    assert_ok(tn_plan_set(p, tn_graph_value(g, "image"),
                          (tn_tensor){TN_U8, TN_SHAPE(BATCH, LAB_SIDE, LAB_SIDE, 3), pixels}));
    assert_ok(
        tn_plan_set(p, tn_graph_value(g, "label"), (tn_tensor){TN_I32, TN_SHAPE(BATCH), labels}));
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_update(p, 0.05F));
    }
    assert_ok(tn_model_of_plan(&m, p));
    assert_ok(tn_model_tell(m, "tenon.classes", "rose\ntulip\ndaisy"));
    assert_ok(tn_model_tell(m, "tenon.fit", "resize=14 order=bgr"));
    assert_ok(tn_model_tell(m, "author", "nobody"));
    tn_plan_destroy(p);
    tn_device_close(device);
    tn_graph_destroy(g);
    return m;
}

tn_status lab_engine_save(const char *path)
{
    tn_model *m = lab_engine_model(false);
    const tn_status status = tn_engine_save(m, path);
    tn_model_close(m);
    return status;
}

void lab_engine_expect(const tn_model *m, const uint8_t *pixels, int count, float *fc, float *sure)
{
    const tn_graph *g = tn_model_graph(m);
    tn_device *device = NULL;
    tn_plan *p = NULL;
    const tn_shape rows = TN_SHAPE(count, LAB_CLASSES);
    assert_ok(tn_device_open(&device, "cpu,reference,threads=1"));
    const tn_value keep[] = {tn_graph_value(g, "fc"), tn_graph_value(g, "sure")};
    assert_ok(tn_plan_create(
        &p, g, device, &(tn_plan_opts){.from = m, .batch = count, .keep = keep, .num_keep = 2}));
    assert_ok(tn_plan_set(
        p, tn_graph_value(g, "image"),
        (tn_tensor){TN_U8, TN_SHAPE(count, LAB_SIDE, LAB_SIDE, 3), (void *)(uintptr_t)pixels}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, tn_graph_value(g, "fc"), (tn_tensor){TN_F32, rows, fc}));
    assert_ok(tn_plan_get(p, tn_graph_value(g, "sure"), (tn_tensor){TN_F32, rows, sure}));
    tn_plan_destroy(p);
    tn_device_close(device);
}

tn_status lab_engine_run(tn_context *c, const uint8_t *pixels, int count, float *fc, float *sure)
{
    const tn_tensor in = {TN_U8, TN_SHAPE(count, LAB_SIDE, LAB_SIDE, 3), (void *)(uintptr_t)pixels};
    const tn_tensor out[] = {{TN_F32, TN_SHAPE(count, LAB_CLASSES), fc},
                             {TN_F32, TN_SHAPE(count, LAB_CLASSES), sure}};
    return tn_context_run(c, count, &in, out);
}

float lab_engine_off(const float *a, const float *b, int count)
{
    float most = 0;
    for (int i = 0; i < count; i++)
        most = fmaxf(most, fabsf(a[i] - b[i]));
    return most;
}
