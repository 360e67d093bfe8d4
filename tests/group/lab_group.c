#include "group/lab_group.h"

#include <math.h>

#include "base/random.h"

static tn_value lenet(tn_graph *g, tn_value x)
{
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv1", .filters = 6, .kernel = {3}});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.name = "conv2", .filters = 8, .kernel = {2}});
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_relu(g, tn_dense(g, x, &(tn_dense_opts){.name = "ip1", .units = 17}), NULL);
    /* 17 elements a row: a replica's share begins inside of a group of four random numbers. */
    x = tn_dropout(g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    return tn_dense(g, x, &(tn_dense_opts){.name = "ip2", .units = GROUP_CLASSES});
}

static tn_value conv(tn_graph *g, tn_value x, int filters, int stride)
{
    x = tn_conv2d(
        g, x, &(tn_conv2d_opts){.filters = filters, .kernel = {3}, .pad = {1}, .stride = {stride}});
    return tn_batchnorm(g, x, NULL);
}

static tn_value resnet(tn_graph *g, tn_value x)
{
    x = tn_relu(g, conv(g, x, 8, 1), NULL);
    for (int block = 0; block < 2; block++) {
        const tn_value y = conv(g, tn_relu(g, conv(g, x, 8, 1), NULL), 8, 1);
        x = tn_relu(g, tn_add(g, x, y, NULL), NULL);
    }
    x = tn_pool2d(g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true});
    return tn_dense(g, x, &(tn_dense_opts){.units = GROUP_CLASSES});
}

tn_status lab_group_open(lab_group *s, const char *device, lab_net net, tn_plan_opts opts)
{
    static tn_value (*const nets[])(tn_graph *, tn_value) = {lenet, resnet};
    *s = (lab_group){0};
    tn_status status = tn_graph_create(&s->g);
    if (status == TN_OK)
        status = tn_device_open(&s->device, device);
    if (status == TN_OK) {
        s->image = tn_input(s->g, "image", TN_U8, TN_SHAPE(GROUP_ROWS, GROUP_SIDE, GROUP_SIDE, 1));
        s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(GROUP_ROWS));
        s->logits = nets[net](
            s->g, tn_image_input(s->g, s->image, &(tn_image_input_opts){.scale = {1 / 128.F}}));
        s->loss = tn_softmax_xent(s->g, s->logits, s->label, NULL);
        opts.loss = s->loss.loss;
        opts.keep = &s->logits;
        opts.num_keep = 1;
        opts.seed = 5; /* with which no ReLU sits at 0 within rounding, in any build tried */
        status = tn_plan_create(&s->plan, s->g, s->device, &opts);
    }
    if (status != TN_OK)
        lab_group_close(s);
    return status;
}

void lab_group_close(lab_group *s)
{
    tn_plan_destroy(s->plan);
    tn_device_close(s->device);
    tn_graph_destroy(s->g);
    *s = (lab_group){0};
}

tn_status lab_group_set(const lab_group *s, int i)
{
    uint8_t pixels[GROUP_ROWS * GROUP_PIXELS];
    int32_t labels[GROUP_ROWS];
    tn_random r = tn_random_begin(7, TN_RANDOM_TEST, (uint64_t)i);
    for (int n = 0; n < GROUP_ROWS; n++) {
        labels[n] = (int32_t)tn_random_below(&r, GROUP_CLASSES);
        for (int k = 0; k < GROUP_PIXELS; k++) { /* a class is a bar of its own place */
            const bool on = k / GROUP_SIDE / 3 == labels[n];
            pixels[n * GROUP_PIXELS + k] =
                (uint8_t)((on ? 160 : 20) + (int)tn_random_below(&r, 60));
        }
        if (i % 3 == 2 && (n == 0 || n == 4 || n == 6))
            labels[n] = -1;
    }
    TN_TRY(
        tn_plan_set(s->plan, s->image,
                    (tn_tensor){TN_U8, TN_SHAPE(GROUP_ROWS, GROUP_SIDE, GROUP_SIDE, 1), pixels}));
    return tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels});
}

tn_status lab_group_step(const lab_group *s, int i, int runs)
{
    for (int k = 0; k < runs; k++) {
        TN_TRY(lab_group_set(s, i * runs + k));
        TN_TRY(tn_plan_run(s->plan));
    }
    return tn_plan_update(s->plan, 0.02F);
}

tn_status lab_group_loss(const lab_group *s, float *loss)
{
    return tn_plan_get(s->plan, s->loss.loss, (tn_tensor){TN_F32, {0}, loss});
}

size_t lab_group_params(const lab_group *s, int part, float *to)
{
    size_t count = 0;
    for (int i = 0; i < tn_plan_num_params(s->plan); i++) {
        tn_param_info info;
        int64_t own;
        assert_ok(tn_plan_param(s->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &own));
        if (part != TN_PARAM_VALUE && !info.trained)
            continue;
        assert_true(count + (size_t)own <= GROUP_MOST_PARAMS);
        assert_ok(tn_plan_param_get(s->plan, i, part, (tn_tensor){TN_F32, info.shape, to + count}));
        count += (size_t)own;
    }
    return count;
}

/* No rank may be at another setting than the others. */
static void change_settings(tn_plan *plan)
{
    tn_optim_settings now;
    assert_ok(tn_plan_optim(plan, &now));
    now.momentum /= 2;
    now.weight_decay = 0.01F;
    now.clip_norm /= 2;
    assert_ok(tn_plan_set_optim(plan, &now));
}

void lab_group_train(const char *device, lab_net net, tn_plan_opts opts, lab_history *h)
{
    lab_group s;
    *h = (lab_history){0};
    assert_ok(lab_group_open(&s, device, net, opts));
    for (int i = 0; i < GROUP_STEPS; i++) {
        if (i == GROUP_STEPS / 2)
            change_settings(s.plan);
        assert_ok(lab_group_step(&s, i, opts.accumulate > 1 ? opts.accumulate : 1));
        assert_ok(lab_group_loss(&s, &h->loss[i]));
    }
    h->params = lab_group_params(&s, TN_PARAM_VALUE, h->param);
    lab_group_close(&s);
}

float lab_group_difference(const lab_history *a, const lab_history *b)
{
    float most = 0;
    assert_int_equal(a->params, b->params);
    for (size_t i = 0; i < a->params; i++) {
        const float size = fmaxf(1, fabsf(a->param[i]));
        const float d = fabsf(a->param[i] - b->param[i]) / size;
        most = d <= most ? most : d; /* a NaN stays */
    }
    for (int i = 0; i < GROUP_STEPS; i++) {
        const float d = fabsf(a->loss[i] - b->loss[i]);
        most = d <= most ? most : d;
    }
    return most;
}
