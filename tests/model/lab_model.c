#include "lab_model.h"

#include <stdlib.h>

#include "lab.h"

enum { PIXELS = LAB_MODEL_BATCH * 6 * 6 * 3 };

tn_graph *lab_model_net(int classes)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(LAB_MODEL_BATCH, 6, 6, 3));
    const tn_value label = tn_input(g, "label", TN_I32, TN_SHAPE(LAB_MODEL_BATCH));
    tn_value x = tn_image_input(g, image, &(tn_image_input_opts){.scale = {0.01F, 0.02F, 0.03F}});
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv", .filters = 8, .kernel = {3}});
    x = tn_relu(g, tn_batchnorm(g, x, &(tn_batchnorm_opts){.name = "bn"}), NULL);
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.name = "hidden", .units = 600}), NULL);
    x = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = classes});
    tn_output(g, x);
    tn_minimise(g, tn_softmax_xent(g, x, label, &(tn_softmax_xent_opts){.name = "loss"}).loss);
    assert_ok(tn_graph_status(g));
    return g;
}

static void set_inputs(tn_plan *p, const tn_graph *g)
{
    uint8_t pixels[PIXELS];
    int32_t labels[LAB_MODEL_BATCH] = {1, 0, 2, 1};
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 7);
    assert_ok(tn_plan_set(p, tn_graph_value(g, "image"),
                          (tn_tensor){TN_U8, TN_SHAPE(LAB_MODEL_BATCH, 6, 6, 3), pixels}));
    assert_ok(tn_plan_set(p, tn_graph_value(g, "label"),
                          (tn_tensor){TN_I32, TN_SHAPE(LAB_MODEL_BATCH), labels}));
}

tn_plan *lab_model_train(const tn_graph *g, tn_device *device, const tn_plan_opts *more)
{
    tn_plan *p = NULL;
    tn_plan_opts opts = more ? *more : (tn_plan_opts){.seed = 3};
    opts.loss = tn_graph_loss(g);
    opts.optim = tn_adam(NULL);
    assert_ok(tn_plan_create(&p, g, device, &opts));
    set_inputs(p, g);
    for (int i = 0; i < 2; i++) {
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_update(p, 0.01F));
    }
    return p;
}

float *lab_model_param(tn_plan *p, const char *name, int64_t *count)
{
    tn_param_info info;
    assert_ok(tn_plan_param(p, tn_plan_find_param(p, name), &info));
    assert_ok(tn_shape_count(&info.shape, count));
    float *data = malloc((size_t)*count * sizeof *data);
    assert_non_null(data);
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, name), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, info.shape, data}));
    return data;
}
